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
//! | [`markdown`] | for the summary of a CI job |
//! | [`sarif`] | for code scanning |
//! | [`prometheus`] | for the textfile collector |
//! | [`intoto`] | attestations for policy engines, signed by themselves |
//! | [`html`] | for people, as one page with pictures |
//! | [`format`](mod@format) | all of them by name |
//! | [`redact`] | which names of the database are in it |
//! | [`pseudonyms`] | what stands for names, known on this host only |
//! | [`signed`] | stored beside the backups with a signature |
//! | [`trusted`] | believed only with a good signature by a pinned key |
//! | [`history`] | earlier drills of a source, from their signed reports |
//!
//! `drill-report.schema.json` ([`schema`]) is the JSON form's schema (draft 2020-12). In
//! version 1 fields may be added; none is renamed or gets another meaning.

pub mod format;
pub mod history;
pub mod html;
pub mod intoto;
mod isolation;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod model;
pub mod prometheus;
pub mod pseudonyms;
pub mod redact;
pub mod sarif;
pub mod schema;
pub mod signed;
pub mod text;
pub mod trusted;
pub mod verdict;

pub use format::Format;
pub use model::{ErrorEntry, IsolationReport, PastDrill, ProofLevel, Report, Span, Timings, ToolRef, Verdict};
pub use redact::Redactor;
pub use trusted::Trusted;
pub use verdict::{Evidence, Judgement, judge};
