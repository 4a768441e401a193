//! From evidence to verdict, proof level and exit code. Pure, so that every
//! combination can be tested.
//!
//! In this order, the first that applies is the verdict:
//!
//! 1. A failed isolation probe or an unclean teardown: **unsafe**, 52.
//! 2. An error that speaks against the backup (its own code), a finding of
//!    medium severity or worse (51): **failed**.
//! 3. Any other error, a check or required probe that did not look or failed
//!    itself, a missing teardown, less isolation or proof than required: **inconclusive**, 53
//!    (12 where no identity fits, 124 where the drill's deadline passed).
//! 4. Otherwise **passed**: 0, or 3 where a finding was only of low severity.
//!
//! The exit code is the worst of all by [`Code::precedence`].

use super::model::{ProofLevel, Verdict};
use crate::checks::{CheckResult, Outcome, Severity};
use crate::config::schema::Isolation;
use crate::error::Code;
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
}

/// What follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Verdict.
    pub verdict: Verdict,
    /// Proof level.
    pub level: ProofLevel,
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
    let failed = failed_reasons(&evidence, &mut codes);
    let open = open_reasons(&evidence, level);
    let warnings = warnings(&evidence);

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
    Judgement { verdict, level, code, reasons }
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
    for c in evidence.checks.iter().filter(|c| c.outcome == Outcome::Finding && c.severity >= Severity::Medium) {
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
mod tests {
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
            })
        };
        assert_eq!(judge_at(ProofLevel::Restored, ProofLevel::Restored).verdict, Verdict::Passed);
        assert_eq!(judge_at(ProofLevel::Stored, ProofLevel::Restored).verdict, Verdict::Inconclusive);
        assert_eq!(judge_at(ProofLevel::Booted, ProofLevel::Booted).verdict, Verdict::Inconclusive, "never probed");
    }
}
