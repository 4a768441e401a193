//! Who may enter: our reading of pg_hba.conf against hand-written
//! expectations, against itself, and against real servers.
//!
//! Random tests print their seed where they fail; `PGSEAL_HBA_SEED` replays it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "hba/connections.rs"]
mod connections;
#[path = "hba/file_rules.rs"]
mod file_rules;
#[path = "hba/golden.rs"]
mod golden;
#[path = "hba/includes.rs"]
mod includes;
#[path = "hba/itself.rs"]
mod itself;
#[path = "hba/knock.rs"]
mod knock;
#[path = "support/pg.rs"]
mod pg;
#[path = "hba/random.rs"]
mod random;
#[path = "hba/scale.rs"]
mod scale;
#[path = "hba/soup.rs"]
mod soup;
