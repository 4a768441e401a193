//! What a check says. One form for every check and every output.

use serde::{Deserialize, Serialize};

use super::subject::Tally;
use crate::types::{Digest, Severity};

/// Most findings that one check lists; the rest are counted.
pub const LISTED: usize = 100;

/// The outcome of a check. "Not looked" has four names, none of them "pass".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything present was examined, and it is as it should be.
    Pass,
    /// It is not as it should be.
    Finding,
    /// It is not as it should be, and the operator accepted that with a reason.
    Waived,
    /// It could not be, or was not fully, examined.
    NotEvaluated,
    /// There is nothing of its kind.
    NotApplicable,
    /// The check itself failed.
    Error,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Pass, Self::Finding, Self::Waived, Self::NotEvaluated, Self::NotApplicable, Self::Error];

    /// The word used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Finding => "finding",
            Self::Waived => "waived",
            Self::NotEvaluated => "not_evaluated",
            Self::NotApplicable => "not_applicable",
            Self::Error => "error",
        }
    }
}

/// One thing that is not as it should be. Holds names and counts, never rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What it is about: a table, a role, a file. Chosen by database users.
    pub object: String,
    /// What is the matter.
    pub message: String,
    /// The next step.
    pub remedy: String,
    /// The same for the same check and object in every run.
    pub fingerprint: String,
    /// How bad it is, where that is not the check's own severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// That the operator accepts it, for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
    /// What it is since the last look; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// A tag of what it says, under the key of the host that wrote it: another one
    /// where it says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// Why a finding is accepted, by whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it is discussed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Its last day.
    pub expires: jiff::civil::Date,
}

/// A finding beside the last look's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not there.
    New,
    /// It was there, the same.
    Unchanged,
    /// It was there, and says something else now.
    Changed,
}

/// What a check said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// `INT-ROWS`; stable.
    pub id: String,
    /// What it proves, for people.
    pub title: String,
    /// Outcome.
    pub outcome: Outcome,
    /// How bad a finding is.
    pub severity: Severity,
    /// Objects of its kind that there are.
    pub present: u64,
    /// Objects that were looked at.
    pub examined: u64,
    /// Why it was not evaluated, does not apply, failed or was waived; beside a
    /// pass, what is worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was found, at most 100.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// A check's fixed properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable id.
    pub id: &'static str,
    /// What it proves.
    pub title: &'static str,
    /// How bad a finding is.
    pub severity: Severity,
}

/// Checks that read every row: one of them must pass for proof level `data`.
pub const DATA_PROVING: [&str; 3] = ["INT-ROWS", "PHY-AMCHECK", "PHY-READ"];

impl Rule {
    /// The result of a check that ran: a finding where there are findings, and
    /// otherwise a pass **only if everything present was examined**. Nothing
    /// present is "not applicable"; less examined than present is "not evaluated".
    pub fn judged(self, present: u64, examined: u64, findings: Vec<Finding>) -> CheckResult {
        let (outcome, reason) = if !findings.is_empty() {
            (Outcome::Finding, None)
        } else if present == 0 && examined == 0 {
            (Outcome::NotApplicable, Some("there is nothing of this kind".to_owned()))
        } else if examined < present {
            (Outcome::NotEvaluated, Some(format!("only {examined} of {present} could be examined")))
        } else {
            (Outcome::Pass, None)
        };
        self.result(outcome, present, examined, reason, findings)
    }

    /// The result of all that was looked at. Where everything that was found may have
    /// changed after the facts were read, which of a physical copy is before its end, it
    /// is a warning.
    pub(super) fn of(self, all: Tally) -> CheckResult {
        let Tally { present, examined, mut findings, moved, tables: _ } = all;
        let (firm, some) = (!findings.is_empty(), !moved.is_empty());
        findings.extend(moved);
        let mut result = self.judged(present, examined, findings);
        if some {
            if !firm {
                result.severity = result.severity.min(Severity::Low);
            }
            let of = if firm { "some of it" } else { "this" };
            let why =
                format!("the facts are older than the end of the base backup: {of} may have changed while it ran");
            result.add_reason(why);
        }
        result
    }

    /// The check could not look.
    pub fn not_evaluated(self, present: u64, reason: impl Into<String>) -> CheckResult {
        self.result(Outcome::NotEvaluated, present, 0, Some(reason.into()), Vec::new())
    }

    /// There is nothing to look at.
    pub fn not_applicable(self, reason: impl Into<String>) -> CheckResult {
        self.result(Outcome::NotApplicable, 0, 0, Some(reason.into()), Vec::new())
    }

    /// The check itself failed.
    pub fn error(self, present: u64, examined: u64, e: &crate::Error) -> CheckResult {
        self.result(Outcome::Error, present, examined, Some(e.to_string()), Vec::new())
    }

    /// One finding of this check.
    pub fn finding(self, object: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
        let object = object.into();
        let fingerprint = Digest::of(format!("{}\0{object}", self.id).as_bytes()).short();
        Finding {
            object,
            message: message.into(),
            remedy: remedy.into(),
            fingerprint,
            severity: None,
            waiver: None,
            change: None,
            content: None,
        }
    }

    fn result(
        self,
        outcome: Outcome,
        present: u64,
        examined: u64,
        reason: Option<String>,
        mut findings: Vec<Finding>,
    ) -> CheckResult {
        let more = findings.len().saturating_sub(LISTED);
        findings.truncate(LISTED);
        let reason = if more > 0 { Some(format!("{more} more findings are not listed")) } else { reason };
        CheckResult {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            outcome,
            severity: self.severity,
            present,
            examined,
            reason,
            findings,
        }
    }
}

impl CheckResult {
    /// Whether a pass of this check means that every row was read.
    pub fn proves_data(&self) -> bool {
        DATA_PROVING.contains(&self.id.as_str())
    }

    /// Says one thing more beside what is said.
    pub(super) fn add_reason(&mut self, why: String) {
        self.reason = Some(match self.reason.take() {
            Some(more) => format!("{more}; {why}"),
            None => why,
        });
    }

    /// A finding that the operator accepts becomes "waived"; anything else stays.
    #[must_use]
    pub fn waived(mut self, reason: impl Into<String>) -> Self {
        if self.outcome == Outcome::Finding {
            self.outcome = Outcome::Waived;
            self.reason = Some(reason.into());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { id: "INT-X", title: "x", severity: Severity::High };

    #[test]
    fn nothing_examined_is_never_a_pass() {
        for (present, examined, outcome) in [
            (0, 0, Outcome::NotApplicable),
            (3, 0, Outcome::NotEvaluated),
            (3, 2, Outcome::NotEvaluated),
            (3, 3, Outcome::Pass),
            (0, 1, Outcome::Pass),
        ] {
            assert_eq!(RULE.judged(present, examined, vec![]).outcome, outcome, "{present} {examined}");
        }
        let finding = || vec![RULE.finding("a", "b", "c")];
        for (present, examined) in [(0, 0), (3, 0), (3, 3)] {
            assert_eq!(RULE.judged(present, examined, finding()).outcome, Outcome::Finding);
        }
    }

    #[test]
    fn a_flood_of_findings_is_counted_and_stays_a_finding() {
        let many = (0..150).map(|i| RULE.finding(i.to_string(), "m", "r")).collect();
        let r = RULE.judged(150, 150, many);
        assert_eq!((r.findings.len(), r.outcome), (100, Outcome::Finding));
        assert_eq!(r.reason.as_deref(), Some("50 more findings are not listed"));
    }

    #[test]
    fn fingerprints_follow_check_and_object() {
        assert_eq!(RULE.finding("t", "1 row", "").fingerprint, RULE.finding("t", "2 rows", "").fingerprint);
        assert_ne!(RULE.finding("t", "", "").fingerprint, RULE.finding("u", "", "").fingerprint);
    }

    #[test]
    fn what_may_have_changed_during_a_base_backup_is_a_warning() {
        let found = || vec![RULE.finding("a", "b", "c")];
        let of = |findings, moved| RULE.of(Tally { present: 2, examined: 2, findings, moved, ..Tally::default() });
        let only = of(Vec::new(), found());
        assert_eq!((only.outcome, only.severity), (Outcome::Finding, Severity::Low));
        assert!(only.reason.unwrap().contains("this may have changed"));
        let both = of(found(), found());
        assert_eq!((both.outcome, both.severity, both.findings.len()), (Outcome::Finding, Severity::High, 2));
        assert_eq!(of(found(), Vec::new()), RULE.judged(2, 2, found()));
        assert_eq!(of(Vec::new(), Vec::new()), RULE.judged(2, 2, Vec::new()));
        let tally = |steady| Tally { findings: found(), ..Tally::default() }.if_steady(steady);
        assert_eq!((tally(true).moved.len(), tally(false).findings.len(), tally(false).moved.len()), (0, 0, 1));
    }

    #[test]
    fn only_a_finding_can_be_waived() {
        let f = RULE.judged(1, 1, vec![RULE.finding("a", "b", "c")]).waived("known");
        assert_eq!(f.outcome, Outcome::Waived);
        assert_eq!(RULE.not_evaluated(1, "no").waived("known").outcome, Outcome::NotEvaluated);
    }
}
