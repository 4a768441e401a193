//! Scratch instances against a real PostgreSQL.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "scratch/catalogs.rs"]
mod catalogs;
#[path = "scratch/checks.rs"]
mod checks;
#[path = "scratch/death.rs"]
mod death;
#[path = "scratch/definitions.rs"]
mod definitions;
#[path = "scratch/elsewhere.rs"]
mod elsewhere;
#[path = "scratch/hostile.rs"]
mod hostile;
#[path = "support/installation.rs"]
mod installation;
#[path = "scratch/lifecycle.rs"]
mod lifecycle;
#[path = "scratch/physical.rs"]
mod physical;
#[path = "scratch/rich.rs"]
mod rich;
#[path = "scratch/support.rs"]
mod support;
#[path = "scratch/walls.rs"]
mod walls;
