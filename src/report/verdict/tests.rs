//! Every combination of what a drill may have in hand.

use super::*;
use crate::checks::Rule;

const CLEAN: Teardown = Teardown { instance_gone: true, directory_gone: true, detail: None };
const DIRTY: Teardown = Teardown { instance_gone: true, directory_gone: false, detail: None };

fn probe(id: &str, outcome: ProbeOutcome) -> Probe {
    Probe { id: id.into(), title: "t".into(), outcome, evidence: "e".into(), looks: vec![] }
}

fn every(outcome: ProbeOutcome) -> Vec<Probe> {
    crate::scratch::probe::RULES.iter().map(|r| probe(r.id, outcome)).collect()
}

fn check(id: &'static str, severity: Severity, outcome: Outcome) -> CheckResult {
    let rule = Rule { id, title: "t", severity };
    let mut r = rule.judged(2, 2, vec![]);
    r.outcome = outcome;
    if outcome == Outcome::NotApplicable {
        (r.present, r.examined) = (0, 0);
    }
    r
}

fn judged(
    errors: &[Code],
    reached: ProofLevel,
    probes: &[Probe],
    checks: &[CheckResult],
    down: &Teardown,
) -> Judgement {
    judge(Evidence {
        reached,
        required: ProofLevel::Data,
        errors,
        isolation: Some(Isolation::I2),
        min_isolation: Isolation::I2,
        probes,
        checks,
        teardown: Some(down),
        exposure: None,
    })
}

fn good() -> (Vec<Probe>, Vec<CheckResult>) {
    (every(ProbeOutcome::Pass), vec![check("INT-ROWS", Severity::High, Outcome::Pass)])
}

#[test]
fn every_error_code_with_every_level_reached() {
    let (probes, checks) = good();
    let levels = [ProofLevel::None, ProofLevel::Stored, ProofLevel::Restored, ProofLevel::Booted, ProofLevel::Data];
    for reached in levels {
        for code in Code::TABLE {
            let j = judged(&[code], reached, &probes, &checks, &CLEAN);
            let booted = reached >= ProofLevel::Booted;
            let expected = match code.number() {
                40..=44 | 50..=52 => Verdict::Failed,
                0 | 3 if booted => Verdict::Passed,
                _ => Verdict::Inconclusive,
            };
            assert_eq!(j.verdict, expected, "{code:?} at {reached:?}: {j:?}");
            assert_eq!(j.level, if booted { ProofLevel::Data } else { reached }, "{code:?}");
            let number = match code.number() {
                n @ (12 | 40..=44 | 50..=52 | 124 | 143) => {
                    // 43 stands behind 50 to 52 but before 53.
                    n
                }
                n @ (0 | 3) if booted => n,
                _ => 53,
            };
            assert_eq!(j.code.number(), number, "{code:?} at {reached:?}");
            assert_eq!(j.verdict == Verdict::Passed, matches!(j.code, Code::Done | Code::Warnings));
            assert_eq!(j.reasons.is_empty(), j.verdict == Verdict::Passed, "a reason for all but a pass");
        }
    }
}

#[test]
fn every_pair_of_outcomes_of_a_proving_and_another_check() {
    let (probes, _) = good();
    for data in Outcome::ALL {
        for other in Outcome::ALL {
            let checks = [check("INT-ROWS", Severity::High, data), check("INT-SEQ", Severity::High, other)];
            let j = judged(&[], ProofLevel::Booted, &probes, &checks, &CLEAN);
            let level = if data == Outcome::Pass { ProofLevel::Data } else { ProofLevel::Booted };
            assert_eq!(j.level, level, "{data:?} {other:?}");
            let is = |o| data == o || other == o;
            let expected = if is(Outcome::Finding) {
                (Verdict::Failed, 51)
            } else if is(Outcome::NotEvaluated) || is(Outcome::Error) || data == Outcome::Waived {
                (Verdict::Inconclusive, 53)
            } else {
                (Verdict::Passed, 0)
            };
            assert_eq!((j.verdict, j.code.number()), expected, "{data:?} {other:?}: {j:?}");
        }
    }
}

#[test]
fn every_severity_of_a_finding() {
    let (probes, mut checks) = good();
    for (severity, verdict, code) in [
        (Severity::Info, Verdict::Passed, 3),
        (Severity::Low, Verdict::Passed, 3),
        (Severity::Medium, Verdict::Failed, 51),
        (Severity::High, Verdict::Failed, 51),
        (Severity::Critical, Verdict::Failed, 51),
    ] {
        checks.truncate(1);
        checks.push(check("INT-X", severity, Outcome::Finding));
        let j = judged(&[], ProofLevel::Booted, &probes, &checks, &CLEAN);
        assert_eq!((j.verdict, j.code.number()), (verdict, code), "{severity:?}");
    }
}

#[test]
fn a_failed_probe_or_a_leftover_is_unsafe_whatever_else_is_true() {
    let (probes, checks) = good();
    let mut failed = every(ProbeOutcome::Pass);
    failed[3] = probe("ISO-004", ProbeOutcome::Fail);
    for code in Code::TABLE {
        assert_eq!(judged(&[code], ProofLevel::Booted, &failed, &checks, &CLEAN).verdict, Verdict::Unsafe);
        assert_eq!(judged(&[code], ProofLevel::Booted, &probes, &checks, &DIRTY).verdict, Verdict::Unsafe);
    }
    assert_eq!(judged(&[], ProofLevel::Booted, &failed, &checks, &CLEAN).code, Code::Exposure);
    assert_eq!(judged(&[], ProofLevel::Booted, &probes, &checks, &DIRTY).code, Code::Exposure);
}

#[test]
fn what_was_not_looked_at_is_inconclusive() {
    let (probes, checks) = good();
    let open = |j: Judgement| assert_eq!((j.verdict, j.code), (Verdict::Inconclusive, Code::CouldNotRun), "{j:?}");
    let mut blind = probes.clone();
    blind[3] = probe("ISO-004", ProbeOutcome::NotEvaluated);
    open(judged(&[], ProofLevel::Booted, &blind, &checks, &CLEAN));
    open(judged(&[], ProofLevel::Booted, &probes[1..], &checks, &CLEAN));
    open(judged(&[], ProofLevel::Booted, &[], &checks, &CLEAN));
    open(judged(&[], ProofLevel::Booted, &probes, &[], &CLEAN));
    open(judged(&[], ProofLevel::None, &[], &[], &CLEAN));
    let all = Evidence {
        reached: ProofLevel::Booted,
        required: ProofLevel::Data,
        errors: &[],
        isolation: Some(Isolation::I2),
        min_isolation: Isolation::I2,
        probes: &probes,
        checks: &checks,
        teardown: Some(&CLEAN),
        exposure: None,
    };
    assert_eq!(judge(all).verdict, Verdict::Passed);
    open(judge(Evidence { teardown: None, ..all }));
    open(judge(Evidence { isolation: None, ..all }));
    open(judge(Evidence { min_isolation: Isolation::I3, ..all }));
}

#[test]
fn a_proof_that_did_not_look_at_everything_is_not_level_data() {
    let (probes, mut checks) = good();
    checks[0].examined = 1;
    assert_eq!(judged(&[], ProofLevel::Booted, &probes, &checks, &CLEAN).level, ProofLevel::Booted);
    checks[0].examined = 0;
    assert_eq!(judged(&[], ProofLevel::Booted, &probes, &checks, &CLEAN).level, ProofLevel::Booted);
    let (_, mut checks) = good();
    checks.push(check("PHY-MANIFEST", Severity::Critical, Outcome::Finding));
    assert_eq!(judged(&[], ProofLevel::Booted, &probes, &checks, &CLEAN).level, ProofLevel::Booted);
    let (_, mut checks) = good();
    checks.push(check("PHY-READ", Severity::High, Outcome::Error));
    assert_eq!(judged(&[], ProofLevel::Booted, &probes, &checks, &CLEAN).level, ProofLevel::Booted);
}

#[test]
fn less_may_be_required() {
    let judge_at = |reached, required| {
        judge(Evidence {
            reached,
            required,
            errors: &[],
            isolation: None,
            min_isolation: Isolation::I2,
            probes: &[],
            checks: &[],
            teardown: Some(&CLEAN),
            exposure: None,
        })
    };
    assert_eq!(judge_at(ProofLevel::Restored, ProofLevel::Restored).verdict, Verdict::Passed);
    assert_eq!(judge_at(ProofLevel::Stored, ProofLevel::Restored).verdict, Verdict::Inconclusive);
    assert_eq!(judge_at(ProofLevel::Booted, ProofLevel::Booted).verdict, Verdict::Inconclusive, "never probed");
}

#[test]
fn exposure_at_or_above_its_threshold_fails_a_drill_that_is_good_otherwise() {
    let (probes, checks) = good();
    let seen = crate::report::exposure::sample::sample();
    let with = |change: fn(&mut Exposure), errors: &[Code], checks: &[CheckResult]| {
        let mut seen = seen.clone();
        change(&mut seen);
        let evidence = Evidence {
            reached: ProofLevel::Booted,
            required: ProofLevel::Data,
            errors,
            isolation: Some(Isolation::I2),
            min_isolation: Isolation::I2,
            probes: &probes,
            checks,
            teardown: Some(&CLEAN),
            exposure: Some(&seen),
        };
        let j = judge(evidence);
        // Whatever is exposed, the backup is as good as it is.
        assert_eq!(j.proven, errors.is_empty() && !checks.iter().any(|c| c.outcome == Outcome::Finding), "{j:?}");
        (j.verdict, j.code.number(), j.level, j.reasons.len())
    };
    let data = ProofLevel::Data;
    // Two checks are over, one that is required could not look, and one failed itself.
    assert_eq!(with(|_| {}, &[], &checks), (Verdict::Failed, 52, data, 4));
    assert_eq!(with(|e| e.fail_on = Severity::Critical, &[], &checks), (Verdict::Failed, 52, data, 3));
    let without = |e: &mut Exposure| e.checks.retain(|c| c.severity < Severity::High || c.findings.is_empty());
    assert_eq!(with(without, &[], &checks), (Verdict::Inconclusive, 53, data, 2));
    // What could not look, and is not required, does not matter; nor what is below, or
    // waived. A check that failed itself is a warning.
    let calm = |e: &mut Exposure| {
        e.required_open.clear();
        e.checks.retain(|c| c.severity < Severity::High || c.findings.is_empty());
        assert!(e.checks.iter().any(|c| c.outcome == Outcome::NotEvaluated));
        assert!(e.checks.iter().any(|c| c.outcome == Outcome::Error));
        assert!(e.checks.iter().any(|c| c.outcome == Outcome::Finding));
    };
    assert_eq!(with(calm, &[], &checks), (Verdict::Passed, 3, data, 1));
    let waived = |e: &mut Exposure| {
        e.required_open.clear();
        for c in &mut e.checks {
            *c = c.clone().waived("all of it");
        }
    };
    assert_eq!(with(waived, &[], &checks), (Verdict::Passed, 3, data, 1), "the one that failed itself is not waived");
    // What is worse stays the code.
    let bad = [check("INT-ROWS", Severity::High, Outcome::Finding)];
    assert_eq!(with(|_| {}, &[], &bad).1, 51);
    assert_eq!(with(|_| {}, &[Code::Corrupt], &checks).1, 40);
}
