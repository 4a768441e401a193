//! Exposure as users meet it, through the program: a cluster with every sin and one
//! with none, backed up, drilled and audited; and the commands around it.

mod expected;
mod model;
mod program;
mod worst;

use crate::drill::world;
use crate::exposure::fixture;
use crate::support::pg;
