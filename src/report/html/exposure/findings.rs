//! What is open by severity with why and what to do, what is accepted and until
//! when, and what could not be looked at.

use super::bars::Danger;
use crate::checks::{CheckResult, Outcome, Severity};
use crate::exposure::Exposure;
use crate::exposure::outcome::worst_open;
use crate::report::exposure::numbers::{self, SEVERITIES, Told};
use crate::report::exposure::{about, text};
use crate::report::html::bound::{self, Bounded, Budget};
use crate::report::html::mark::Mark;
use crate::report::html::words;
use crate::report::redact::LEFT_OUT;

/// Findings of a check that stand open.
const OPEN: usize = 3;
/// Bytes of HTML for all open findings.
const BYTES: usize = 170_000;
/// Bytes of HTML for all waived ones.
const WAIVED_BYTES: usize = 25_000;
/// Bytes of HTML for checks that could not look, or had nothing to look at.
const SILENT_BYTES: usize = 25_000;
/// Longest title, in characters. Those of the catalogue are shorter.
const TITLE: usize = 160;

/// One finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is about.
    pub object: String,
    /// What is the matter.
    pub message: String,
    /// The next step, where it is not the one of the check.
    pub remedy: String,
    /// `medium`, where it is not as bad as the worst of its check.
    pub severity: &'static str,
    /// `new`, `changed`; may be empty.
    pub change: &'static str,
}

/// A check with open findings.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// `EXP-HBA-001`.
    pub id: String,
    /// What should hold.
    pub title: String,
    /// Why it matters; may be empty.
    pub why: &'static str,
    /// What to do, by lines; may be empty.
    pub remedy: Vec<String>,
    /// What could not be looked at beside it.
    pub reason: Option<String>,
    /// Findings that stand open.
    pub first: Vec<Found>,
    /// Findings behind a fold.
    pub rest: Vec<Found>,
    /// Findings that are not in the page.
    pub left_out: usize,
    /// Findings of which the report tells no more than their number.
    pub unnamed: usize,
}

/// Checks whose worst finding is of one severity.
#[derive(Debug)]
pub struct Group {
    /// How bad that is.
    pub danger: Danger,
    /// `Critical`.
    pub title: &'static str,
    /// Whether it reaches the threshold.
    pub over: bool,
    /// Its checks.
    pub checks: Vec<Check>,
}

/// An accepted finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Waived {
    /// Its check.
    pub id: String,
    /// What it is about.
    pub object: String,
    /// How bad it is.
    pub severity: &'static str,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it; may be empty.
    pub owner: String,
    /// Its last day; may be empty.
    pub expires: String,
}

/// A check that said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    /// Sign.
    pub mark: Mark,
    /// Its id.
    pub id: String,
    /// What it would have proven.
    pub title: String,
    /// Why it did not.
    pub why: String,
    /// Whether it is required.
    pub required: bool,
}

/// The sections.
#[derive(Debug)]
pub struct Findings {
    /// Open, by severity.
    pub groups: Vec<Group>,
    /// Checks with open findings that are not in the page.
    pub left_out: usize,
    /// Accepted.
    pub waived: Bounded<Waived>,
    /// Those that could not look.
    pub missed: Bounded<Silent>,
    /// Those that had nothing to look at.
    pub nothing: Bounded<Silent>,
    /// One sentence about both.
    pub missed_summary: String,
}

/// The findings of an exposure.
pub fn of(e: &Exposure) -> Findings {
    let mut budget = Budget::new(BYTES);
    let groups: Vec<Group> = SEVERITIES.into_iter().filter_map(|s| group(e, s, &mut budget)).collect();
    let open = e.checks.iter().filter(|c| worst_open(c).is_some()).count();
    let mut accepted = numbers::findings(e);
    accepted.retain(|t| t.waived);
    let mut budget = Budget::new(SILENT_BYTES);
    let mut quiet = |nothing: bool| {
        let mut all = text::silent(e);
        all.retain(|(c, _)| (c.outcome == Outcome::NotApplicable) == nothing);
        budget.fill(&all, 330, |(c, why)| silent(e, c, why), |s| vec![&s.title, &s.why, &s.id])
    };
    let (missed, nothing) = (quiet(false), quiet(true));
    Findings {
        left_out: open - groups.iter().map(|g| g.checks.len()).sum::<usize>(),
        groups,
        waived: Budget::new(WAIVED_BYTES).fill(&accepted, 250, waived, |w| vec![&w.object, &w.reason, &w.owner]),
        missed_summary: missed_summary(e, missed.items.len() + missed.more),
        missed,
        nothing,
    }
}

fn group(e: &Exposure, severity: Severity, budget: &mut Budget) -> Option<Group> {
    let found = e.checks.iter().filter(|c| worst_open(c) == Some(severity));
    let checks: Vec<Check> = found.map_while(|c| check(c, severity, budget)).collect();
    let title = match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "For information",
    };
    (!checks.is_empty()).then_some(Group { danger: severity.into(), title, over: severity >= e.fail_on, checks })
}

/// A check with its findings; nothing where not even its own words fit.
fn check(c: &CheckResult, worst: Severity, budget: &mut Budget) -> Option<Check> {
    let about = about(&c.id);
    let open = || numbers::of(c).filter(|t| !t.waived);
    let named = || open().filter(|t| t.finding.object != LEFT_OUT);
    // What all of them say is said once.
    let mut theirs = open().map(|t| t.finding.remedy.as_str());
    let first = theirs.next().filter(|r| *r != LEFT_OUT && theirs.all(|other| other == *r));
    let remedy = about.map_or(first.unwrap_or_default(), |a| a.remedy);
    let found = |t: Told<'_>| Found {
        object: bound::name(&t.finding.object),
        message: bound::text(&t.finding.message),
        remedy: if t.finding.remedy == remedy { String::new() } else { bound::text(&t.finding.remedy) },
        severity: if t.severity == worst { "" } else { t.severity.name() },
        change: text::change(t.finding.change),
    };
    let fits = |f: &Found, budget: &mut Budget| budget.take(200, &[&f.object, &f.message, &f.remedy]);
    let why = about.map_or("", |a| a.why);
    // Only the catalogue's own words may have lines.
    let remedy: Vec<String> = match about {
        Some(a) => a.remedy.lines().map(str::to_owned).collect(),
        None => [bound::text(remedy)].into_iter().filter(|r| !r.is_empty()).collect(),
    };
    let (id, title) = (bound::cut(&c.id, 40), bound::cut(&c.title, TITLE));
    let reason = c.reason.as_deref().filter(|r| *r != LEFT_OUT).map(bound::sentence);
    let own = [why, &remedy.concat(), &id, &title, reason.as_deref().unwrap_or_default()];
    if !budget.take(700, &own) {
        return None;
    }
    let mut first: Vec<Found> = named().map(found).take_while(|f| fits(f, budget)).collect();
    let unnamed = open().count() - named().count();
    let left_out = open().count() - unnamed - first.len();
    let rest = if first.len() > OPEN + 1 { first.split_off(OPEN) } else { Vec::new() };
    Some(Check { id, title, why, remedy, reason, first, rest, left_out, unnamed })
}

fn waived(t: &Told<'_>) -> Waived {
    let shown = |text: &str| if text == LEFT_OUT { String::new() } else { bound::text(text) };
    let (reason, owner, expires) = match &t.finding.waiver {
        Some(w) => {
            let ticket = w.ticket.as_deref().map(shown).filter(|t| !t.is_empty());
            let ticket = ticket.map_or_else(String::new, |t| format!(" ({t})"));
            (format!("{}{ticket}", shown(&w.reason)), shown(&w.owner), w.expires.strftime("%-d %b %Y").to_string())
        }
        None => (shown(&text::accepted(t)), String::new(), String::new()),
    };
    Waived {
        id: bound::cut(&t.check.id, 40),
        object: shown(&t.finding.object),
        severity: t.severity.name(),
        reason,
        owner,
        expires,
    }
}

fn silent(e: &Exposure, c: &CheckResult, why: &str) -> Silent {
    let broke = if c.outcome == Outcome::Error { "The check broke off: " } else { "" };
    Silent {
        mark: c.outcome.into(),
        id: bound::cut(&c.id, 40),
        title: words::capital(&bound::cut(&c.title, TITLE)),
        why: if broke.is_empty() { bound::sentence(why) } else { format!("{broke}{}", bound::text(why)) },
        required: e.required_open.contains(&c.id),
    }
}

fn missed_summary(e: &Exposure, missed: usize) -> String {
    let all = e.checks.len();
    match missed {
        _ if all == 0 => "No check of exposure was run, so nothing of it is known.".to_owned(),
        0 => "Every check that was run could look.".to_owned(),
        n => format!(
            "{} of {} could not look. None of it counts as passed.",
            words::count(n as u64),
            words::some(all, "check", "checks")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Rule;
    use crate::report::exposure::sample::{ABOUT, sample, with_name};

    #[test]
    fn findings_stand_by_severity_with_why_and_what_to_do() {
        let f = of(&sample());
        let titles: Vec<(&str, bool)> = f.groups.iter().map(|g| (g.title, g.over)).collect();
        assert_eq!(titles, [("Critical", true), ("High", true), ("Low", false)]);
        let trust = &f.groups[0].checks[0];
        assert_eq!((trust.why, trust.remedy.concat().as_str()), (ABOUT.why, ABOUT.remedy));
        assert_eq!((trust.first[0].change, trust.first[0].remedy.as_str()), ("new", "Mend it."));
        let grants = &f.groups[1].checks[0];
        assert_eq!((grants.first.len(), grants.first[1].severity), (2, "medium"), "the waived one is not open");
        assert!(grants.first[0].remedy.is_empty() && grants.remedy == ["Mend it."], "said once");
        assert!(grants.reason.as_ref().unwrap().contains("database old"));
        let waived = &f.waived.items;
        assert_eq!(waived.len(), 2);
        assert_eq!((waived[0].expires.as_str(), waived[0].owner.as_str()), ("1 Feb 2027", "platform@acme.example"));
        assert!(waived[0].reason.ends_with("(SEC-214)"));
        let missed: Vec<(&str, bool)> = f.missed.items.iter().map(|s| (s.id.as_str(), s.required)).collect();
        assert_eq!(missed, [("EXP-AUTH-901", true), ("EXP-FUNC-901", false)]);
        assert_eq!(f.nothing.items[0].id, "EXP-REPL-901");
        assert!(f.missed_summary.starts_with("2 of 8 checks could not look"));
    }

    #[test]
    fn many_are_folded_too_many_counted_and_nothing_is_lost() {
        let rule = Rule { id: "EXP-X-001", title: "x", severity: Severity::High };
        let many = |text: &str| (0..100).map(|i| rule.finding(i.to_string(), text, "r")).collect();
        let mut e = sample();
        e.checks = (0..100).map(|_| rule.judged(100, 100, many(&"<".repeat(600)))).collect();
        let f = of(&e);
        let checks = || f.groups.iter().flat_map(|g| &g.checks);
        let listed: usize = checks().map(|c| c.first.len() + c.rest.len()).sum();
        assert!((20..300).contains(&listed), "{listed}");
        assert_eq!(checks().map(|c| c.left_out).sum::<usize>() + listed + f.left_out * 100, 10_000);
        e.checks = vec![rule.judged(100, 100, many("m"))];
        let f = of(&e);
        assert_eq!((f.groups[0].checks[0].first.len(), f.groups[0].checks[0].rest.len()), (OPEN, 97));
        let f = of(&with_name(LEFT_OUT));
        assert_eq!((f.groups[0].checks[0].unnamed, f.groups[0].checks[0].first.len()), (1, 0));
    }

    #[test]
    fn nothing_run_says_so() {
        let mut e = sample();
        e.checks.clear();
        assert!(of(&e).missed_summary.contains("No check of exposure was run"));
    }
}
