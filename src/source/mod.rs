//! Where bytes come from: the server, its facts, and the streams that
//! PostgreSQL's own programs make.
//!
//! | file | holds |
//! |---|---|
//! | [`conninfo`], [`service`], [`passfile`] | libpq's ways to say where a server is, read by libpq's rules |
//! | [`conn`], [`tls`] | the resolved parameters, encryption of the connection |
//! | [`session`] | one SQL session with pinned settings |
//! | [`tools`] | PostgreSQL's client programs of the right major |
//! | [`tap`] | what watches a stream as it passes |
//! | [`archive`], [`tar_tap`] | the taps for pg_dump archives and base backups |
//! | [`archive_list`] | an archive's table of contents, to choose from on the way back |
//! | [`stream`] | a child to run and its tap |
//! | [`probe`], [`catalog`], [`snapshot`] | what server and databases say of themselves |
//! | [`logical`], [`physical`] | the streams of the two kinds of backup |
//! | [`coverage`] | whether the streams hold what the catalog had |
//! | [`facts`] | what is sealed beside a backup |
//!
//! Rules of this folder: names never travel on a command line where a program
//! could read them as a connection string, passwords never at all; whatever a
//! role or database setting could change in a dump is pinned by the client.

pub mod archive;
mod archive_input;
pub mod archive_list;
mod archive_toc;
mod backup_files;
pub mod catalog;
pub mod conn;
pub mod conninfo;
mod copy_text;
pub mod coverage;
pub mod facts;
pub mod logical;
pub mod passfile;
pub mod physical;
pub mod probe;
pub mod service;
pub mod session;
pub mod snapshot;
pub mod stream;
pub mod tap;
pub mod tar_tap;
pub mod tls;
pub mod tools;

pub use archive::{ArchiveContents, ArchiveTap, ArchivedTable};
pub use conn::{ConnParams, SslMode};
pub use facts::Facts;
pub use session::Session;
pub use snapshot::Snapshot;
pub use stream::{DumpStream, StreamRole};
pub use tap::{GlobalsTap, Tap, Tapped};
pub use tar_tap::BaseTap;
pub use tools::PgBin;
