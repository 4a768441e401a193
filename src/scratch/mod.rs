//! Throw-away PostgreSQL servers: prepared, sealed, probed, gone afterwards.
//!
//! What is started here comes out of a backup, and a backup is hostile until
//! proven otherwise: its settings want to archive into production, its
//! subscriptions dial out, its functions run. So nothing of the copied
//! configuration is used, every dangerous setting stands on the command line
//! (which outranks every file), the server runs as a user of no rights in
//! namespaces of its own, and what was asked for is then *proven* by probes.
//!
//! | file | holds |
//! |---|---|
//! | [`jail`] | how far we can isolate on this host, found by trying |
//! | `inside` / `view` / `user` | what a trial run saw · which files are visible · who runs it |
//! | [`limits`] | what a jailed process may use |
//! | `files` | whose its files are |
//! | [`dir`] | the directory of one instance, from birth to checked removal |
//! | [`seal`] | the sealed settings, asked of the program before the start |
//! | [`mod@sanitise`] | what is taken out of an extracted data directory |
//! | [`cluster`] | `initdb`, own configuration files, `pg_controldata` |
//! | [`instance`] | the running server |
//! | [`failure`] | why it did not start: broken backup, or a fault of this host |
//! | [`conn`] | sessions over the private socket |
//! | [`probe`] | proof of the isolation (ISO checks) |
//! | [`leftovers`] | what dead runs left behind |
//! | [`procfs`] | what `/proc` says |
//! | [`unlinked`] | files without a name that take room on disk |

pub mod cluster;
pub mod conn;
pub mod dir;
pub mod failure;
mod files;
mod inside;
pub mod instance;
pub mod jail;
pub mod leftovers;
pub mod limits;
mod preload;
pub mod probe;
pub mod procfs;
pub mod sanitise;
pub mod seal;
pub mod unlinked;
mod user;
mod view;

pub use crate::process::lease;
pub use cluster::{ClusterOptions, init_cluster};
pub use conn::{Door, Session};
pub use dir::{Scratch, Teardown};
pub use instance::{Instance, Origin, StartOptions};
pub use jail::Jail;
pub use limits::Limits;
pub use preload::Preload;
pub use probe::{Probe, ProbeOutcome};
pub use sanitise::{Sanitised, sanitise};
