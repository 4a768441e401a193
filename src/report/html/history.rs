//! Earlier drills, and how this one compares.

use super::bound::Bounded;
use super::chart::Chart;
use super::mark::{DOT_KEY, Mark};
use super::words::{self, When, duration, sane};
use super::{lead, recovery, sizes};
use crate::report::model::PastDrill;
use crate::report::{Report, Verdict};
use crate::types::Kind;

/// Drills in the charts and in the table.
const LISTED: usize = 60;

/// One drill.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// When it ended.
    pub when: When,
    /// Sign.
    pub mark: Mark,
    /// Verdict.
    pub verdict: &'static str,
    /// How far the proof went.
    pub level: &'static str,
    /// Kind of the backup.
    pub kind: &'static str,
    /// Recovery time.
    pub rto: String,
    /// Size of the data.
    pub plain: String,
    /// Size in the store.
    pub stored: String,
    /// Whether it is the drill of this report.
    pub this: bool,
}

/// A sign of the charts in words.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    verdict: Verdict,
    /// Words.
    pub words: &'static str,
}

impl Key {
    /// The sign.
    pub fn svg(&self) -> &'static str {
        if self.verdict == Verdict::Passed { DOT_KEY } else { Mark::from(self.verdict).svg() }
    }
}

/// The section.
#[derive(Debug)]
pub struct History {
    /// One sentence.
    pub summary: String,
    /// Charts; none where there is nothing to compare.
    pub charts: Vec<Chart>,
    /// The charts' signs.
    pub keys: Vec<Key>,
    /// All drills, newest first.
    pub lines: Bounded<Line>,
}

/// The section of a report.
pub fn of(r: &Report) -> History {
    let this = PastDrill::from(r);
    // By time, whatever the report's order: the charts' scale is time.
    let mut all: Vec<&PastDrill> = r.history.iter().chain([&this]).collect();
    all.sort_by_key(|p| p.finished_at);
    let same: Vec<&PastDrill> = all.iter().copied().filter(|p| p.kind == r.kind).collect();
    let same = &same[same.len().saturating_sub(LISTED)..];
    let charts = if same.len() < 2 {
        Vec::new()
    } else {
        vec![recovery::chart(same, r.rto_budget_s.map(sane)), sizes::chart(same)]
    };
    let keys = [Verdict::Passed, Verdict::Failed, Verdict::Inconclusive, Verdict::Unsafe]
        .into_iter()
        .filter(|v| same.iter().any(|p| p.verdict == *v))
        .map(|v| Key { verdict: v, words: v.name() })
        .collect();
    all.reverse();
    History { summary: summary(r), charts, keys, lines: Bounded::of(&all, LISTED, |p| line(p, &r.run)) }
}

/// A drill in a few words: the tip of its sign.
pub fn tip(p: &PastDrill) -> String {
    let took =
        p.rto_s.map_or_else(|| "recovery time not measured".to_owned(), |s| format!("recovery in {}", duration(s)));
    format!("{}: {}, {took}", When::of(p.finished_at).words, p.verdict.name())
}

/// First and last day of drills.
pub fn days(drills: &[&PastDrill]) -> (String, String) {
    let day = |p: Option<&&PastDrill>| p.map_or_else(String::new, |p| When::of(p.finished_at).day);
    (day(drills.first()), day(drills.last()))
}

const fn kind(kind: Kind) -> &'static str {
    kind.name()
}

fn line(p: &PastDrill, run: &str) -> Line {
    Line {
        when: When::of(p.finished_at),
        mark: p.verdict.into(),
        verdict: p.verdict.name(),
        level: p.proof_level.name(),
        kind: kind(p.kind),
        rto: p.rto_s.map_or_else(|| "not measured".to_owned(), duration),
        plain: words::bytes(p.plain_bytes),
        stored: words::bytes(p.stored_bytes),
        this: p.run == run,
    }
}

fn summary(r: &Report) -> String {
    let same: Vec<&PastDrill> = r.history.iter().filter(|p| p.kind == r.kind).collect();
    let passed = same.iter().filter(|p| p.verdict == Verdict::Passed).count();
    if same.is_empty() {
        let others = if r.history.is_empty() { "" } else { " Those of the other kind stand in the table." };
        return format!(
            "No earlier drill of a {} of this source is known, so there is nothing to compare with yet.{others}",
            lead::kind(r.kind)
        );
    }
    let of = words::some(same.len(), "earlier drill", "earlier drills");
    let head = format!("{} of {of} of this kind passed.", words::count(passed as u64));
    format!("{head} {}", compared(r, &same))
}

/// This recovery time against that of the last drill that proved its backup.
fn compared(r: &Report, same: &[&PastDrill]) -> String {
    let last = same.iter().filter(|p| p.proven).max_by_key(|p| p.finished_at);
    match (r.rto_s.map(sane), last.and_then(|p| p.rto_s.map(sane))) {
        (None, _) => "In this one the recovery time could not be measured.".to_owned(),
        (_, None) => "There is no recovery time of a good drill to compare with.".to_owned(),
        (Some(now), Some(then)) => {
            let part = if then > 0.0 { (now - then) / then * 100.0 } else { 0.0 };
            let (now, then) = (duration(now), duration(then));
            if part.abs() < 5.0 {
                format!("Recovery took {now}, as long as in the last good one ({then}).")
            } else {
                let word = if part > 0.0 { "longer" } else { "less" };
                format!("Recovery took {now}, {:.0} % {word} than in the last good one ({then}).", part.abs())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    #[test]
    fn this_drill_is_compared_with_the_last_that_passed() {
        let mut r = sample();
        let h = of(&r);
        assert_eq!(
            h.summary,
            "1 of 1 earlier drill of this kind passed. \
            Recovery took 5.7 s, 13 % longer than in the last good one (5 s)."
        );
        assert_eq!((h.charts.len(), h.lines.items.len()), (2, 2));
        assert!(h.lines.items[0].this && !h.lines.items[1].this, "newest first");
        assert_eq!(h.keys.iter().map(|k| k.words).collect::<Vec<_>>(), ["passed", "failed"]);
        r.rto_s = Some(5.1);
        assert!(of(&r).summary.contains("as long as"));
        r.rto_s = Some(2.5);
        assert!(of(&r).summary.contains("50 % less"));
        r.rto_s = None;
        assert!(of(&r).summary.contains("could not be measured"));
        r.rto_s = Some(2.5);
        (r.history[0].verdict, r.history[0].proven) = (Verdict::Failed, false);
        assert!(of(&r).summary.starts_with("0 of 1") && of(&r).summary.contains("no recovery time of a good drill"));
    }

    #[test]
    fn no_history_and_another_kind_are_said_in_words() {
        let mut r = sample();
        r.history[0].kind = Kind::Physical;
        let h = of(&r);
        assert!(h.summary.contains("of a logical backup") && h.summary.contains("in the table"), "{}", h.summary);
        assert!(h.charts.is_empty() && h.lines.items.len() == 2);
        r.history.clear();
        let h = of(&r);
        assert!(h.summary.ends_with("nothing to compare with yet.") && h.charts.is_empty());
    }

    #[test]
    fn a_long_history_is_bounded() {
        let mut r = sample();
        r.history = vec![r.history[0].clone(); 5_000];
        let h = of(&r);
        assert_eq!((h.lines.items.len(), h.lines.more), (60, 4_941));
        assert_eq!(h.charts[0].dots.len(), 60);
    }
}
