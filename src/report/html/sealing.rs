//! Isolation: how far the copy was sealed off, and what proves it.

use super::bound::{self, Bounded};
use super::mark::Mark;
use crate::report::Report;
use crate::scratch::{Probe, ProbeOutcome};

/// Probes in the page.
const LISTED: usize = 60;
/// Reasons in the page.
const REASONS: usize = 20;

/// One level.
#[derive(Debug, PartialEq, Eq)]
pub struct Level {
    /// `I2`.
    pub name: &'static str,
    /// What it adds to the one before.
    pub words: &'static str,
    /// Whether it was reached. Not to be sealed off is nothing that is reached
    /// on the way to more.
    pub state: State,
    /// `reached`, `required`.
    pub note: Option<&'static str>,
}

/// Where a level stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Left behind: more than nothing was reached.
    Base,
    /// Reached.
    Yes,
    /// Not reached.
    No,
}

impl State {
    /// Its class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Yes => "yes",
            Self::No => "no",
        }
    }

    /// What it says to those who do not see it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Base => "",
            Self::Yes => ", reached",
            Self::No => ", not reached",
        }
    }
}

/// One probe.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// `ISO-004`.
    pub id: String,
    /// What it proves.
    pub title: String,
    /// Sign.
    pub mark: Mark,
    /// Outcome in words.
    pub words: &'static str,
    /// What was seen.
    pub evidence: String,
}

/// The section.
#[derive(Debug)]
pub struct Sealing {
    /// One sentence.
    pub summary: String,
    /// The levels; none where nothing was started.
    pub levels: Vec<Level>,
    /// What could not be had.
    pub reasons: Bounded<String>,
    /// Probes, worst first.
    pub probes: Bounded<Line>,
}

/// From weak to strong, as `min_isolation` names them.
const LEVELS: [(&str, &str); 5] = [
    ("I0", "Not sealed off"),
    ("I1", "Own locked settings, a private socket only"),
    ("I2", "No network: not even the host's own"),
    ("I3", "Own view of files and processes, nothing else visible"),
    ("I4", "A machine of its own"),
];

/// The section of a report.
pub fn of(r: &Report) -> Sealing {
    let Some(i) = &r.isolation else {
        return Sealing {
            summary: "No copy was started, so there was nothing to seal off and no probe was run.".to_owned(),
            levels: Vec::new(),
            reasons: Bounded { items: Vec::new(), more: 0 },
            probes: Bounded { items: Vec::new(), more: 0 },
        };
    };
    let at = |name: &str| LEVELS.iter().position(|l| l.0 == name);
    let (reached, required) = (at(&i.level), at(&i.required));
    let levels = LEVELS
        .iter()
        .enumerate()
        .map(|(n, (name, words))| Level {
            name,
            words,
            state: match reached {
                Some(r) if n == 0 && r > 0 => State::Base,
                Some(r) if n <= r => State::Yes,
                _ => State::No,
            },
            note: match (reached == Some(n), required == Some(n)) {
                (true, true) => Some("reached, as required"),
                (true, false) => Some("reached"),
                (false, true) => Some("required"),
                (false, false) => None,
            },
        })
        .collect();
    let mut sorted: Vec<&Probe> = i.probes.iter().collect();
    sorted.sort_by_key(|p| rank(p.outcome));
    Sealing {
        summary: summary(&i.level, &i.required, reached >= required && reached.is_some(), &i.probes),
        levels,
        reasons: Bounded::of(&i.reasons, REASONS, |t| bound::sentence(t)),
        probes: Bounded::of(&sorted, LISTED, |p| line(p)),
    }
}

const fn rank(outcome: ProbeOutcome) -> u8 {
    match outcome {
        ProbeOutcome::Fail => 0,
        ProbeOutcome::NotEvaluated => 1,
        ProbeOutcome::Pass => 2,
    }
}

/// Outcome in words.
const fn words(outcome: ProbeOutcome) -> &'static str {
    match outcome {
        ProbeOutcome::Pass => "proven",
        ProbeOutcome::Fail => "failed",
        ProbeOutcome::NotEvaluated => "not looked at",
    }
}

fn line(p: &Probe) -> Line {
    Line {
        id: bound::name(&p.id),
        title: bound::sentence(&p.title),
        mark: p.outcome.into(),
        words: words(p.outcome),
        evidence: bound::sentence(&p.evidence),
    }
}

fn summary(level: &str, required: &str, enough: bool, probes: &[Probe]) -> String {
    let n = |outcome| probes.iter().filter(|p| p.outcome == outcome).count();
    let (failed, open) = (n(ProbeOutcome::Fail), n(ProbeOutcome::NotEvaluated));
    let level = bound::cut(level, 20);
    let level = if enough {
        format!("Level {level} was reached")
    } else {
        format!("Level {level} was reached, {} is required", bound::cut(required, 20))
    };
    let proof = match (probes.len(), failed, open) {
        (0, ..) => "no probe was run, so nothing proves it".to_owned(),
        (all, 0, 0) => format!("all {all} probes prove it"),
        (all, 0, open) => format!("{} of {all} probes prove it, {open} could not look", all - open),
        (all, failed, _) => format!("{failed} of {all} probes failed"),
    };
    format!("{level}; {proof}.")
}

#[cfg(test)]
mod tests {
    use super::State::{Base, No, Yes};
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn levels_and_probes() {
        let mut r = sample();
        let s = of(&r);
        assert_eq!(s.summary, "Level I2 was reached; 1 of 2 probes prove it, 1 could not look.");
        assert_eq!(s.levels.iter().map(|l| l.state).collect::<Vec<_>>(), [Base, Yes, Yes, No, No]);
        assert_eq!(s.levels[2].note, Some("reached, as required"));
        assert_eq!(s.probes.items[0].id, "ISO-009", "what was not looked at stands before what was");
        assert_eq!(s.reasons.items.len(), 1);

        let i = r.isolation.as_mut().unwrap();
        i.required = "I3".into();
        i.probes[0].outcome = ProbeOutcome::Fail;
        let s = of(&r);
        assert_eq!(s.summary, "Level I2 was reached, I3 is required; 1 of 2 probes failed.");
        assert_eq!((s.levels[3].note, s.levels[3].state), (Some("required"), No));
        assert_eq!((s.probes.items[0].id.as_str(), s.probes.items[0].mark), ("ISO-004", Mark::Bad));
    }

    #[test]
    fn no_probe_is_no_proof() {
        let mut r = sample();
        r.isolation.as_mut().unwrap().probes.clear();
        assert!(of(&r).summary.contains("nothing proves it"));
        r.isolation.as_mut().unwrap().level = "I9<".into();
        let s = of(&r);
        assert!(s.levels.iter().all(|l| l.state == State::No) && s.summary.contains("I9<"), "{}", s.summary);
        r.isolation = None;
        let s = of(&r);
        assert!(s.summary.contains("No copy was started") && s.levels.is_empty());
    }
}
