//! Checks by what they are about, worst first, with what they found.

use std::cmp::Reverse;

use super::bound::{self, Budget};
use super::mark::Mark;
use super::words::count;
use crate::checks::{CheckResult, Finding, Outcome, Severity};
use crate::report::Report;
use crate::report::redact::LEFT_OUT;

/// Findings of a check that stand open; the rest are behind a fold.
const OPEN: usize = 3;
/// Checks in the page at all.
const LISTED: usize = 200;
/// Bytes of HTML for all findings.
const BYTES: usize = 900_000;

/// What is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is about.
    pub object: String,
    /// What is the matter.
    pub message: String,
    /// The next step; may be empty.
    pub remedy: String,
}

/// One check.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// `INT-ROWS`.
    pub id: String,
    /// What it proves.
    pub title: String,
    /// Sign.
    pub mark: Mark,
    /// Outcome in words.
    pub words: &'static str,
    /// How bad a finding of it is; only where there is one.
    pub severity: Option<&'static str>,
    /// `12 of 12`.
    pub examined: String,
    /// Why, where there is a reason.
    pub reason: Option<String>,
    /// Findings that stand open.
    pub first: Vec<Found>,
    /// Findings behind a fold.
    pub rest: Vec<Found>,
    /// Findings that are not in the page.
    pub left_out: usize,
    /// Findings of which the report itself tells no more than their number.
    pub unnamed: usize,
}

/// Checks that answer one question.
#[derive(Debug)]
pub struct Group {
    /// The question.
    pub title: &'static str,
    /// Checks.
    pub lines: Vec<Line>,
}

/// The section.
#[derive(Debug)]
pub struct Checks {
    /// How many had which outcome.
    pub tally: Vec<Count>,
    /// Groups that have checks.
    pub groups: Vec<Group>,
    /// Checks that are not in the page.
    pub left_out: usize,
}

/// `9 passed`.
#[derive(Debug, PartialEq, Eq)]
pub struct Count {
    /// Sign.
    pub mark: Mark,
    /// Words.
    pub words: String,
}

/// Questions with the beginnings of the ids that answer them; the first that
/// fits counts, the last takes all others.
const QUESTIONS: [(&str, &[&str]); 7] = [
    (
        "May everybody do what they could?",
        &["INT-ROLES", "INT-MEMBERS", "INT-OWNERS", "INT-GRANTS", "INT-DEFACL", "INT-RLS"],
    ),
    ("Is everything there?", &["INT-"]),
    ("Are the files sound?", &["PHY-"]),
    ("Is it fast and recent enough?", &["RTO-", "RPO-"]),
    ("Can it be opened, and is the history whole?", &["KEY-", "CHAIN-", "HIS-"]),
    ("Your own checks", &["USR-"]),
    ("Other checks", &[""]),
];

/// The order in which they stand.
const ORDER: [usize; 7] = [1, 0, 2, 3, 4, 5, 6];

/// The section of a report.
pub fn of(r: &Report) -> Checks {
    let mut sorted: Vec<&CheckResult> = r.checks.iter().collect();
    sorted.sort_by_key(|c| rank(c));
    let left_out = sorted.len().saturating_sub(LISTED);
    sorted.truncate(LISTED);
    let mut budget = Budget::new(BYTES);
    // In the order of badness, so that the budget goes to the worst.
    let mut lines: Vec<(usize, Line)> = sorted.iter().map(|c| (question(&c.id), line(c, &mut budget))).collect();
    lines.sort_by_key(|(q, _)| ORDER.iter().position(|o| o == q));
    let mut groups: Vec<Group> = Vec::new();
    let mut last = None;
    for (q, line) in lines {
        if last != Some(q) {
            groups.push(Group { title: QUESTIONS[q].0, lines: Vec::new() });
            last = Some(q);
        }
        if let Some(group) = groups.last_mut() {
            group.lines.push(line);
        }
    }
    Checks { tally: tally(&r.checks), groups, left_out }
}

/// How many checks had which outcome, worst first.
pub fn tally(checks: &[CheckResult]) -> Vec<Count> {
    [
        (Outcome::Finding, "found something"),
        (Outcome::Error, "broke off"),
        (Outcome::NotEvaluated, "could not look"),
        (Outcome::Waived, "found something you accept"),
        (Outcome::Pass, "passed"),
        (Outcome::NotApplicable, "had nothing to look at"),
    ]
    .into_iter()
    .filter_map(|(outcome, words)| {
        let n = checks.iter().filter(|c| c.outcome == outcome).count();
        (n > 0).then(|| Count { mark: outcome.into(), words: format!("{} {words}", count(n as u64)) })
    })
    .collect()
}

fn question(id: &str) -> usize {
    let fits = QUESTIONS.iter().position(|(_, begin)| begin.iter().any(|b| id.starts_with(b)));
    fits.unwrap_or(QUESTIONS.len() - 1)
}

fn rank(c: &CheckResult) -> (u8, Reverse<Severity>) {
    let outcome = match c.outcome {
        Outcome::Finding => 0,
        Outcome::Error => 1,
        Outcome::NotEvaluated => 2,
        Outcome::Waived => 3,
        Outcome::Pass => 4,
        Outcome::NotApplicable => 5,
    };
    (outcome, Reverse(c.severity))
}

/// Outcome in words.
pub const fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "passed",
        Outcome::Finding => "not so",
        Outcome::Waived => "accepted",
        Outcome::NotEvaluated => "not looked at",
        Outcome::NotApplicable => "does not apply",
        Outcome::Error => "broke off",
    }
}

const fn severity(s: Severity) -> &'static str {
    match s {
        Severity::Info => "for information",
        Severity::Low => "a warning",
        Severity::Medium => "medium: fails the drill",
        Severity::High => "high: fails the drill",
        Severity::Critical => "critical: fails the drill",
    }
}

fn line(c: &CheckResult, budget: &mut Budget) -> Line {
    let named = || c.findings.iter().filter(|f| f.object != LEFT_OUT);
    let mut first: Vec<Found> =
        named().map(found).take_while(|f| budget.take(160, &[&f.object, &f.message, &f.remedy])).collect();
    let unnamed = c.findings.len() - named().count();
    let left_out = c.findings.len() - unnamed - first.len();
    let rest = if first.len() > OPEN + 1 { first.split_off(OPEN) } else { Vec::new() };
    Line {
        id: bound::name(&c.id),
        title: bound::sentence(&c.title),
        mark: c.outcome.into(),
        words: words(c.outcome),
        severity: (c.outcome == Outcome::Finding).then(|| severity(c.severity)),
        examined: format!("{} of {}", count(c.examined), count(c.present)),
        reason: c.reason.as_deref().map(bound::sentence),
        first,
        rest,
        left_out,
        unnamed,
    }
}

fn found(f: &Finding) -> Found {
    Found { object: bound::name(&f.object), message: bound::text(&f.message), remedy: bound::text(&f.remedy) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Rule;
    use crate::report::json::tests::sample;

    #[test]
    fn checks_stand_under_their_question_worst_first() {
        let mut r = sample();
        for id in ["NEW-X", "INT-GRANTS", "RPO-BUDGET", "KEY-OPENS", "CHAIN-HISTORY"] {
            r.checks.push(Rule { id, title: "x", severity: Severity::Low }.judged(1, 1, vec![]));
        }
        let c = of(&r);
        let titles: Vec<&str> = c.groups.iter().map(|g| g.title).collect();
        assert_eq!(
            titles,
            [
                "Is everything there?",
                "May everybody do what they could?",
                "Are the files sound?",
                "Is it fast and recent enough?",
                "Can it be opened, and is the history whole?",
                "Your own checks",
                "Other checks"
            ]
        );
        let ids: Vec<&str> = c.groups[0].lines.iter().map(|l| l.id.as_str()).collect();
        assert_eq!(ids, ["INT-ROWS", "INT-SEQ", "INT-LO"]);
        assert_eq!(c.groups[0].lines[0].severity, Some("high: fails the drill"));
        assert_eq!(c.groups[0].lines[1].severity, None, "what found nothing is not called high");
        let tally: Vec<&str> = c.tally.iter().map(|t| t.words.as_str()).collect();
        assert_eq!(
            tally,
            ["1 found something", "1 broke off", "1 could not look", "6 passed", "1 had nothing to look at"]
        );
    }

    #[test]
    fn many_findings_are_folded_and_too_many_counted() {
        let rule = Rule { id: "INT-X", title: "x", severity: Severity::High };
        let mut r = sample();
        let many = |n: usize, text: &str| (0..n).map(|i| rule.finding(i.to_string(), text, "r")).collect();
        r.checks = vec![rule.judged(200, 200, many(100, "m"))];
        let c = of(&r);
        let l = &c.groups[0].lines[0];
        assert_eq!((l.first.len(), l.rest.len(), l.left_out), (OPEN, 97, 0));
        r.checks = vec![rule.judged(4, 4, many(4, "m"))];
        assert_eq!(of(&r).groups[0].lines[0].first.len(), 4, "one finding is not folded away");

        r.checks = vec![rule.judged(4, 4, vec![rule.finding(LEFT_OUT, LEFT_OUT, LEFT_OUT)])];
        let l = &of(&r).groups[0].lines[0];
        assert_eq!((l.first.len(), l.left_out, l.unnamed), (0, 0, 1));

        r.checks = (0..300).map(|_| rule.judged(200, 200, many(100, &"<".repeat(600)))).collect();
        let c = of(&r);
        assert_eq!(c.left_out, 100);
        let lines = || c.groups.iter().flat_map(|g| &g.lines);
        let listed: usize = lines().map(|l| l.first.len() + l.rest.len()).sum();
        assert!((200..600).contains(&listed), "{listed}");
        assert_eq!(lines().map(|l| l.left_out).sum::<usize>() + listed, 200 * 100);
    }
}
