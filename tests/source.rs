//! Sources against a real server: connections, snapshots, streams.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/pg.rs"]
mod pg;

#[path = "source/connect.rs"]
mod connect;
#[path = "source/dump.rs"]
mod dump;
