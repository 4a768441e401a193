//! Whole ways through the library: a real server, backup, verify, restore.

mod logical;
mod physical;
pub(crate) mod world;

use crate::support::in_memory;
use crate::support::pg;
