//! What several suites need: servers, stores, a configuration, snapshots.

pub mod exposure;
pub mod golden;
pub mod in_memory;
pub mod installation;
pub mod pg;
pub mod reports;
pub mod s3_server;
pub mod world;
