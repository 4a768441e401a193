//! Who may enter: our reading of pg_hba.conf against hand-written
//! expectations, against itself, and against real servers.
//!
//! Random tests print their seed where they fail; `PGSEAL_HBA_SEED` replays it.

mod connections;
mod file_rules;
mod golden;
mod includes;
mod itself;
mod knock;
mod random;
mod scale;
mod soup;

use crate::support::pg;
