//! What ends a run: findings at or above the threshold, or too little evidence.

use std::collections::BTreeSet;

use super::outcome::{is_cut, severity_of};
use super::{Exposure, Severity, policy};
use crate::checks::{Change, CheckResult, Outcome};
use crate::error::Code;

/// The exit code of a look at exposure, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// 0, 3, 52 or 53.
    pub code: Code,
    /// For people, without any name but those of checks, the most important first.
    pub reasons: Vec<String>,
}

/// Judges.
///
/// 52 where an open finding is as bad as the threshold or worse; a finding that is new
/// since the last look counts from one step below, so that what was accepted in
/// silence does not grow. 53 where nothing was evaluated at all, or a required
/// check was not. 3 where a check failed. Where both are so it is 52: what was
/// found stays found, however much could not be looked at.
pub fn verdict(exposure: &Exposure) -> Verdict {
    let mut codes = Vec::new();
    let mut reasons = Vec::new();
    let mut say = |code: Code, reason: String| {
        codes.push(code);
        reasons.push(reason);
    };
    let limit = exposure.fail_on;
    let over = ids(exposure, |check| worst_open(check) >= Some(limit));
    if let Some(list) = listed(&over) {
        say(Code::Exposure, format!("open findings are {} or worse: {list}", limit.name()));
    }
    let fresh_limit = for_new(limit);
    if exposure.drift.is_some() && fresh_limit < limit {
        let fresh = ids(exposure, |check| worst_new(check) >= Some(fresh_limit));
        let fresh: Vec<&str> = fresh.into_iter().filter(|id| !over.contains(id)).collect();
        if let Some(list) = listed(&fresh) {
            let least = fresh_limit.name();
            say(Code::Exposure, format!("findings are new since the last look, and {least} or worse: {list}"));
        }
    }
    if !exposure.checks.iter().any(is_evidence) {
        say(Code::CouldNotRun, "no check was evaluated".to_owned());
    }
    let open: Vec<&str> = exposure.required_open.iter().map(String::as_str).collect();
    if let Some(list) = listed(&open) {
        say(Code::CouldNotRun, format!("required checks were not evaluated: {list}"));
    }
    let failed = ids(exposure, |check| check.outcome == Outcome::Error);
    if let Some(list) = listed(&failed) {
        say(Code::Warnings, format!("checks failed themselves: {list}"));
    }
    let code = codes.into_iter().min_by_key(|c| c.precedence()).unwrap_or(Code::Done);
    Verdict { code, reasons }
}

/// From where on a new finding ends a run: one step below the threshold, but
/// never for what is only good to know.
fn for_new(limit: Severity) -> Severity {
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

fn worst_open(check: &CheckResult) -> Option<Severity> {
    let open = check.findings.iter().filter(|f| f.waiver.is_none()).map(|f| severity_of(check, f)).max();
    // What is not listed is as bad as the check says at worst.
    let unlisted = (check.outcome == Outcome::Finding && is_cut(check)).then_some(check.severity);
    open.max(unlisted)
}

fn worst_new(check: &CheckResult) -> Option<Severity> {
    let new = check.findings.iter().filter(|f| f.waiver.is_none() && f.change == Some(Change::New));
    new.map(|f| severity_of(check, f)).max()
}

fn ids(exposure: &Exposure, which: impl Fn(&CheckResult) -> bool) -> BTreeSet<&str> {
    exposure.checks.iter().filter(|c| which(c)).map(|c| c.id.as_str()).collect()
}

/// The ids, at most ten of them; `None` where there are none.
fn listed<'a>(ids: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>) -> Option<String> {
    const SHOWN: usize = 10;
    let ids: Vec<&str> = ids.into_iter().map(AsRef::as_ref).collect();
    let more = ids.len().saturating_sub(SHOWN);
    let mut text = ids.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    (!ids.is_empty()).then_some(text)
}
