//! `pgseal restore` by the real program: real servers, a store in a directory.

mod configured;
mod databases;
mod directory;
mod failures;
mod leftovers;
mod locales;
mod plan;
mod standby;
mod tables;
mod tablespaces;
mod warned;
mod without_pgseal;
mod world;
mod worst_day;

use crate::support::installation;
use crate::support::pg;
