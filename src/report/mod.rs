//! What a drill proved and what an audit saw, in a form that CI, cron and an
//! auditor can read.
//!
//! | file | holds |
//! |---|---|
//! | [`model`] | the report of a drill: versioned JSON, from which all else is rendered |
//! | [`audit`] | the report of an audit |
//! | [`document`] | either of them |
//! | [`verdict`] | from evidence to verdict, proof level and exit code |
//! | `isolation` | which probes must stand for it |
//! | [`json`] | the canonical bytes, written and read |
//! | [`exposure`] | exposure in each of these forms, for both |
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
//! `drill-report.schema.json` and `audit-report.schema.json` ([`schema`]) are the
//! schemas of the JSON forms (draft 2020-12). In version 1 fields may be added; none is renamed or gets another meaning.

pub mod audit;
pub mod document;
pub mod exposure;
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

pub use audit::AuditReport;
pub use document::Document;
pub use format::Format;
pub use model::{ErrorEntry, IsolationReport, PastDrill, ProofLevel, Report, Span, Timings, ToolRef, Verdict};
pub use redact::Redactor;
pub use trusted::Trusted;
pub use verdict::{Evidence, Judgement, judge};
