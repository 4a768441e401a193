//! What ends a run: findings at or above the threshold, or too little evidence.
//! The one rule of drills and audits.

use super::outcome::{is_waived, severity_of, worst_open};
use super::{Exposure, Severity, policy};
use crate::checks::{Change, CheckResult, Finding, Outcome};
use crate::error::Code;

/// What follows from a look at exposure: for each exit code why, in the words of
/// the checks and without any other name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// 52: open findings as bad as the threshold or worse. A finding that is new
    /// since the last look counts from one step below, so that what was there when
    /// nobody looked can be worked off, and nothing is added to it in silence.
    pub exposed: Vec<String>,
    /// 53: nothing was evaluated at all, or a required check was not.
    pub incomplete: Vec<String>,
    /// 3: checks that failed themselves.
    pub warnings: Vec<String>,
}

impl Verdict {
    /// The worst of it. What was found stays found, however much could not be
    /// looked at: 52 comes before 53.
    pub fn code(&self) -> Code {
        let all =
            [(&self.exposed, Code::Exposure), (&self.incomplete, Code::CouldNotRun), (&self.warnings, Code::Warnings)];
        let said = all.into_iter().filter(|(why, _)| !why.is_empty()).map(|(_, code)| code);
        said.min_by_key(|c| c.precedence()).unwrap_or(Code::Done)
    }
}

/// Judges.
pub fn verdict(exposure: &Exposure) -> Verdict {
    let required = exposure.required_open.iter().map(|id| format!("{id} is required and was not evaluated"));
    let blind = (!exposure.checks.iter().any(is_evidence)).then(|| "no check could be evaluated".to_owned());
    let failed =
        |c: &CheckResult| (c.outcome == Outcome::Error).then(|| format!("{} ({}) failed itself", c.id, c.title));
    Verdict {
        exposed: exposure.checks.iter().filter_map(|c| exposed(exposure, c)).collect(),
        incomplete: required.chain(blind).collect(),
        warnings: exposure.checks.iter().filter_map(failed).collect(),
    }
}

/// Why the open findings of a check end a run with 52; `None` where they do not.
pub fn exposed(exposure: &Exposure, check: &CheckResult) -> Option<String> {
    let worst = worst_open(check)?;
    if worst >= exposure.fail_on {
        return Some(format!("{} ({}) has open findings, {}", check.id, check.title, worst.name()));
    }
    let counting = check.findings.iter().filter(|f| counts(exposure, check, f));
    let new = counting.map(|f| severity_of(check, f)).max()?;
    Some(format!("{} ({}) has findings that are new since the last look, {}", check.id, check.title, new.name()))
}

/// Whether this finding alone would end a run with 52.
pub fn counts(exposure: &Exposure, check: &CheckResult, finding: &Finding) -> bool {
    let new = finding.change == Some(Change::New);
    let limit = if new { threshold_of_new(exposure) } else { exposure.fail_on };
    !is_waived(check, finding) && severity_of(check, finding) >= limit
}

/// From where on a new finding ends a run; the threshold itself where there was no
/// last look.
pub fn threshold_of_new(exposure: &Exposure) -> Severity {
    if exposure.drift.is_some() { for_new(exposure.fail_on) } else { exposure.fail_on }
}

/// One step below the threshold, but never what is only good to know.
const fn for_new(limit: Severity) -> Severity {
    match limit {
        Severity::Critical => Severity::High,
        Severity::High => Severity::Medium,
        Severity::Medium | Severity::Low => Severity::Low,
        Severity::Info => Severity::Info,
    }
}

/// Whether a check says something of what was looked at. Those of waivers look at
/// nothing but waivers.
fn is_evidence(check: &CheckResult) -> bool {
    let looked = matches!(check.outcome, Outcome::Pass | Outcome::Finding | Outcome::Waived);
    looked && !policy::is_about_waivers(&check.id)
}
