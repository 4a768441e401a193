//! `pgseal backup` under faults: the real program against a real server.

mod behind;
mod children;
mod golden;
mod interrupts;
mod left_out;
mod lost;
mod planted;
mod refused;
mod secrets;
mod stores;
mod strangers;
mod stress;
mod terminal;
mod unwritten;
mod vanishing;
mod warned;

use crate::support::golden as snapshot;
use crate::support::pg;
use crate::support::world;
