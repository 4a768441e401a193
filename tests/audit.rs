//! Exposure as users meet it, through the program: a cluster with every sin and one
//! with none, backed up, drilled and audited; and the commands around it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/pg.rs"]
mod pg;
#[path = "drill/world.rs"]
#[allow(dead_code)]
mod world;

#[path = "exposure/fixture.rs"]
mod fixture;

#[path = "audit/expected.rs"]
mod expected;
#[path = "audit/model.rs"]
mod model;
#[path = "audit/program.rs"]
mod program;
#[path = "audit/worst.rs"]
mod worst;
