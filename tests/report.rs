//! Reports of real drills: every form is accepted by what it was made for, nothing
//! secret is in any of them, and only what a pinned key signed is believed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::case_sensitive_file_extension_comparisons)]

#[path = "report/forms.rs"]
mod forms;
#[path = "support/pg.rs"]
mod pg;
#[path = "drill/reseal.rs"]
#[allow(dead_code)]
mod reseal;
#[path = "report/secrets.rs"]
mod secrets;
#[path = "report/trust.rs"]
mod trust;
#[path = "drill/world.rs"]
#[allow(dead_code)]
mod world;
