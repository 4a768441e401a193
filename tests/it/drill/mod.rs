//! `pgseal drill` from end to end: the real program, a real server, a store in
//! a directory; what it says, what it exits with, and what it leaves behind.

mod broken;
mod builtin;
mod cannot;
mod computed;
mod damage;
mod dumped;
mod elsewhere;
mod event_triggers;
mod extension_objects;
mod healthy;
mod interrupt;
mod isolation;
mod lacking;
mod limits;
mod moved;
mod moving_rows;
mod other_indexes;
mod probes;
mod reaching;
mod recipients;
pub(crate) mod reseal;
mod self_test;
mod sleepers;
mod versions;
pub(crate) mod world;

use crate::support::installation;
use crate::support::pg;
