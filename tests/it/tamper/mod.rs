//! What a hostile or broken store can do, and that it is noticed.

mod bombs;
mod commit;
mod data;
mod history;
mod honest;
mod limits;
mod model;
mod nth;
mod program;
mod proof;
mod remembered;
mod signature;
mod soup;
mod world;

use crate::flow::world as flow;
use crate::support::in_memory;
use crate::support::pg;
