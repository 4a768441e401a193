//! `pgseal backup` under faults: the real program against a real server.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "backup/children.rs"]
mod children;
#[path = "backup/interrupts.rs"]
mod interrupts;
#[path = "support/pg.rs"]
mod pg;
#[path = "backup/stores.rs"]
mod stores;
#[path = "support/world.rs"]
mod world;
