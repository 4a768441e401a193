//! What `restore` and `drill` say, word for word.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "golden/drill.rs"]
mod drill;
#[path = "support/pg.rs"]
mod pg;
#[path = "golden/restore.rs"]
mod restore;
#[path = "support/golden.rs"]
mod snapshot;
#[path = "support/world.rs"]
mod world;
