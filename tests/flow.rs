//! Whole ways through the library: a real server, backup, verify, restore.

#[path = "flow/logical.rs"]
mod logical;
#[path = "support/pg.rs"]
mod pg;
#[path = "flow/physical.rs"]
mod physical;
#[path = "flow/world.rs"]
mod world;
