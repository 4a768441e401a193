//! Whole ways through the library: a real server, backup, verify, restore.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::many_single_char_names,
    clippy::too_many_lines,
    missing_docs
)]

#[path = "support/in_memory.rs"]
mod in_memory;
#[path = "flow/logical.rs"]
mod logical;
#[path = "support/pg.rs"]
mod pg;
#[path = "flow/physical.rs"]
mod physical;
#[path = "flow/world.rs"]
mod world;
