//! `pgseal restore` by the real program: real servers, a store in a directory.

#![allow(clippy::unwrap_used)]

#[path = "restore/configured.rs"]
mod configured;
#[path = "restore/databases.rs"]
mod databases;
#[path = "restore/directory.rs"]
mod directory;
#[path = "restore/failures.rs"]
mod failures;
#[path = "support/installation.rs"]
mod installation;
#[path = "restore/leftovers.rs"]
mod leftovers;
#[path = "support/pg.rs"]
mod pg;
#[path = "restore/plan.rs"]
mod plan;
#[path = "restore/standby.rs"]
mod standby;
#[path = "restore/tables.rs"]
mod tables;
#[path = "restore/warned.rs"]
mod warned;
#[path = "restore/without_pgseal.rs"]
mod without_pgseal;
#[path = "restore/world.rs"]
mod world;
#[path = "restore/worst_day.rs"]
mod worst_day;
