//! `pgseal drill` from end to end: the real program, a real server, a store in
//! a directory; what it says, what it exits with, and what it leaves behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "drill/broken.rs"]
mod broken;
#[path = "drill/builtin.rs"]
mod builtin;
#[path = "drill/cannot.rs"]
mod cannot;
#[path = "drill/computed.rs"]
mod computed;
#[path = "drill/damage.rs"]
mod damage;
#[path = "drill/dumped.rs"]
mod dumped;
#[path = "drill/elsewhere.rs"]
mod elsewhere;
#[path = "drill/event_triggers.rs"]
mod event_triggers;
#[path = "drill/extension_objects.rs"]
mod extension_objects;
#[path = "drill/healthy.rs"]
mod healthy;
#[path = "support/installation.rs"]
mod installation;
#[path = "drill/interrupt.rs"]
mod interrupt;
#[path = "drill/isolation.rs"]
mod isolation;
#[path = "drill/lacking.rs"]
mod lacking;
#[path = "drill/limits.rs"]
mod limits;
#[path = "drill/moving_rows.rs"]
mod moving_rows;
#[path = "support/pg.rs"]
mod pg;
#[path = "drill/probes.rs"]
mod probes;
#[path = "drill/reaching.rs"]
mod reaching;
#[path = "drill/recipients.rs"]
mod recipients;
#[path = "drill/reseal.rs"]
mod reseal;
#[path = "drill/self_test.rs"]
mod self_test;
#[path = "drill/sleepers.rs"]
mod sleepers;
#[path = "drill/versions.rs"]
mod versions;
#[path = "drill/world.rs"]
mod world;
