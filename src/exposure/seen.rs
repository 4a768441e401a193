//! What a look saw, and the result that follows.

use super::{About, Blind, Severity};
use crate::checks::{CheckResult, Finding, Rule};
use crate::types::{Digest, SourceName};

/// Stands in the reason of a check that found something and could not look at all.
pub const PARTLY: &str = "not everything could be looked at";

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is about, in a form that stays the same from run to run: `role app`,
    /// `database shop: table public.orders`, a normalised rule. No numbers that
    /// change, no line numbers. Names are as they are; they are escaped when shown.
    pub object: String,
    /// What is the matter, for people. No secret, no row value.
    pub message: String,
    /// Where it is worse or better than the check's own severity.
    pub severity: Option<Severity>,
    /// Where the check's own remedy does not fit.
    pub remedy: Option<String>,
}

impl Found {
    /// One of the check's own severity.
    pub fn new(object: impl Into<String>, message: impl Into<String>) -> Self {
        Self { object: object.into(), message: message.into(), severity: None, remedy: None }
    }

    /// The same, as bad as `severity`.
    #[must_use]
    pub fn at(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// The same, mended otherwise.
    #[must_use]
    pub fn mend(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// What a look saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Things of its kind that there are.
    pub present: u64,
    /// Things that were looked at.
    pub examined: u64,
    /// What is not as it should be.
    pub found: Vec<Found>,
    /// What could not be looked at, and why: never a pass.
    pub open: Vec<String>,
    /// What is worth knowing beside a pass, or why the check does not apply.
    pub note: Option<String>,
}

impl Seen {
    /// Nothing could be looked at.
    pub fn not_evaluated(reason: impl Into<String>) -> Self {
        Self { open: vec![reason.into()], ..Self::default() }
    }

    /// There is nothing of its kind here.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self { note: Some(reason.into()), ..Self::default() }
    }

    /// `count` things were there and were all looked at; findings follow.
    pub fn all_of(count: usize) -> Self {
        Self { present: count as u64, examined: count as u64, ..Self::default() }
    }

    /// One thing was looked at (a setting, say); a finding where there is one.
    pub fn one(found: Option<Found>) -> Self {
        Self { found: found.into_iter().collect(), ..Self::all_of(1) }
    }

    /// Adds a finding.
    pub fn add(&mut self, found: Found) {
        self.found.push(found);
    }

    /// Adds what another look of the same check saw, of another database say.
    pub fn merge(&mut self, other: Self) {
        self.present += other.present;
        self.examined += other.examined;
        self.found.extend(other.found);
        self.open.extend(other.open);
        if self.note.is_none() {
            self.note = other.note;
        }
    }

    /// The result of the check: a finding where there are any; a pass only if
    /// there was something and all of it was looked at.
    pub fn judged(mut self, about: &About, source: Option<&SourceName>) -> CheckResult {
        // Only so many are listed: the worst first.
        self.found.sort_by_key(|f| std::cmp::Reverse(f.severity.unwrap_or(about.severity)));
        let rule = Rule { id: about.id, title: about.title, severity: about.severity };
        let fingerprint = |object: &str| {
            let deployment = source.map_or("", SourceName::as_str);
            format!("x1:{}", Digest::of(format!("x1\0{}\0{deployment}\0{object}", about.id).as_bytes()).short())
        };
        let findings: Vec<Finding> = self
            .found
            .iter()
            .map(|f| Finding {
                fingerprint: fingerprint(&f.object),
                severity: f.severity.filter(|s| *s != about.severity),
                ..rule.finding(&f.object, &f.message, f.remedy.as_deref().unwrap_or(about.remedy))
            })
            .collect();
        let worst = self.found.iter().map(|f| f.severity.unwrap_or(about.severity)).max();
        let rule = Rule { severity: worst.unwrap_or(about.severity), ..rule };
        let open = (!self.open.is_empty()).then(|| self.open.join("; "));
        let mut result = match (&open, &self.note) {
            (Some(why), _) if findings.is_empty() => rule.not_evaluated(self.present, why.clone()),
            (None, Some(note)) if findings.is_empty() && self.present == 0 => rule.not_applicable(note.clone()),
            _ => rule.judged(self.present, self.examined, findings),
        };
        result.examined = result.examined.max(self.examined);
        let found = !result.findings.is_empty();
        let more = match (open, self.note) {
            (Some(why), _) if found => Some(format!("{PARTLY}: {why}")),
            (None, note) if found || result.reason.is_none() => note,
            _ => None,
        };
        result.reason = match (result.reason, more) {
            (Some(said), Some(more)) => Some(format!("{said}; {more}")),
            (said, more) => said.or(more),
        };
        result
    }
}

/// The result of a look that may have been blind.
pub fn result(looked: &Result<Seen, Blind>, about: &About, source: Option<&SourceName>) -> CheckResult {
    match looked {
        Ok(seen) => seen.clone().judged(about, source),
        Err(Blind::Denied(reason)) => Seen::not_evaluated(reason.clone()).judged(about, source),
        Err(Blind::Failed(e)) => Rule { id: about.id, title: about.title, severity: about.severity }.error(0, 0, e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    const ABOUT: About = About {
        id: "EXP-TEST-001",
        title: "nothing is wrong",
        severity: Severity::High,
        planes: &[],
        guide: &[1],
        refs: &[],
        why: "w",
        inspects: "i",
        remedy: "mend it",
        false_positives: "f",
        source: "s",
    };

    #[test]
    fn not_looked_is_never_a_pass() {
        let outcome = |seen: Seen| seen.judged(&ABOUT, None).outcome;
        assert_eq!(outcome(Seen::default()), Outcome::NotApplicable);
        assert_eq!(outcome(Seen::not_evaluated("denied")), Outcome::NotEvaluated);
        assert_eq!(outcome(Seen::not_applicable("none")), Outcome::NotApplicable);
        assert_eq!(outcome(Seen::all_of(3)), Outcome::Pass);
        assert_eq!(outcome(Seen { present: 3, examined: 2, ..Seen::default() }), Outcome::NotEvaluated);
        assert_eq!(outcome(Seen { open: vec!["one was locked".into()], ..Seen::all_of(3) }), Outcome::NotEvaluated);
        assert_eq!(outcome(Seen::one(Some(Found::new("role a", "bad")))), Outcome::Finding);
    }

    #[test]
    fn the_worst_finding_gives_the_severity_and_the_rest_keep_theirs() {
        let mut seen = Seen::all_of(2);
        seen.add(Found::new("role a", "bad").at(Severity::Critical));
        seen.add(Found::new("role b", "bad"));
        seen.open.push("role c may not be seen".into());
        let r = seen.judged(&ABOUT, None);
        assert_eq!((r.outcome, r.severity), (Outcome::Finding, Severity::Critical));
        assert_eq!(r.findings[0].severity, Some(Severity::Critical));
        assert_eq!((r.findings[1].severity, r.findings[1].remedy.as_str()), (None, "mend it"));
        assert!(r.reason.unwrap().contains("role c"));
    }

    #[test]
    fn fingerprints_are_of_check_source_and_object() {
        let print = |source: &str, object: &str, message: &str| {
            let source: SourceName = source.parse().unwrap();
            Seen::one(Some(Found::new(object, message))).judged(&ABOUT, Some(&source)).findings[0].fingerprint.clone()
        };
        assert_eq!(print("shop", "role a", "1"), print("shop", "role a", "2"));
        assert_ne!(print("shop", "role a", ""), print("other", "role a", ""));
        assert_ne!(print("shop", "role a", ""), print("shop", "role b", ""));
    }
}
