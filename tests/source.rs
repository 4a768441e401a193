//! Sources against a real server: connections, snapshots, streams.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/pg.rs"]
mod pg;

#[path = "source/base.rs"]
mod base;
#[path = "source/connect.rs"]
mod connect;
#[path = "source/dump.rs"]
mod dump;
#[path = "source/libpq.rs"]
mod libpq;
#[path = "source/odd.rs"]
mod odd;
#[path = "source/pinned.rs"]
mod pinned;
#[path = "source/standby.rs"]
mod standby;
#[path = "source/tapped.rs"]
mod tapped;
#[path = "source/tls.rs"]
mod tls;
