//! `pgseal backup` under faults: the real program against a real server.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "backup/behind.rs"]
mod behind;
#[path = "backup/children.rs"]
mod children;
#[path = "backup/golden.rs"]
mod golden;
#[path = "backup/interrupts.rs"]
mod interrupts;
#[path = "backup/left_out.rs"]
mod left_out;
#[path = "support/pg.rs"]
mod pg;
#[path = "backup/refused.rs"]
mod refused;
#[path = "backup/secrets.rs"]
mod secrets;
#[path = "support/golden.rs"]
mod snapshot;
#[path = "backup/stores.rs"]
mod stores;
#[path = "backup/strangers.rs"]
mod strangers;
#[path = "backup/stress.rs"]
mod stress;
#[path = "backup/terminal.rs"]
mod terminal;
#[path = "backup/vanishing.rs"]
mod vanishing;
#[path = "backup/warned.rs"]
mod warned;
#[path = "support/world.rs"]
mod world;
