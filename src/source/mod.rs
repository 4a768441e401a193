//! Where bytes come from: the server, its facts, and the streams that
//! PostgreSQL's own programs make.
//!
//! | file | holds |
//! |---|---|
//! | [`conninfo`], [`service`], [`passfile`] | libpq's ways to say where a server is, read by libpq's rules |
//! | [`conn`], [`tls`] | the resolved parameters, encryption of the connection |
//! | [`session`] | one SQL session with pinned settings |
//! | [`tools`] | PostgreSQL's client programs of the right major |
//! | [`facts`] | what is sealed beside a backup |
//!
//! Rules of this folder: names never travel on a command line where a program
//! could read them as a connection string, passwords never at all; whatever a
//! role or database setting could change in a dump is pinned by the client.

pub mod conn;
pub mod conninfo;
pub mod facts;
pub mod passfile;
pub mod service;
pub mod session;
pub mod tls;
pub mod tools;

pub use conn::{ConnParams, SslMode};
pub use facts::Facts;
pub use session::Session;
pub use tools::PgBin;
