//! Checks over a restored instance.
pub mod result;

pub use result::{CheckResult, DATA_PROVING, Finding, Outcome, Rule, Severity};
