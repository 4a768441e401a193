//! The report of an audit: a look at exposure without a restore. Format 1; fields
//! may be added in a version, none is renamed or gets another meaning.
//!
//! An audit has no verdict of a backup. Where it stands follows from its exit
//! code: 0 and 3 where nothing open reaches the threshold, 52 where something
//! does, 53 where a required check, or every check, could not look.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::model::plain_run;
use super::{ErrorEntry, ToolRef, exposure};
use crate::error::Code;
use crate::exposure::{Exposure, verdict};
use crate::types::{Redaction, SourceName};

/// One audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditReport {
    /// `pgseal-audit-report`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// Distinguishes runs; plain characters.
    pub run: String,
    /// Which names are in here.
    #[serde(default)]
    pub redaction: Redaction,
    /// Source.
    pub source: SourceName,
    /// When the audit began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The program.
    pub tool: ToolRef,
    /// Major version of the server; absent where none was looked at.
    pub server_major: Option<u32>,
    /// What was seen.
    pub exposure: Exposure,
    /// Exit code of the audit.
    pub exit_code: u8,
    /// Why the exit code is what it is.
    pub reasons: Vec<String>,
    /// What went wrong, worst first.
    pub errors: Vec<ErrorEntry>,
}

/// Where an audit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It looked, and nothing open reaches the threshold.
    Clear,
    /// Something open reaches it.
    Exposed,
    /// It did not see what it had to see.
    Incomplete,
}

impl Standing {
    /// The word used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Exposed => "exposed",
            Self::Incomplete => "incomplete",
        }
    }
}

impl AuditReport {
    /// Value of `format`.
    pub const FORMAT: &str = "pgseal-audit-report";
    /// Value of `version`.
    pub const VERSION: u32 = 1;

    /// `<source>-audit-<run>`: what its files are called.
    pub fn stem(&self) -> String {
        format!("{}-audit-{}", self.source, plain_run(&self.run))
    }

    /// Where it stands. Never clear where no check said anything.
    pub fn standing(&self) -> Standing {
        let done = [Code::Done, Code::Warnings].map(Code::number).contains(&self.exit_code);
        if self.exit_code == Code::Exposure.number() {
            Standing::Exposed
        } else if done && exposure::numbers::evaluated(&self.exposure) > 0 {
            Standing::Clear
        } else {
            Standing::Incomplete
        }
    }
}

/// Exit code of an audit, and why: the worst of what happened and what was seen.
pub fn judge(seen: &Exposure, errors: &[Code]) -> (Code, Vec<String>) {
    let verdict = verdict(seen);
    let looked = verdict.code();
    let failed = || errors.iter().filter(|c| !matches!(c, Code::Done | Code::Warnings));
    // That a server or a store could not be had says more than that checks could not look.
    let looked = (looked != Code::CouldNotRun || failed().next().is_none()).then_some(looked);
    let code = errors.iter().copied().chain(looked).min_by_key(|c| c.precedence()).unwrap_or(Code::Internal);
    let failed = failed().map(|c| format!("the audit could not go on: {} ({})", c.class(), c.number())).collect();
    (code, [verdict.exposed, failed, verdict.incomplete, verdict.warnings].concat())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::checks::Severity;
    use crate::error::{Error, Stage};
    use crate::report::exposure::sample;

    /// An audit with something of everything.
    pub(in crate::report) fn sample_of(seen: Exposure) -> AuditReport {
        let (code, reasons) = judge(&seen, &[]);
        AuditReport {
            format: AuditReport::FORMAT.into(),
            version: AuditReport::VERSION,
            run: "a1".into(),
            redaction: Redaction::None,
            source: "shop".parse().unwrap(),
            started_at: "2026-11-23T05:00:00Z".parse().unwrap(),
            finished_at: "2026-11-23T05:00:02Z".parse().unwrap(),
            tool: ToolRef::default(),
            server_major: Some(15),
            exposure: seen,
            exit_code: code.number(),
            reasons,
            errors: vec![ErrorEntry::from(
                &Error::new(Code::Warnings, Stage::Checks, "one database was passed over").hint("Allow connections."),
            )],
        }
    }

    pub(in crate::report) fn sample() -> AuditReport {
        sample_of(sample::sample())
    }

    #[test]
    fn the_worst_counts_and_not_looked_is_not_clear() {
        let judged = |change: fn(&mut Exposure), errors: &[Code]| {
            let mut seen = sample::sample();
            change(&mut seen);
            let (code, reasons) = judge(&seen, errors);
            let mut r = sample_of(seen);
            (r.exit_code, r.reasons) = (code.number(), reasons);
            (r.exit_code, r.standing(), r.reasons.len())
        };
        let clean = |e: &mut Exposure| {
            e.required_open.clear();
            e.checks.retain(|c| c.findings.is_empty());
        };
        // One of its checks failed itself, which is a warning.
        assert_eq!(judged(|_| {}, &[]), (52, Standing::Exposed, 4));
        assert_eq!(judged(clean, &[]), (3, Standing::Clear, 1));
        assert_eq!(judged(clean, &[Code::SourceUnreachable]), (20, Standing::Incomplete, 2));
        assert_eq!(judged(|_| {}, &[Code::SourceUnreachable]), (52, Standing::Exposed, 5));
        let only_required = |e: &mut Exposure| e.checks.retain(|c| c.findings.is_empty());
        assert_eq!(judged(only_required, &[]), (53, Standing::Incomplete, 2));
        let nothing = |e: &mut Exposure| {
            e.required_open.clear();
            e.checks.clear();
        };
        assert_eq!(judged(nothing, &[]), (53, Standing::Incomplete, 1));
        assert_eq!(judged(nothing, &[Code::SourceUnreachable]), (20, Standing::Incomplete, 2));
        assert_eq!(judged(only_required, &[Code::StoreUnavailable]), (30, Standing::Incomplete, 3));
        let below = |e: &mut Exposure| {
            e.required_open.clear();
            e.fail_on = Severity::Critical;
            e.checks.remove(0);
        };
        assert_eq!(judged(below, &[]), (3, Standing::Clear, 1));
    }

    #[test]
    fn nothing_evaluated_is_incomplete_whatever_the_code_says() {
        let mut r = sample();
        r.exposure.checks.clear();
        r.exit_code = 0;
        assert_eq!(r.standing(), Standing::Incomplete);
        r.run = "../x".into();
        assert_eq!(r.stem(), "shop-audit-run");
    }
}
