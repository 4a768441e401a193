//! Reports of real drills: every form is accepted by what it was made for, nothing
//! secret is in any of them, and only what a pinned key signed is believed.

mod forms;
mod secrets;
mod trust;

use crate::drill::reseal;
use crate::drill::world;
use crate::support::pg;
