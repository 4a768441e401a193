//! Exposure checks against real servers, stores and hosts: each fires on a
//! fixture of its own and stays silent on a healthy one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/pg.rs"]
mod pg;
#[path = "support/s3_server.rs"]
mod s3_server;
#[path = "support/world.rs"]
mod world;

#[path = "exposure/fixture.rs"]
mod fixture;

#[path = "exposure/code.rs"]
mod code;
#[path = "exposure/drift.rs"]
mod drift;
#[path = "exposure/entry.rs"]
mod entry;
#[path = "exposure/house.rs"]
mod house;
#[path = "exposure/pages.rs"]
mod pages;
#[path = "exposure/policy.rs"]
mod policy;
#[path = "exposure/posture.rs"]
mod posture;
#[path = "exposure/privileges.rs"]
mod privileges;
#[path = "exposure/roles.rs"]
mod roles;
#[path = "exposure/secrets.rs"]
mod secrets;
#[path = "exposure/settings.rs"]
mod settings;
#[path = "exposure/trail.rs"]
mod trail;
