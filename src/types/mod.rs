//! Small values that every other folder speaks in.
//!
//! | file | holds |
//! |---|---|
//! | [`ids`] | source slug, backup id, repository id |
//! | [`digest`] | SHA-256 values |
//! | [`keyed`](mod@keyed) | tags under a key |
//! | [`kind`] | logical or physical |
//! | [`known`] | a value, or why it is not known |
//! | [`lsn`] | positions in the write-ahead log |
//! | [`pg_version`] | server versions |
//! | [`redaction`] | how much of a database's names a report tells |
//! | [`rows`] | an order-free digest of table rows |
//! | [`severity`] | how bad a finding is |
//! | [`secret`] | strings that never show themselves |
//! | [`event`] | progress, as it leaves the core |
//! | [`text`] | showing hostile text safely |
//! | [`trusted`] | files that nobody else can have written |

pub mod digest;
pub mod event;
pub mod ids;
pub mod keyed;
pub mod kind;
pub mod known;
pub mod lsn;
pub mod pg_version;
pub mod redaction;
pub mod rows;
pub mod secret;
pub mod severity;
pub mod text;
pub mod trusted;

pub use digest::{Digest, Hasher};
pub use event::{Event, Observer, Silent};
pub use ids::{BackupId, RepoId, SourceName};
pub use keyed::keyed;
pub use kind::Kind;
pub use known::Known;
pub use lsn::Lsn;
pub use pg_version::PgVersion;
pub use redaction::Redaction;
pub use rows::{RowsHasher, Sample};
pub use secret::Secret;
pub use severity::Severity;
pub use text::shown;
