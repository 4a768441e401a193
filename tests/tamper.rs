//! What a hostile or broken store can do, and that it is noticed.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::unused_self, clippy::unused_async, clippy::case_sensitive_file_extension_comparisons)]

#[path = "tamper/bombs.rs"]
mod bombs;
#[path = "tamper/commit.rs"]
mod commit;
#[path = "tamper/data.rs"]
mod data;
#[allow(dead_code, clippy::pedantic)]
#[path = "flow/world.rs"]
mod flow;
#[path = "tamper/history.rs"]
mod history;
#[path = "tamper/honest.rs"]
mod honest;
#[path = "support/in_memory.rs"]
mod in_memory;
#[path = "tamper/limits.rs"]
mod limits;
#[path = "tamper/model.rs"]
mod model;
#[path = "tamper/nth.rs"]
mod nth;
#[path = "support/pg.rs"]
mod pg;
#[path = "tamper/program.rs"]
mod program;
#[path = "tamper/proof.rs"]
mod proof;
#[path = "tamper/remembered.rs"]
mod remembered;
#[path = "tamper/signature.rs"]
mod signature;
#[path = "tamper/soup.rs"]
mod soup;
#[path = "tamper/world.rs"]
mod world;
