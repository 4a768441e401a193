//! The way back: from a signed manifest to a running database.
//!
//! Nothing reaches a decoder, `pg_restore` or a file before its hash was
//! checked against the signed manifest. What is being restored gets its name
//! only at the end: a database is restored under a working name, a directory
//! beside its place.
//!
//! | file | holds |
//! |---|---|
//! | [`opened`] | a backup whose identity fits and whose facts are open |
//! | [`plan`] | what a restore would do |
//! | [`survey`] | what on the target server would stop it |
//! | [`feed`] | parts into a child's input or into memory |
//! | [`globals`] | roles, without psql |
//! | [`database`] | creating a database as it was |
//! | `locale` | its encoding and locale |
//! | [`properties`] | what of a database lies outside its dump |
//! | `event_triggers` | why those of a copy come last |
//! | [`selection`] | which entries of an archive make up some tables |
//! | [`logical`] | databases: created, filled, named |
//! | `load` | one database filled by pg_restore |
//! | `archive` | its schema stream, and what of it is wanted |
//! | `refused` | which entries the server refused |
//! | `said` | what pg_restore warned of, though it went on |
//! | `views` | materialized views that need the database's `search_path` |
//! | [`misdumped`] | what a dump says otherwise than it was |
//! | `needs` | which roles and tablespaces an archive needs |
//! | [`lost`] | what could not be restored |
//! | [`reference`] | what a backup's schema alone makes, to compare with |
//! | [`unfinished`] | removing what an interrupt left |
//! | [`leftovers`] | finding what a kill left |
//! | `complaint` | what pg_restore said, without rows |
//! | [`untar`] | a base backup's tar into a directory, by a suspicious walker |
//! | [`physical`] | a data directory |
//! | `staging` | where it is filled before it has its name |
//! | [`carried`] | what it would do when a server is started in it |
//! | [`conf`] | its configuration files |

mod archive;
pub mod carried;
mod complaint;
pub mod conf;
pub mod database;
mod event_triggers;
pub mod feed;
pub mod globals;
pub mod leftovers;
mod load;
mod locale;
pub mod logical;
pub mod lost;
pub mod misdumped;
mod needs;
pub mod opened;
pub mod physical;
pub mod plan;
pub mod properties;
pub mod reference;
mod refused;
mod said;
pub mod selection;
mod staging;
pub mod survey;
pub mod unfinished;
pub mod untar;
mod views;

pub use complaint::{MISSING_LIBRARY, Said};
pub use logical::LogicalTarget;
pub use opened::Opened;
pub use physical::PhysicalTarget;
