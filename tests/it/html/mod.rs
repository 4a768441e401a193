//! The HTML report: looked at in a real browser, held to its size, and shown
//! in `examples/reports/`.

mod browser;
mod examples;
mod hostile;
mod size;

use crate::support::reports;
