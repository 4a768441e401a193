//! Configuration.

pub mod schema;

pub use schema::Config;
