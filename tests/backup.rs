//! `pgseal backup` under faults: the real program against a real server.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "backup/children.rs"]
mod children;
#[path = "support/pg.rs"]
mod pg;
#[path = "support/world.rs"]
mod world;
