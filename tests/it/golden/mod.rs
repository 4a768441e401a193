//! What `restore` and `drill` say, word for word.

mod drill;
mod restore;

use crate::support::golden as snapshot;
use crate::support::pg;
use crate::support::world;
