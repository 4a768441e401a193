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
//! | [`properties`] | what of a database lies outside its dump |
//! | [`selection`] | which entries of an archive make up some tables |
//! | [`logical`] | databases by pg_restore |
//! | [`unfinished`] | removing what an interrupt left |
//! | [`leftovers`] | finding what a kill left |
//! | `complaint` | what pg_restore said, without rows |
//! | [`untar`] | a base backup's tar into a directory, by a suspicious walker |
//! | [`physical`] | a data directory |
//! | `staging` | where it is filled before it has its name |
//! | [`carried`] | what it would do when a server is started in it |
//! | [`conf`] | its configuration files |

pub mod carried;
mod complaint;
pub mod conf;
pub mod database;
pub mod feed;
pub mod globals;
pub mod leftovers;
pub mod logical;
pub mod opened;
pub mod physical;
pub mod plan;
pub mod properties;
pub mod selection;
mod staging;
pub mod survey;
pub mod unfinished;
pub mod untar;

pub use complaint::MISSING_LIBRARY;
pub use logical::LogicalTarget;
pub use opened::Opened;
pub use physical::PhysicalTarget;
