//! Scratch instances against a real PostgreSQL.

mod catalogs;
mod checks;
mod death;
mod definitions;
mod elsewhere;
mod hostile;
mod lifecycle;
mod physical;
mod rich;
pub(crate) mod support;
mod walls;

use crate::support::installation;
