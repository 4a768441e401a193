//! JUnit XML for CI. CI systems paint skipped cases green, so the first case is
//! the verdict itself, which fails unless the drill passed.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::audit::Standing;
use super::{AuditReport, ErrorEntry, Report, Verdict, exposure};
use crate::checks::{CheckResult, Outcome};
use crate::error::{Error, Result};
use crate::scratch::{Probe, ProbeOutcome};
use crate::types::shown;

/// Renders it. Names are escaped before the XML writer escapes them for XML.
pub fn render(report: &Report) -> Result<String> {
    let name = format!("pgseal drill {}", report.source);
    let mut junit = Junit::new(name.as_str());
    junit.set_time(seconds(report.timings_s.total));
    let mut drill = TestSuite::new("drill");
    drill.set_time(seconds(report.timings_s.total));
    drill.add_test_case(verdict(report));
    junit.add_test_suite(drill);
    if let Some(isolation) = &report.isolation {
        let mut suite = TestSuite::new("isolation");
        suite.add_test_cases(isolation.probes.iter().map(probe));
        junit.add_test_suite(suite);
    }
    let mut suite = TestSuite::new("checks");
    suite.set_time(seconds(report.timings_s.checks));
    suite.add_test_cases(report.checks.iter().map(check));
    junit.add_test_suite(suite);
    junit.add_test_suites(report.exposure.iter().flat_map(exposure::junit::suites));
    written(&junit)
}

/// Renders the report of an audit. Its first case fails unless it is clear.
///
/// # Errors
/// 1 where the writer fails.
pub fn audit(report: &AuditReport) -> Result<String> {
    let mut junit = Junit::new(format!("pgseal audit {}", report.source).as_str());
    let (standing, details) = (report.standing(), details(&report.reasons, &report.errors));
    let text = format!("{}, exit code {}", standing.name(), report.exit_code);
    let status = match standing {
        Standing::Clear => TestCaseStatus::success(),
        Standing::Exposed => bad(NonSuccessKind::Failure, &text, &details),
        Standing::Incomplete => bad(NonSuccessKind::Error, &text, &details),
    };
    let mut suite = TestSuite::new("audit");
    let mut case = TestCase::new("standing", status);
    case.set_classname(format!("pgseal.audit.{}", report.source).as_str());
    let took = report.finished_at.duration_since(report.started_at).as_secs_f64();
    case.set_time(seconds(took));
    suite.add_test_case(case);
    junit.add_test_suite(suite);
    junit.add_test_suites(exposure::junit::suites(&report.exposure));
    written(&junit)
}

fn written(junit: &Junit) -> Result<String> {
    let xml = junit.to_string().map_err(|e| Error::internal("cannot write JUnit XML").because(e))?;
    Ok(without_skipped(&xml))
}

/// The writer counts skipped cases on the outermost element, where the schema
/// that Jenkins holds files to knows no such count (each suite has its own).
fn without_skipped(xml: &str) -> String {
    let open = xml.find("<testsuites ").unwrap_or(0);
    let end = xml[open..].find('>').map_or(xml.len(), |n| open + n);
    // A quote in a name is escaped: this is the attribute and nothing else.
    match xml[open..end].find(" skipped=\"") {
        None => xml.to_owned(),
        Some(at) => {
            let at = open + at;
            let value = at + " skipped=\"".len();
            let after = xml[value..].find('"').map_or(value, |n| value + n + 1);
            format!("{}{}", &xml[..at], &xml[after..])
        }
    }
}

fn verdict(report: &Report) -> TestCase {
    let text = format!("{}, proof level {}", report.verdict.name(), report.proof_level.name());
    let details = details(&report.reasons, &report.errors);
    let status = match report.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed | Verdict::Unsafe => bad(NonSuccessKind::Failure, &text, &details),
        Verdict::Inconclusive => bad(NonSuccessKind::Error, &text, &details),
    };
    let mut case = TestCase::new("verdict", status);
    case.set_classname(format!("pgseal.drill.{}", report.source).as_str());
    case.set_time(seconds(report.timings_s.total));
    case
}

fn details(reasons: &[String], errors: &[ErrorEntry]) -> String {
    let errors = errors.iter().map(|e| format!("[{}] {}: {}", e.code, e.stage, e.message));
    let lines = reasons.iter().cloned().chain(errors).map(|l| shown(&l).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}

fn probe(p: &Probe) -> TestCase {
    let status = match p.outcome {
        ProbeOutcome::Pass => TestCaseStatus::success(),
        ProbeOutcome::Fail => bad(NonSuccessKind::Failure, &p.evidence, &shown(&p.evidence)),
        ProbeOutcome::NotEvaluated => skipped(&p.evidence),
    };
    named("pgseal.isolation", &p.id, &p.title, status)
}

fn check(c: &CheckResult) -> TestCase {
    let reason = c.reason.as_deref().unwrap_or("no reason given");
    let status = match c.outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Finding => {
            let many = if c.findings.len() == 1 { "" } else { "s" };
            let found = format!("{} finding{many}", c.findings.len());
            let lines: Vec<String> = c
                .findings
                .iter()
                .map(|f| format!("{}: {} {}", shown(&f.object), shown(&f.message), shown(&f.remedy)))
                .collect();
            bad(NonSuccessKind::Failure, &found, &lines.join("\n"))
        }
        Outcome::Error => bad(NonSuccessKind::Error, reason, &shown(reason)),
        Outcome::Waived | Outcome::NotEvaluated | Outcome::NotApplicable => {
            skipped(&format!("{}: {reason}", c.outcome.name()))
        }
    };
    let mut case = named("pgseal.checks", &c.id, &c.title, status);
    case.set_system_out(format!("{} of {} examined", c.examined, c.present).as_str());
    case
}

pub(super) fn named(class: &str, id: &str, title: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(format!("{}: {}", shown(id), shown(title)).as_str(), status);
    case.set_classname(class);
    case.set_time(Duration::ZERO);
    case
}

/// A case that did not pass. `details` may have lines and are shown already.
pub(super) fn bad(kind: NonSuccessKind, message: &str, details: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(shown(message).as_ref()).set_type("pgseal").set_description(details);
    status
}

pub(super) fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(shown(reason).as_ref());
    status
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::audit::tests::sample_of;
    use crate::report::json::tests::{HOSTILE, sample, with_name};

    #[test]
    fn every_check_is_a_case_and_the_verdict_is_one() {
        let xml = render(&sample()).unwrap();
        let read = Junit::deserialize_from_str(&xml).unwrap();
        // Eight of the drill and eight of its exposure.
        assert_eq!((read.tests, read.failures, read.errors), (16, 4, 3), "{xml}");
        let cases: Vec<&TestCase> = read.test_suites.iter().flat_map(|s| &s.test_cases).collect();
        assert_eq!(cases[0].name.as_str(), "verdict");
        assert!(matches!(cases[0].status, TestCaseStatus::NonSuccess { .. }));
        let skipped = cases.iter().filter(|c| matches!(c.status, TestCaseStatus::Skipped { .. })).count();
        assert_eq!(skipped, 4, "{xml}");
        assert!(xml.contains("not_evaluated: the extension amcheck is not installed"));
        for suite in &read.test_suites {
            assert_eq!(suite.tests, suite.test_cases.len());
        }
    }

    /// The schema of Jenkins' xunit plugin, the strictest in use.
    fn valid(xml: &str) {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        let mut child = Command::new("xmllint")
            .args([
                "--noout",
                "--nonet",
                "--schema",
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/junit-10.xsd"),
                "-",
            ])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("xmllint is missing: run scripts/setup --test");
        child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}\n{xml}", String::from_utf8_lossy(&out.stderr));
    }

    #[test]
    fn it_fits_the_schema_whatever_the_names_are() {
        for report in [sample()].into_iter().chain(HOSTILE.map(with_name)) {
            valid(&render(&report).unwrap());
        }
        for seen in [exposure::sample::sample()].into_iter().chain(HOSTILE.map(exposure::sample::with_name)) {
            valid(&audit(&sample_of(seen)).unwrap());
        }
        assert!(std::panic::catch_unwind(|| valid("<testsuites><bogus/></testsuites>")).is_err());
    }

    #[test]
    fn hostile_names_neither_break_the_xml_nor_reach_a_terminal() {
        for report in [sample()].into_iter().chain(HOSTILE.map(with_name)) {
            let xml = render(&report).unwrap();
            assert!(!xml.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}']), "{xml}");
            assert!(!xml.contains("<b>") && !xml.contains("<script") && !xml.contains("<img"), "{xml}");
            let read = Junit::deserialize_from_str(&xml).unwrap();
            assert_eq!(read.tests, 16, "a name makes no case");
        }
        let xml = render(&with_name("<b>\"&")).unwrap();
        assert!(xml.contains("&lt;b&gt;"), "{xml}");
    }

    #[test]
    fn only_a_clear_audit_is_green() {
        for (code, failures, errors) in [(0, 0, 0), (52, 1, 0), (53, 0, 1), (41, 0, 1)] {
            let mut r = sample_of(exposure::sample::sample());
            r.exposure.checks.retain(|c| c.outcome == Outcome::Pass);
            r.exit_code = code;
            let read = Junit::deserialize_from_str(&audit(&r).unwrap()).unwrap();
            assert_eq!((read.tests, read.failures, read.errors), (2, failures, errors), "{code}");
        }
    }

    #[test]
    fn only_a_pass_is_green() {
        for (verdict, failures, errors) in
            [(Verdict::Passed, 0, 0), (Verdict::Failed, 1, 0), (Verdict::Unsafe, 1, 0), (Verdict::Inconclusive, 0, 1)]
        {
            let mut r = sample();
            r.checks.clear();
            r.exposure = None;
            r.verdict = verdict;
            let read = Junit::deserialize_from_str(&render(&r).unwrap()).unwrap();
            assert_eq!((read.failures, read.errors), (failures, errors), "{verdict:?}");
        }
    }
}
