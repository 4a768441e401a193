//! Why the verdict is what it is, and what to do now.

use super::bound::{self, Bounded};
use super::words::When;
use crate::checks::{Outcome, Severity};
use crate::exposure::Exposure;
use crate::exposure::verdict::counts;
use crate::report::audit::Standing;
use crate::report::exposure::numbers;
use crate::report::redact::LEFT_OUT;
use crate::report::{AuditReport, ErrorEntry, Report, Verdict};

/// Reasons in the page.
const REASONS: usize = 20;
/// Errors in the page.
const ERRORS: usize = 20;
/// Steps in the page.
const STEPS: usize = 10;

/// An error of the drill.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it happened, and its number.
    pub place: String,
    /// What happened.
    pub message: String,
}

/// The section.
#[derive(Debug)]
pub struct Next {
    /// Its title.
    pub title: &'static str,
    /// Reasons.
    pub reasons: Bounded<String>,
    /// What went wrong on the way.
    pub failures: Bounded<Failure>,
    /// What to do.
    pub steps: Bounded<String>,
}

impl Next {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.reasons.items.is_empty() && self.failures.items.is_empty() && self.steps.items.is_empty()
    }
}

/// The section of a report.
pub fn of(r: &Report) -> Next {
    let title = if r.verdict == Verdict::Passed { "Warnings" } else { "Why, and what to do now" };
    let steps = steps(r);
    // What the reasons say already is not said twice.
    let others: Vec<&ErrorEntry> = r.errors.iter().filter(|e| !r.reasons.contains(&e.message)).collect();
    Next {
        title,
        reasons: Bounded::of(&r.reasons, REASONS, |t| bound::sentence(t)),
        failures: Bounded::of(&others, ERRORS, |e| failure(e)),
        steps: Bounded::of(&steps, STEPS, |t| bound::sentence(t)),
    }
}

fn failure(e: &ErrorEntry) -> Failure {
    let object = e.object.as_deref().map_or_else(String::new, |o| format!("{}: ", bound::name(o)));
    Failure {
        place: format!("{}, code {}", bound::name(&e.stage), e.code),
        message: if object.is_empty() {
            bound::sentence(&e.message)
        } else {
            format!("{object}{}", bound::text(&e.message))
        },
    }
}

fn steps(r: &Report) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let again = format!("pgseal drill {}", r.source);
    match r.verdict {
        Verdict::Passed => {}
        Verdict::Failed if r.is_only_exposed() => {}
        Verdict::Failed => {
            all.push(last_good(r));
            all.push(format!("Make a new backup and drill it: pgseal backup {}, then {again}.", r.source));
        }
        Verdict::Inconclusive => {
            all.push(format!("Remove what kept the drill from looking, then run {again} again."));
            all.push("Until a drill has passed, count this backup as unproven.".to_owned());
        }
        Verdict::Unsafe => {
            all.push("Run no other drill on this host until you know why the seal did not hold.".to_owned());
            if r.teardown.as_ref().is_some_and(|t| !t.is_clean()) {
                all.push(
                    "Look on the drill host for what is left of the instance: see \"What was left behind\".".into(),
                );
            }
        }
    }
    all.extend(r.errors.iter().filter_map(|e| e.hint.clone()));
    let weighs = |s: Severity| s >= Severity::Medium || r.verdict == Verdict::Passed;
    let found = r.checks.iter().filter(|c| c.outcome == Outcome::Finding && weighs(c.severity));
    all.extend(found.flat_map(|c| &c.findings).map(|f| f.remedy.clone()));
    all.extend(r.exposure.iter().flat_map(mend));
    once(all)
}

/// What to do about findings of exposure that reach the threshold.
fn mend(e: &Exposure) -> Vec<String> {
    let over = numbers::findings(e).into_iter().filter(|t| counts(e, t.check, t.finding));
    over.map(|t| t.finding.remedy.clone()).collect()
}

fn once(mut all: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    all.retain(|s| !s.trim().is_empty() && s != LEFT_OUT && seen.insert(s.clone()));
    all
}

/// The section of an audit.
pub fn of_audit(r: &AuditReport) -> Next {
    let mut steps: Vec<String> = Vec::new();
    if r.standing() == Standing::Incomplete {
        steps.push("Remove what kept the audit from looking, then run it again.".to_owned());
    }
    steps.extend(r.errors.iter().filter_map(|e| e.hint.clone()));
    steps.extend(mend(&r.exposure));
    let steps = once(steps);
    Next {
        title: if r.standing() == Standing::Clear { "Warnings" } else { "Why, and what to do now" },
        reasons: Bounded::of(&r.reasons, REASONS, |t| bound::sentence(t)),
        failures: Bounded::of(&r.errors, ERRORS, failure),
        steps: Bounded::of(&steps, STEPS, |t| bound::sentence(t)),
    }
}

/// The backup to fall back on.
fn last_good(r: &Report) -> String {
    let good = r.history.iter().rev().find(|p| p.proven && p.backup_id != r.backup_id);
    good.map_or_else(
        || "No earlier drill that proved one is known: there may be no good backup of this source at all.".to_owned(),
        |p| {
            let day = When::of(p.finished_at).words;
            format!(
                "Keep the last backup that a drill proved: {} (drilled {day}, {}).",
                p.backup_id,
                p.proof_level.name()
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn a_failure_names_the_backup_to_keep_and_every_remedy_once() {
        let mut r = sample();
        let again = r.checks[0].findings[0].clone();
        r.checks[0].findings.push(again);
        let n = of(&r);
        assert_eq!(
            n.steps.items,
            [
                "Keep the last backup that a drill proved: 20261122T030000Z-cdcdcdcdcdcdcdcd \
                (drilled 22 Nov 2026, 04:00 UTC, data).",
                "Make a new backup and drill it: pgseal backup shop, then pgseal drill shop.",
                "See the checks.",
                "Do not rely on this backup.",
                "Mend it.",
            ]
        );
        assert_eq!(n.failures.items[0].place, "checks, code 51");
        r.history.clear();
        assert!(of(&r).steps.items[0].contains("no good backup of this source at all"));
        r.reasons.push("1 check found something".into());
        assert!(of(&r).failures.items.is_empty(), "a reason says it already");
    }

    #[test]
    fn the_drilled_backup_itself_is_no_way_out() {
        let mut r = sample();
        r.history[0].backup_id = r.backup_id.clone();
        assert!(of(&r).steps.items[0].starts_with("No earlier drill"));
    }

    #[test]
    fn what_is_only_exposed_needs_no_other_backup() {
        let mut r = sample();
        (r.exit_code, r.checks, r.errors) = (52, vec![], vec![]);
        assert_eq!(of(&r).steps.items, ["Mend it."]);
    }

    #[test]
    fn an_audit_says_what_to_mend_and_one_that_could_not_look_says_that_first() {
        let mut r = crate::report::audit::tests::sample();
        assert_eq!(of_audit(&r).steps.items, ["Allow connections.", "Mend it."]);
        assert_eq!(of_audit(&r).reasons.items.len(), 4);
        r.exit_code = 53;
        assert!(of_audit(&r).steps.items[0].starts_with("Remove what kept"));
    }

    #[test]
    fn each_verdict_has_its_own_steps() {
        let mut r = sample();
        r.verdict = Verdict::Inconclusive;
        assert!(of(&r).steps.items[0].starts_with("Remove what kept"));
        r.verdict = Verdict::Unsafe;
        assert!(of(&r).steps.items[0].starts_with("Run no other drill"));
        assert!(!of(&r).steps.items[1].contains("left of the instance"), "teardown was clean");
        r.teardown.as_mut().unwrap().directory_gone = false;
        assert!(of(&r).steps.items[1].contains("left of the instance"));
        r.verdict = Verdict::Passed;
        r.reasons.clear();
        r.errors.clear();
        r.checks.clear();
        r.exposure = None;
        assert!(of(&r).is_empty());
    }
}
