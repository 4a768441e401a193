//! Exposure for CI: a suite a family, a case a check. A case fails where an open
//! finding reaches the threshold; below it the case passes and tells what was found.
//! What is waived is a property of the suite: the schema knows none of cases.

use quick_junit::{NonSuccessKind, TestCaseStatus, TestSuite};

use super::numbers::{self, Told, some};
use super::text::accepted;
use crate::checks::{CheckResult, Outcome};
use crate::exposure::Exposure;
use crate::exposure::outcome::worst_open;
use crate::exposure::verdict::{counts, exposed};
use crate::report::junit::{bad, named, skipped};
use crate::types::shown;

/// One suite a family, in the order of the catalogue.
pub fn suites(e: &Exposure) -> Vec<TestSuite> {
    let mut all: Vec<(String, TestSuite)> = Vec::new();
    for c in &e.checks {
        let family = shown(c.id.split('-').nth(1).unwrap_or(&c.id)).into_owned();
        let at = all.iter().position(|(f, _)| *f == family).unwrap_or_else(|| {
            all.push((family.clone(), TestSuite::new(format!("exposure {family}").as_str())));
            all.len() - 1
        });
        let suite = &mut all[at].1;
        for t in numbers::of(c).filter(|t| t.waived) {
            let value = format!("{}: {}", shown(&t.finding.object), shown(&accepted(&t)));
            suite.add_property((format!("waived {}", shown(&c.id)).as_str(), value.as_str()));
        }
        let mut case = named(&format!("pgseal.exposure.{family}"), &c.id, &c.title, status(e, c));
        case.set_system_out(beside(e, c).as_str());
        suite.add_test_case(case);
    }
    all.into_iter().map(|(_, suite)| suite).collect()
}

fn line(t: &Told<'_>) -> String {
    let f = t.finding;
    format!("{}: {}: {} {}", t.severity.name(), shown(&f.object), shown(&f.message), shown(&f.remedy))
}

fn status(e: &Exposure, c: &CheckResult) -> TestCaseStatus {
    let reason = c.reason.as_deref().unwrap_or("no reason given");
    let word = format!("{}: {reason}", c.outcome.name());
    match c.outcome {
        Outcome::Error => bad(NonSuccessKind::Error, reason, &shown(reason)),
        // CI paints what is skipped green.
        Outcome::NotEvaluated if e.required_open.contains(&c.id) => bad(NonSuccessKind::Error, &word, &shown(&word)),
        Outcome::NotEvaluated | Outcome::NotApplicable => skipped(&word),
        Outcome::Pass | Outcome::Waived => TestCaseStatus::success(),
        Outcome::Finding if exposed(e, c).is_none() => TestCaseStatus::success(),
        Outcome::Finding => {
            let over: Vec<String> = counting(e, c, true).map(|t| line(&t)).collect();
            let found = match worst_open(c) {
                Some(worst) if worst >= e.fail_on => {
                    format!("{} at or above {}", some(over.len().max(1), "finding"), e.fail_on.name())
                }
                _ => format!("{} since the last look", some(over.len(), "new finding")),
            };
            bad(NonSuccessKind::Failure, &found, &over.join("\n"))
        }
    }
}

/// Open findings that end a run, or those that do not.
fn counting<'a>(e: &'a Exposure, c: &'a CheckResult, end: bool) -> impl Iterator<Item = Told<'a>> {
    numbers::of(c).filter(move |t| !t.waived && counts(e, c, t.finding) == end)
}

/// How much was looked at, and what is below the threshold.
fn beside(e: &Exposure, c: &CheckResult) -> String {
    let below = counting(e, c, false).map(|t| line(&t));
    let looked = format!("{} of {} examined", c.examined, c.present);
    let reason = c.reason.iter().map(|r| shown(r).into_owned());
    [looked].into_iter().chain(reason).chain(below).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Severity;
    use crate::report::exposure::sample::sample;

    fn outcome(e: &Exposure, id: &str) -> &'static str {
        let suites = suites(e);
        let case = suites.iter().flat_map(|s| &s.test_cases).find(|c| c.name.as_str().starts_with(id)).unwrap();
        match &case.status {
            TestCaseStatus::Success { .. } => "success",
            TestCaseStatus::Skipped { .. } => "skipped",
            TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. } => "failure",
            TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. } => "error",
        }
    }

    #[test]
    fn a_suite_a_family_and_a_case_a_check() {
        let e = sample();
        let suites = suites(&e);
        let names: Vec<&str> = suites.iter().map(|s| s.name.as_str()).collect();
        let families = ["HBA", "PRIV", "LOG", "ROLE", "AUTH", "REPL", "FUNC"];
        assert_eq!(names, families.map(|f| format!("exposure {f}")));
        assert_eq!(suites.iter().map(|s| s.test_cases.len()).sum::<usize>(), e.checks.len());
        for (id, expected) in [
            ("EXP-HBA-901", "failure"),
            ("EXP-HBA-907", "success"),
            ("EXP-PRIV-901", "failure"),
            ("EXP-LOG-901", "success"),
            ("EXP-ROLE-901", "success"),
            ("EXP-AUTH-901", "error"),
            ("EXP-REPL-901", "skipped"),
            ("EXP-FUNC-901", "error"),
        ] {
            assert_eq!(outcome(&e, id), expected, "{id}");
        }
        let waived = &suites[0].properties;
        assert_eq!(waived.len(), 1);
        assert!(waived[0].value.as_str().contains("until 2027-02-01"), "{waived:?}");
        let log = suites[2].test_cases[0].system_out.as_ref().unwrap().as_str();
        assert!(log.starts_with("2 of 2 examined\nlow: setting log_connections: "), "{log}");
    }

    #[test]
    fn only_what_reaches_the_threshold_fails_and_what_is_not_required_is_skipped() {
        let mut e = sample();
        e.required_open.clear();
        e.fail_on = Severity::Critical;
        assert_eq!((outcome(&e, "EXP-PRIV-901"), outcome(&e, "EXP-AUTH-901")), ("success", "skipped"));
        e.fail_on = Severity::Low;
        assert_eq!((outcome(&e, "EXP-LOG-901"), outcome(&e, "EXP-HBA-907")), ("failure", "success"));
    }

    #[test]
    fn what_is_new_fails_from_one_step_below_the_threshold_and_says_so() {
        let mut e = sample();
        e.fail_on = Severity::Medium;
        assert_eq!(outcome(&e, "EXP-LOG-901"), "failure");
        let suites = suites(&e);
        let case = suites.iter().flat_map(|s| &s.test_cases).find(|c| c.name.as_str().starts_with("EXP-LOG-901"));
        let TestCaseStatus::NonSuccess { message, .. } = &case.unwrap().status else { panic!("it is a failure") };
        assert_eq!(message.as_ref().unwrap().as_str(), "1 new finding since the last look");
        e.drift = None;
        assert_eq!(outcome(&e, "EXP-LOG-901"), "success", "there was no last look");
    }
}
