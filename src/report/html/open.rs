//! What was not checked and why: its own section, never hidden.

use super::bound::{self, Bounded};
use super::mark::Mark;
use super::tables::{State, Tally};
use super::{checks, words};
use crate::checks::Outcome;
use crate::report::Report;
use crate::report::exposure::numbers;
use crate::scratch::ProbeOutcome;

/// Items in the page.
const LISTED: usize = 120;

/// One thing that nobody looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Sign.
    pub mark: Mark,
    /// `INT-LO`; may be empty.
    pub id: String,
    /// What would have been looked at.
    pub what: String,
    /// Why it was not.
    pub why: String,
}

/// The section.
#[derive(Debug)]
pub struct Open {
    /// One sentence.
    pub summary: String,
    /// The words that lead here.
    pub link: String,
    /// What should have been looked at.
    pub missed: Bounded<Item>,
    /// What there is nothing of.
    pub nothing: Bounded<Item>,
}

/// The section of a report.
pub fn of(r: &Report) -> Open {
    let mut missed = Vec::new();
    let mut nothing = Vec::new();
    let item = |mark, id: &str, what: &str, why: &str| Item {
        mark,
        id: bound::name(id),
        what: bound::sentence(what),
        why: bound::sentence(why),
    };
    if r.checks.is_empty() {
        missed.push(item(Mark::Open, "", "Everything", "No check was run: the drill ended before."));
    }
    for c in &r.checks {
        let into = match c.outcome {
            Outcome::NotEvaluated | Outcome::Error => &mut missed,
            Outcome::NotApplicable => &mut nothing,
            // What was found does not say what else is there.
            Outcome::Finding | Outcome::Waived | Outcome::Pass if c.examined < c.present => &mut missed,
            Outcome::Finding | Outcome::Waived | Outcome::Pass => continue,
        };
        let partly = format!("Only {} of {} were looked at.", words::count(c.examined), words::count(c.present));
        let why = match (&c.reason, c.outcome) {
            (_, Outcome::Finding | Outcome::Waived | Outcome::Pass) | (None, _) if c.examined < c.present => partly,
            (Some(why), Outcome::Error) => format!("The check broke off: {why}"),
            (Some(why), _) => why.clone(),
            (None, _) => "The report gives no reason.".to_owned(),
        };
        let mark = if c.examined < c.present && c.outcome != Outcome::Error { Mark::Open } else { c.outcome.into() };
        into.push(item(mark, &c.id, &c.title, &why));
    }
    match &r.isolation {
        None => missed.push(item(Mark::Open, "", "Isolation", "No copy was started, so no probe was run.")),
        Some(i) => {
            if i.probes.is_empty() {
                missed.push(item(Mark::Open, "", "Isolation", "No probe was run."));
            }
            let open = i.probes.iter().filter(|p| p.outcome == ProbeOutcome::NotEvaluated);
            missed.extend(open.map(|p| item(Mark::Open, &p.id, &p.title, &p.evidence)));
        }
    }
    let unread = Tally::of(&r.tables).in_state(State::Unread);
    if unread > 0 {
        let what = format!("Rows of {}", words::some(unread, "table", "tables"));
        missed.push(item(Mark::Open, "", &what, "Not readable in the restored copy."));
    }
    let without = r.recipients.iter().filter(|p| p.opened.is_none()).count();
    if without > 0 {
        let what = format!("Whether {} open the backup", words::some(without, "recipient can", "recipients can"));
        let why = "No identity for it was given to this drill.";
        missed.push(item(Mark::Open, "", &what, why));
    }
    let silent = r.exposure.as_ref().map_or(0, |e| e.checks.len() - numbers::evaluated(e));
    if silent > 0 {
        let what = words::some(silent, "check of exposure", "checks of exposure");
        missed.push(item(Mark::Open, "", &what, "Each stands with its reason among what is exposed."));
    }
    Open {
        summary: summary(missed.len(), r),
        link: match missed.len() {
            0 => "What no drill checks".to_owned(),
            n => format!("{}: what was not checked", words::some(n, "gap", "gaps")),
        },
        missed: Bounded::of(&missed, LISTED, Item::clone),
        nothing: Bounded::of(&nothing, LISTED, Item::clone),
    }
}

fn summary(missed: usize, r: &Report) -> String {
    let passed = checks::tally(&r.checks).iter().any(|c| c.mark == Mark::Good);
    match missed {
        0 if passed => "Everything that this drill set out to look at was looked at.".to_owned(),
        0 => "Nothing was left out, but no check passed either.".to_owned(),
        n => format!("{} in this drill. None of it counts as passed.", words::some(n, "gap", "gaps")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Rule, Severity};
    use crate::report::json::tests::sample;
    use crate::report::model::RecipientProof;

    fn said(r: &Report) -> Vec<String> {
        of(r).missed.items.iter().map(|i| format!("{} {}: {}", i.id, i.what, i.why)).collect()
    }

    #[test]
    fn every_way_of_not_looking_is_listed() {
        let mut r = sample();
        r.tables[0].rows = None;
        r.tables[0].content_matches = None;
        r.recipients.push(RecipientProof { recipient: "x".into(), opened: None, last_proven_at: None });
        let rule = Rule { id: "INT-P", title: "partly", severity: Severity::High };
        r.checks.push(rule.judged(9, 4, vec![rule.finding("a", "b", "c")]));
        let said = said(&r);
        for part in [
            "PHY-AMCHECK Indexes agree with their tables: The extension amcheck is not installed",
            "USR-SQL Your queries: The check broke off: ",
            "INT-P partly: Only 4 of 9 were looked at.",
            "ISO-009 census: No answer",
            " Rows of 1 table: Not readable",
            " Whether 1 recipient can open the backup: No identity",
            " 2 checks of exposure: Each stands",
        ] {
            assert!(said.iter().any(|s| s.starts_with(part)), "{part}\n{said:#?}");
        }
        assert_eq!(said.len(), 7);
        let open = of(&r);
        assert!(open.summary.starts_with("7 gaps"));
        assert_eq!(open.nothing.items[0].id, "INT-LO");
    }

    #[test]
    fn a_drill_that_did_nothing_missed_everything() {
        let mut r = sample();
        r.checks.clear();
        r.tables.clear();
        (r.isolation, r.exposure) = (None, None);
        assert_eq!(said(&r).len(), 2);
        assert!(said(&r)[0].contains("Everything"));
    }

    #[test]
    fn a_drill_that_looked_at_all_says_so() {
        let mut r = sample();
        r.exposure = None;
        r.checks.retain(|c| c.outcome == Outcome::Pass);
        r.isolation.as_mut().unwrap().probes.truncate(1);
        assert!(said(&r).is_empty());
        assert!(of(&r).summary.starts_with("Everything that this drill"));
        r.checks = vec![Rule { id: "A", title: "a", severity: Severity::Low }.judged(0, 0, vec![])];
        assert!(of(&r).summary.contains("no check passed"));
    }
}
