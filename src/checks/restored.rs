//! INT-RESTORE: `pg_restore` had nothing to complain of.

use super::subject::RESTORE_AGAIN;
use super::{CheckResult, Rule, Severity};
use crate::error::{Code, Result};
use crate::restore::logical::LogicalOutcome;

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-RESTORE", title: "every statement of the dump was accepted", severity: Severity::High };

/// What the restore of a logical backup came to: the runs of `pg_restore`, each
/// of which stops at the first statement that is refused; that one with the
/// beginning of its text and its SQLSTATE, never with rows. With owners and
/// privileges: a drill leaves nothing out that it could have restored.
pub fn of(outcome: &Result<LogicalOutcome>) -> CheckResult {
    match outcome {
        Ok(done) => RULE.judged(done.runs, done.runs, Vec::new()),
        Err(e) if e.code() == Code::RestoreFailed => {
            let object = e.object().unwrap_or("pg_restore");
            RULE.judged(1, 1, vec![RULE.finding(object, e.text(), RESTORE_AGAIN)])
        }
        Err(e) => RULE.not_evaluated(1, format!("the restore was not finished: {}", e.text())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;
    use crate::error::{Error, Stage};

    #[test]
    fn only_a_refusal_is_a_finding() {
        let done = |runs| Ok(LogicalOutcome { runs, ..LogicalOutcome::default() });
        assert_eq!(of(&done(3)).outcome, Outcome::Pass);
        assert_eq!(of(&done(0)).outcome, Outcome::NotApplicable, "nothing was restored");
        let refused = Error::new(Code::RestoreFailed, Stage::Restore, "refused (SQLSTATE 23505)").on("CREATE INDEX i");
        let c = of(&Err(refused));
        assert_eq!((c.outcome, c.findings[0].object.as_str()), (Outcome::Finding, "CREATE INDEX i"));
        assert_eq!(of(&Err(Error::new(Code::CouldNotRun, Stage::Restore, "no space"))).outcome, Outcome::NotEvaluated);
    }
}
