//! From evidence to verdict, proof level and exit code. Pure, so that every
//! combination can be tested.
//!
//! In this order, the first that applies is the verdict:
//!
//! 1. A failed isolation probe or an unclean teardown: **unsafe**, 52.
//! 2. An error that speaks against the backup (its own code), a finding of
//!    medium severity or worse (51), an open finding of exposure at or above its
//!    threshold (52): **failed**.
//! 3. Any other error, a check or required probe that did not look or failed
//!    itself, a missing teardown, less isolation or proof than required: **inconclusive**, 53
//!    (12 where no identity fits, 124 where the drill's deadline passed).
//! 4. Otherwise **passed**: 0, or 3 where a finding was only of low severity, or a
//!    check of exposure failed itself.
//!
//! A backup that restores and fails with 52 alone is good and exposed: what may
//! be wrong is the source, and who can reach it. So it counts as proven, and
//! `latest-proven` finds it on the day that it is needed. Exposure below the threshold
//! changes nothing, whatever was not evaluated, unless the operator requires it: a
//! server is never looked at from everywhere, and its backup is no worse for that.
//! What that threshold is stands in [`crate::exposure::verdict`](mod@crate::exposure::verdict).
//!
//! The exit code is the worst of all by [`Code::precedence`].

use super::model::{ProofLevel, Verdict};
use crate::checks::{CheckResult, Outcome, Severity};
use crate::config::schema::Isolation;
use crate::error::Code;
use crate::exposure::{self, Exposure};
use crate::scratch::{Probe, ProbeOutcome, Teardown};

/// What a drill has in hand at its end.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// How far it got without error, at most [`ProofLevel::Booted`].
    pub reached: ProofLevel,
    /// How far it was to get.
    pub required: ProofLevel,
    /// Codes of the errors that happened.
    pub errors: &'a [Code],
    /// Isolation that was reached; `None` where no instance was made.
    pub isolation: Option<Isolation>,
    /// Isolation that was asked for.
    pub min_isolation: Isolation,
    /// Probes of the instance, with that of the teardown.
    pub probes: &'a [Probe],
    /// Checks.
    pub checks: &'a [CheckResult],
    /// `None` where nothing was made, or where it was not looked at.
    pub teardown: Option<&'a Teardown>,
    /// What it exposes; `None` where that was not looked at.
    pub exposure: Option<&'a Exposure>,
}

/// What follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Verdict.
    pub verdict: Verdict,
    /// Proof level.
    pub level: ProofLevel,
    /// Whether the backup itself was proven: nothing was wrong but what it exposes, and its age.
    pub proven: bool,
    /// Exit code.
    pub code: Code,
    /// Why, worst first.
    pub reasons: Vec<String>,
}

/// Judges. See the file's head for the rules.
pub fn judge(evidence: Evidence<'_>) -> Judgement {
    let level = level(&evidence);
    let mut codes = evidence.errors.to_vec();
    let unsafe_ = unsafe_reasons(&evidence);
    let exposure = evidence.exposure.map(exposure::verdict).unwrap_or_default();
    let failed = failed_reasons(&evidence, &mut codes);
    let open = open_reasons(&evidence, level);
    let proven = unsafe_.is_empty() && open.is_empty() && !is_bad(&evidence);
    codes.extend(exposure.exposed.first().map(|_| Code::Exposure));
    let failed = [failed, exposure.exposed].concat();
    let open = [open, exposure.incomplete].concat();
    let warnings = [warnings(&evidence), exposure.warnings].concat();

    let verdict = if !unsafe_.is_empty() {
        Verdict::Unsafe
    } else if !failed.is_empty() {
        Verdict::Failed
    } else if !open.is_empty() {
        Verdict::Inconclusive
    } else {
        Verdict::Passed
    };
    if !unsafe_.is_empty() {
        codes.push(Code::Exposure);
    }
    // These two say more than "could not run" and leave as little doubt that
    // nothing was proven.
    let own = evidence.errors.iter().any(|c| matches!(c, Code::NoIdentity | Code::Deadline));
    if !open.is_empty() && !own {
        codes.push(Code::CouldNotRun);
    }
    codes.push(if warnings.is_empty() { Code::Done } else { Code::Warnings });
    // Every open or bad verdict has put a code of its own in: it cannot be 0.
    let code = codes.into_iter().min_by_key(|c| c.precedence()).unwrap_or(Code::Internal);
    let reasons = [unsafe_, failed, open, warnings].concat();
    Judgement { verdict, level, proven, code, reasons }
}

/// Whether an error of this code says that the backup is bad. All others say
/// that something around it is.
fn against_the_backup(code: Code) -> bool {
    matches!(
        code,
        Code::Untrusted
            | Code::History
            | Code::Corrupt
            | Code::Limit
            | Code::RestoreFailed
            | Code::ChecksFailed
            | Code::Exposure
            | Code::Stale
    )
}

/// Checks of the age of the newest backup: an old one is as good as it was.
const OF_AGE: [&str; 2] = ["CHAIN-FRESH", "RPO-BUDGET"];

/// Whether anything speaks against the backup itself.
fn is_bad(evidence: &Evidence<'_>) -> bool {
    let of_age = |c: &CheckResult| OF_AGE.contains(&c.id.as_str());
    evidence.errors.iter().any(|c| against_the_backup(*c) && *c != Code::Stale)
        || evidence.checks.iter().any(|c| fails(c) && !of_age(c))
}

/// Whether what a check found is more than a warning.
fn fails(c: &CheckResult) -> bool {
    c.outcome == Outcome::Finding && c.severity >= Severity::Medium
}

/// `data` needs a server, a data-proving check that passed, none that did
/// anything else but pass or not apply, and no critical finding of any other:
/// rows of a damaged file were read, but are not right.
fn level(evidence: &Evidence<'_>) -> ProofLevel {
    let reached = evidence.reached.min(ProofLevel::Booted);
    let proving = || evidence.checks.iter().filter(|c| c.proves_data());
    let whole = |c: &CheckResult| c.outcome == Outcome::Pass && c.examined > 0 && c.examined >= c.present;
    let damaged = |c: &CheckResult| c.outcome == Outcome::Finding && c.severity == Severity::Critical;
    let proven = !evidence.checks.iter().any(damaged)
        && proving().any(whole)
        && proving().all(|c| whole(c) || c.outcome == Outcome::NotApplicable);
    if reached == ProofLevel::Booted && proven { ProofLevel::Data } else { reached }
}

fn unsafe_reasons(evidence: &Evidence<'_>) -> Vec<String> {
    let mut all: Vec<String> = evidence
        .probes
        .iter()
        .filter(|p| p.outcome == ProbeOutcome::Fail)
        .map(|p| format!("{} ({}) failed: {}", p.id, p.title, p.evidence))
        .collect();
    if evidence.teardown.is_some_and(|t| !t.is_clean()) {
        all.push("the scratch instance was not removed completely".to_owned());
    }
    all
}

fn failed_reasons(evidence: &Evidence<'_>, codes: &mut Vec<Code>) -> Vec<String> {
    let mut all: Vec<String> = evidence
        .errors
        .iter()
        .filter(|c| against_the_backup(**c))
        .map(|c| format!("the drill ended with an error: {} ({})", c.class(), c.number()))
        .collect();
    for c in evidence.checks.iter().filter(|c| fails(c)) {
        codes.push(Code::ChecksFailed);
        all.push(format!("{} ({}) has findings", c.id, c.title));
    }
    all
}

fn open_reasons(evidence: &Evidence<'_>, level: ProofLevel) -> Vec<String> {
    let mut all: Vec<String> = evidence
        .errors
        .iter()
        .filter(|c| !against_the_backup(**c) && !matches!(c, Code::Done | Code::Warnings))
        .map(|c| format!("the drill could not go on: {} ({})", c.class(), c.number()))
        .collect();
    for c in evidence.checks {
        let why = c.reason.as_deref().unwrap_or("no reason given");
        match c.outcome {
            Outcome::NotEvaluated => all.push(format!("{} was not evaluated: {why}", c.id)),
            Outcome::Error => all.push(format!("{} failed itself: {why}", c.id)),
            Outcome::Pass | Outcome::Finding | Outcome::Waived | Outcome::NotApplicable => {}
        }
    }
    let booted = evidence.reached >= ProofLevel::Booted;
    all.extend(super::isolation::open(evidence.isolation, evidence.min_isolation, evidence.probes, booted));
    if evidence.reached >= ProofLevel::Restored && evidence.teardown.is_none() {
        all.push("whether the scratch instance is gone was not looked at".to_owned());
    }
    if level < evidence.required && !nothing_to_prove(evidence, level) {
        all.push(format!("proof level {} is less than {}", level.name(), evidence.required.name()));
    }
    all
}

/// An empty source: the server is up, and every data-proving check says that
/// there is nothing of its kind. It passes, at the lower level.
fn nothing_to_prove(evidence: &Evidence<'_>, level: ProofLevel) -> bool {
    let mut proving = evidence.checks.iter().filter(|c| c.proves_data()).peekable();
    level == ProofLevel::Booted && proving.peek().is_some() && proving.all(|c| c.outcome == Outcome::NotApplicable)
}

fn warnings(evidence: &Evidence<'_>) -> Vec<String> {
    evidence
        .checks
        .iter()
        .filter(|c| c.outcome == Outcome::Finding && c.severity < Severity::Medium)
        .map(|c| format!("{} warns: {}", c.id, c.title))
        .collect()
}

#[cfg(test)]
mod tests;
