//! INT-COMPLETE: nothing is missing that the backup could hold.

use super::{CheckResult, Rule, Severity, Subject};
use crate::source::LeftOut;
use crate::types::shown;

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-COMPLETE", title: "nothing was left out of the backup", severity: Severity::High };

/// Says what the backup left out, as it was signed. What could not be read then
/// cannot be proven now: that is never a pass. Nothing where nothing was left out.
pub fn run(subject: &Subject<'_>) -> Option<CheckResult> {
    judge(&subject.facts.left_out)
}

fn judge(all: &[LeftOut]) -> Option<CheckResult> {
    if all.is_empty() {
        return None;
    }
    let texts = |of: &mut dyn Iterator<Item = &LeftOut>| -> String {
        of.map(|l| shown(&l.text()).into_owned()).collect::<Vec<_>>().join("; ")
    };
    let missing = texts(&mut all.iter().filter(|l| !l.why.is_by_design()));
    Some(if missing.is_empty() {
        RULE.not_applicable(texts(&mut all.iter()))
    } else {
        RULE.not_evaluated(all.len() as u64, missing)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;
    use crate::source::left_out::Why;

    #[test]
    fn what_could_not_be_read_is_never_passed_over() {
        let outcome = |all: &[LeftOut]| judge(all).map(|r| r.outcome);
        let template = LeftOut::database("t", Why::Template);
        assert_eq!(outcome(&[]), None);
        assert_eq!(outcome(std::slice::from_ref(&template)), Some(Outcome::NotApplicable));
        for why in [Why::NotAllowed, Why::Dropped, Why::Unreadable] {
            for other in [LeftOut::database("d", why), LeftOut::facts("d", why)] {
                assert_eq!(outcome(&[template.clone(), other]), Some(Outcome::NotEvaluated), "{why:?}");
            }
        }
    }
}
