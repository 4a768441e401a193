//! What is exposed: the same sections in the page of a drill and of an audit.
//!
//! | file | holds |
//! |---|---|
//! | [`bars`] | a sign for a danger |
//! | [`guide`] | the 25 sections of the guide as tiles |
//! | [`ways`] | who can enter from where, as a picture |
//! | [`reach`] | who can read what |
//! | [`findings`] | what is open, waived, and not evaluated |

pub mod bars;
pub mod findings;
pub mod guide;
pub mod reach;
pub mod ways;

use self::findings::Findings;
use self::guide::Guide;
use self::reach::Reach;
use self::ways::Ways;
use super::bound::{self, Bounded, Budget};
use super::checks::Count;
use super::mark::Mark;
use super::words::{self, When};
use crate::exposure as seen;
use crate::report::exposure::numbers;

/// Bytes of HTML for all credentials.
const BYTES: usize = 15_000;

/// A credential that leaves with the backup.
#[derive(Debug, PartialEq, Eq)]
pub struct Credential {
    /// Where it is.
    pub object: String,
    /// What it is.
    pub kind: String,
    /// Since when.
    pub since: When,
}

/// What changed since the last look.
#[derive(Debug)]
pub struct Drift {
    /// When that was.
    pub since: When,
    /// Numbers of findings.
    pub counts: Vec<Count>,
}

/// All of it.
#[derive(Debug)]
pub struct Exposure {
    /// One sentence.
    pub summary: String,
    /// What was looked at.
    pub looked: String,
    /// What changed; absent where there was no earlier look.
    pub drift: Option<Drift>,
    /// Sections of the guide.
    pub guide: Guide,
    /// Ways in.
    pub ways: Ways,
    /// Reach.
    pub reach: Reach,
    /// Findings.
    pub findings: Findings,
    /// What to rotate.
    pub rotate: Bounded<Credential>,
}

/// The sections of an exposure.
pub fn of(e: &seen::Exposure) -> Exposure {
    Exposure {
        summary: summary(e),
        looked: looked(e),
        drift: e.drift.as_ref().map(drift),
        guide: guide::of(&e.sections),
        ways: ways::of(&e.entry),
        reach: reach::of(&e.reach),
        findings: findings::of(e),
        rotate: rotate(&e.credentials),
    }
}

fn rotate(all: &[seen::outcome::Credential]) -> Bounded<Credential> {
    let one = |c: &seen::outcome::Credential| Credential {
        object: bound::name(&c.object),
        kind: bound::cut(&c.kind, 80),
        since: When::of(c.first_seen),
    };
    Budget::new(BYTES).fill(all, 170, one, |c| vec![&c.object, &c.kind])
}

/// `1 critical and 2 high findings are open; 3 of them …`
pub fn summary(e: &seen::Exposure) -> String {
    let open = match (numbers::all_open(e), numbers::by_severity(e)) {
        (0, _) if numbers::evaluated(e) == 0 => "Nothing is known: no check of exposure could be evaluated.".to_owned(),
        (0, _) => "Nothing is open.".to_owned(),
        (1, severity) => format!("1 finding is open: {severity}."),
        (n, severities) => format!("{} findings are open: {severities}.", words::count(n as u64)),
    };
    let over = match numbers::over(e) {
        0 => format!(" None reaches the threshold, {}.", numbers::threshold(e)),
        1 => format!(" One reaches the threshold, {}.", numbers::threshold(e)),
        n => format!(" {} reach the threshold, {}.", words::count(n as u64), numbers::threshold(e)),
    };
    let over = if numbers::all_open(e) == 0 { String::new() } else { over };
    let (all, said) = (e.checks.len(), numbers::evaluated(e));
    let looked = if all == 0 {
        String::new()
    } else {
        format!(" {} of {} were evaluated.", words::count(said as u64), words::some(all, "check", "checks"))
    };
    format!("{open}{over}{looked}")
}

fn looked(e: &seen::Exposure) -> String {
    let words = |p: &seen::Plane| match p {
        seen::Plane::Live => "the live server",
        seen::Plane::Posture => "the posture sealed with the backup",
        seen::Plane::Copy => "the restored copy",
        seen::Plane::Trail => "the stored backups",
        seen::Plane::House => "this host and pgseal's own configuration",
    };
    if e.planes.is_empty() {
        return "Nothing was looked at.".to_owned();
    }
    let all: Vec<&str> = e.planes.iter().map(words).collect();
    let at =
        e.posture_at.map_or_else(String::new, |at| format!(" Settings and access rules as of {}.", When::of(at).words));
    format!("Looked at: {}.{at}", all.join(", "))
}

fn drift(d: &seen::outcome::Drift) -> Drift {
    let count = |mark, n: u32, words: &str| Count { mark, words: format!("{} {words}", words::count(n.into())) };
    Drift {
        since: When::of(d.since),
        counts: vec![
            count(Mark::Bad, d.new, "new"),
            count(Mark::Alarm, d.changed, "changed"),
            count(Mark::Empty, d.unchanged, "unchanged"),
            count(Mark::Good, d.fixed, "fixed"),
            count(Mark::Open, d.unknown, "unknown: their checks could not look"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::sample::sample;

    #[test]
    fn the_sentence_says_what_is_open_and_how_much_was_looked_at() {
        let mut e = sample();
        assert_eq!(
            of(&e).summary,
            "5 findings are open: 1 critical, 1 high, 1 medium, 1 low, 1 info. 2 reach the threshold, high, medium for what is new. \
            6 of 8 checks were evaluated."
        );
        assert!(of(&e).looked.contains("the restored copy. Settings and access rules as of 23 Nov 2026, 03:00 UTC"));
        let drift: Vec<String> = of(&e).drift.unwrap().counts.into_iter().map(|c| c.words).collect();
        assert_eq!(drift[3..], ["4 fixed", "5 unknown: their checks could not look"]);
        e.checks.retain(|c| c.findings.is_empty());
        assert!(of(&e).summary.starts_with("Nothing is open. 2 of 4 checks"));
        e.checks.clear();
        e.planes.clear();
        assert!(of(&e).summary.starts_with("Nothing is known") && of(&e).looked.starts_with("Nothing"));
    }
}
