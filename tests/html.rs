//! The HTML report: looked at in a real browser, held to its size, and shown
//! in `examples/reports/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "html/browser.rs"]
mod browser;
#[path = "html/examples.rs"]
mod examples;
#[path = "html/hostile.rs"]
mod hostile;
#[path = "support/reports.rs"]
mod reports;
#[path = "html/size.rs"]
mod size;
