//! What a drill proved, in a form that CI, cron and an auditor can read.
//!
//! | file | holds |
//! |---|---|
//! | [`model`] | the report: versioned JSON, from which all else is rendered |
//! | [`verdict`] | from evidence to verdict, proof level and exit code |
//! | `isolation` | which probes must stand for it |
//! | [`json`] | the canonical bytes, written and read |
//! | [`text`] | for people |
//! | [`junit`] | for CI |
//! | [`html`] | for people, as one page with pictures |
//! | [`signed`] | stored beside the backups with a signature |

pub mod html;
mod isolation;
pub mod json;
pub mod junit;
pub mod model;
pub mod signed;
pub mod text;
pub mod verdict;

pub use model::{ErrorEntry, IsolationReport, ProofLevel, Report, Timings, ToolRef, Verdict};
pub use verdict::{Evidence, Judgement, judge};
