//! What is counted of an exposure. Waived is not open, and what could not be
//! looked at is neither.

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::checks::{CheckResult, Finding, Outcome, Severity};
use crate::exposure::Exposure;
use crate::exposure::outcome::{is_waived, severity_of, worst_open};
use crate::exposure::verdict::{counts, exposed, threshold_of_new};

/// All severities, the worst first.
pub const SEVERITIES: [Severity; 5] =
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

/// A finding with its check.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The check.
    pub check: &'a CheckResult,
    /// The finding.
    pub finding: &'a Finding,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is accepted.
    pub waived: bool,
}

/// All listed findings, the worst first, in the order of the checks.
pub fn findings(e: &Exposure) -> Vec<Told<'_>> {
    let mut all: Vec<Told<'_>> = e.checks.iter().flat_map(of).collect();
    all.sort_by_key(|t| std::cmp::Reverse(t.severity));
    all
}

/// The findings of one check; also of one that could not look at all and found
/// nothing but what is accepted.
pub fn of(check: &CheckResult) -> impl Iterator<Item = Told<'_>> {
    let told = move |finding| Told {
        check,
        finding,
        severity: severity_of(check, finding),
        waived: is_waived(check, finding),
    };
    check.findings.iter().map(told)
}

/// Open findings of this severity. A check that found something and lists nothing
/// open has one.
pub fn open(e: &Exposure, severity: Severity) -> usize {
    let listed = |c: &CheckResult| of(c).filter(|t| !t.waived).count();
    e.checks
        .iter()
        .map(|c| match listed(c) {
            0 => usize::from(worst_open(c) == Some(severity)),
            _ => of(c).filter(|t| !t.waived && t.severity == severity).count(),
        })
        .sum()
}

/// All open findings.
pub fn all_open(e: &Exposure) -> usize {
    SEVERITIES.iter().map(|s| open(e, *s)).sum()
}

/// Open findings that end a run, see [`verdict`](mod@crate::exposure::verdict). A check that
/// ends one and lists no such finding has one.
pub fn over(e: &Exposure) -> usize {
    let of_check = |c: &CheckResult| match of(c).filter(|t| counts(e, c, t.finding)).count() {
        0 => usize::from(exposed(e, c).is_some()),
        n => n,
    };
    e.checks.iter().map(of_check).sum()
}

/// The threshold in words: `high, medium for what is new`.
pub fn threshold(e: &Exposure) -> String {
    match threshold_of_new(e) {
        same if same == e.fail_on => e.fail_on.name().to_owned(),
        new => format!("{}, {} for what is new", e.fail_on.name(), new.name()),
    }
}

/// Findings that are accepted.
pub fn waived(e: &Exposure) -> usize {
    findings(e).iter().filter(|t| t.waived).count()
}

/// When the first of the waivers ends.
pub fn oldest_waiver(e: &Exposure) -> Option<Date> {
    findings(e).iter().filter_map(|t| t.finding.waiver.as_ref()).map(|w| w.expires).min()
}

/// Checks that said something, one way or the other.
pub fn evaluated(e: &Exposure) -> usize {
    let said = |c: &&CheckResult| !matches!(c.outcome, Outcome::NotEvaluated | Outcome::Error);
    e.checks.iter().filter(said).count()
}

/// How many checks had this outcome.
pub fn with(e: &Exposure, outcome: Outcome) -> usize {
    e.checks.iter().filter(|c| c.outcome == outcome).count()
}

/// `1 finding`, `2 findings`.
pub fn some(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `2 critical, 1 high`; empty where nothing is open.
pub fn by_severity(e: &Exposure) -> String {
    let parts = SEVERITIES.iter().map(|s| (open(e, *s), s.name())).filter(|(n, _)| *n > 0);
    parts.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
}

/// The headline: what is open, and how much of it was looked at.
pub fn headline(e: &Exposure) -> String {
    let open = match by_severity(e) {
        none if none.is_empty() => "nothing open".to_owned(),
        some => format!("open: {some}"),
    };
    let waived = match waived(e) {
        0 => String::new(),
        n => format!(", {n} waived"),
    };
    format!("{open}{waived}; {} of {} evaluated", evaluated(e), some(e.checks.len(), "check"))
}

/// What changed since the last look, in words.
pub fn drift(e: &Exposure) -> Option<String> {
    let d = e.drift.as_ref()?;
    Some(format!(
        "{} new, {} changed, {} unchanged, {} fixed, {} unknown (their checks could not look) since {}",
        d.new,
        d.changed,
        d.unchanged,
        d.fixed,
        d.unknown,
        d.since.strftime("%F %H:%MZ")
    ))
}

/// The numbers as JSON, for what names them beside something else.
pub fn summary(e: &Exposure) -> Value {
    let open = SEVERITIES.iter().map(|s| (s.name().to_owned(), json!(open(e, *s))));
    let mut value = json!({
        "ruleset": e.ruleset,
        "failOn": e.fail_on.name(),
        "open": open.collect::<serde_json::Map<_, _>>(),
        "atOrAboveThreshold": over(e),
        "waived": waived(e),
        "checks": e.checks.len(),
        "evaluated": evaluated(e),
        "requiredOpen": e.required_open,
    });
    if let Some(d) = &e.drift {
        value["drift"] = json!({
            "since": d.since, "new": d.new, "changed": d.changed, "unchanged": d.unchanged, "fixed": d.fixed,
            "unknown": d.unknown,
        });
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Rule;
    use crate::report::exposure::sample::sample;

    const RULE: Rule = Rule { id: "EXP-T-001", title: "t", severity: Severity::High };

    #[test]
    fn waived_is_not_open_and_not_looked_is_neither() {
        let e = sample();
        let open: Vec<usize> = SEVERITIES.iter().map(|s| super::open(&e, *s)).collect();
        assert_eq!(open, [1, 1, 1, 1, 1]);
        assert_eq!((all_open(&e), over(&e), waived(&e)), (5, 2, 2));
        assert_eq!(oldest_waiver(&e).unwrap().to_string(), "2026-12-31");
        assert_eq!((evaluated(&e), e.checks.len()), (6, 8));
        assert_eq!(
            headline(&e),
            "open: 1 critical, 1 high, 1 medium, 1 low, 1 info, 2 waived; 6 of 8 checks evaluated"
        );
    }

    #[test]
    fn the_summary_says_the_same() {
        let mut e = sample();
        let said = summary(&e);
        assert_eq!((&said["open"]["critical"], &said["atOrAboveThreshold"]), (&json!(1), &json!(2)));
        assert_eq!((&said["requiredOpen"][0], &said["drift"]["fixed"]), (&json!("EXP-AUTH-901"), &json!(4)));
        e.drift = None;
        assert!(summary(&e).get("drift").is_none());
    }

    #[test]
    fn the_worst_open_finding_counts_and_what_is_not_listed_may_be_the_worst() {
        let with = |n: usize, severity| {
            let one = |i: usize| Finding { severity: Some(severity), ..RULE.finding(i.to_string(), "m", "r") };
            RULE.judged(1, 1, (0..n).map(one).collect())
        };
        assert_eq!(worst_open(&with(1, Severity::Low)), Some(Severity::Low));
        assert_eq!(worst_open(&with(101, Severity::Low)), Some(Severity::High), "one is not listed");
        assert_eq!(worst_open(&RULE.judged(1, 1, vec![])), None);
        assert_eq!(worst_open(&with(1, Severity::Low).waived("known")), None);
        let mut strange = with(1, Severity::Low);
        strange.findings.clear();
        assert_eq!(worst_open(&strange), Some(Severity::High), "it found something and says not what");
        let mut e = sample();
        e.checks = vec![strange];
        assert_eq!((super::open(&e, Severity::High), all_open(&e)), (1, 1));
    }
}
