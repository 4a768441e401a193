//! The head of the page: the verdict in one sentence for the person on call,
//! and how far the proof goes.

use super::mark::Mark;
use super::tables::{State, Tally};
use super::words::{self, When};
use super::{bound, exposure};
use crate::report::redact::LEFT_OUT;
use crate::report::{ProofLevel, Report, Verdict};
use crate::scratch::ProbeOutcome;
use crate::types::Kind;

/// One rung of the proof ladder.
#[derive(Debug, PartialEq, Eq)]
pub struct Rung {
    /// `restored`.
    pub name: &'static str,
    /// What it means.
    pub words: &'static str,
    /// Whether the proof goes this far.
    pub reached: bool,
}

/// The head.
#[derive(Debug)]
pub struct Lead {
    /// `passed`; also the class in the style sheet.
    pub verdict: &'static str,
    /// `Passed`.
    pub word: &'static str,
    /// Sign.
    pub mark: Mark,
    /// What the verdict means for the reader.
    pub meaning: &'static str,
    /// The sentence.
    pub sentence: String,
    /// Source.
    pub source: String,
    /// `logical backup`.
    pub kind: &'static str,
    /// Backup.
    pub backup: String,
    /// When the drill ended.
    pub when: When,
    /// The ladder.
    pub rungs: Vec<Rung>,
    /// The ladder in one sentence.
    pub reached: String,
}

/// The head of a report.
pub fn of(r: &Report) -> Lead {
    let (verdict, word) = (r.verdict.name(), word(r.verdict));
    let meaning = match r.verdict {
        Verdict::Passed if r.reasons.is_empty() => "This backup restores.",
        Verdict::Passed => "This backup restores, with warnings.",
        Verdict::Failed if r.is_only_exposed() => "This backup restores. What it holds is exposed.",
        Verdict::Failed => "Do not rely on this backup.",
        Verdict::Inconclusive => "This drill proves nothing, neither for nor against the backup.",
        Verdict::Unsafe => "The drill itself was not safe. Look at the drill host first.",
    };
    Lead {
        verdict,
        word,
        mark: r.verdict.into(),
        meaning,
        sentence: sentence(r),
        source: bound::name(r.source.as_str()),
        kind: kind(r.kind),
        backup: bound::name(&r.backup_id.to_string()),
        when: When::of(r.finished_at),
        rungs: rungs(r.proof_level),
        reached: reached(r),
    }
}

/// The verdict as a title.
pub const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Passed",
        Verdict::Failed => "Failed",
        Verdict::Inconclusive => "Inconclusive",
        Verdict::Unsafe => "Unsafe",
    }
}

/// The kind of a backup in words.
pub const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Logical => "logical backup",
        Kind::Physical => "physical backup",
    }
}

fn rungs(level: ProofLevel) -> Vec<Rung> {
    [
        (ProofLevel::Stored, "Signature and every stored byte are right"),
        (ProofLevel::Restored, "It was opened and restored completely"),
        (ProofLevel::Booted, "A server runs on it and answers"),
        (ProofLevel::Data, "Every row was read and is right"),
    ]
    .map(|(rung, words)| Rung { name: rung.name(), words, reached: level >= rung })
    .into()
}

fn reached(r: &Report) -> String {
    match r.proof_level {
        ProofLevel::None => "Proof level none: not even the stored bytes were proven.".to_owned(),
        ProofLevel::Data => "Proof level data: as far as a drill can prove.".to_owned(),
        level => format!("Proof level {}: the proof ends here.", level.name()),
    }
}

fn sentence(r: &Report) -> String {
    let which = format!("The backup of {}, made {} before the drill,", r.source, words::age(r.backup_age_s));
    match r.verdict {
        Verdict::Passed => {
            let restores =
                r.rto_s.map_or_else(|| "restores".to_owned(), |s| format!("restores in {}", words::duration(s)));
            format!("{which} {restores}; {}.", passed(r))
        }
        Verdict::Failed if r.is_only_exposed() => {
            let seen = r.exposure.as_ref().map(exposure::summary).unwrap_or_default();
            format!("{which} is as it should be: {}. But: {}", passed(r), seen.trim_end())
        }
        Verdict::Failed => format!("{which} is not as it should be: {}.", failed(r)),
        Verdict::Inconclusive => format!("{which} is still unproven: {}.", first(r)),
        Verdict::Unsafe => format!("In the drill of the backup of {}, {}.", r.source, exposed(r)),
    }
}

fn passed(r: &Report) -> String {
    let tally = Tally::of(&r.tables);
    let (all, same) = (tally.total(), tally.in_state(State::Identical));
    match (r.proof_level, all) {
        (ProofLevel::Data, 0) => "every row was read and is right".to_owned(),
        (ProofLevel::Data, _) if same == all => match all {
            1 => "its one table is identical to what was backed up".to_owned(),
            n => format!("{0} of {0} tables are identical", words::count(n as u64)),
        },
        (ProofLevel::Data, n) => format!("every row of {} was read", words::some(n, "table", "tables")),
        (ProofLevel::Booted, 0) => "a server runs on it and answers, and it holds no rows to compare".to_owned(),
        (ProofLevel::Booted, _) => "a server runs on it and answers; its rows were not proven".to_owned(),
        (level, _) => format!("the proof goes as far as \"{}\"", level.name()),
    }
}

fn failed(r: &Report) -> String {
    let tally = Tally::of(&r.tables);
    let (all, bad) = (tally.total(), tally.in_state(State::Differs));
    if bad > 0 {
        let verb = if bad == 1 { "differs" } else { "differ" };
        let of = words::some(all, "table", "tables");
        return format!("{} of {of} {verb} from what was backed up", words::count(bad as u64));
    }
    first(r)
}

fn exposed(r: &Report) -> String {
    let failed = r.isolation.iter().flat_map(|i| &i.probes).find(|p| p.outcome == ProbeOutcome::Fail);
    let left = r.teardown.as_ref().is_some_and(|t| !t.is_clean());
    match failed {
        Some(p) if p.evidence == LEFT_OUT => format!("the copy was not sealed off: {} failed", bound::name(&p.id)),
        Some(p) => format!("the copy was not sealed off: {}", bound::text(p.evidence.trim_end_matches('.'))),
        None if left => "the copy was not removed completely: data may still lie on the drill host".to_owned(),
        None => first(r),
    }
}

/// The first reason, without its full stop.
fn first(r: &Report) -> String {
    let said = r.reasons.first().or_else(|| r.errors.first().map(|e| &e.message));
    said.map_or_else(|| "the report gives no reason".to_owned(), |t| bound::text(t.trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    fn good() -> Report {
        let mut r = sample();
        r.verdict = Verdict::Passed;
        r.proof_level = ProofLevel::Data;
        r.reasons.clear();
        r.tables[0].rows = Some(3);
        r.tables[0].content_matches = Some(true);
        r
    }

    #[test]
    fn a_pass_says_what_was_proven_and_no_more() {
        let mut r = good();
        let l = of(&r);
        assert_eq!(
            l.sentence,
            "The backup of shop, made 50 min before the drill, restores in 5.7 s; \
            its one table is identical to what was backed up."
        );
        assert_eq!((l.word, l.verdict, l.mark), ("Passed", "passed", Mark::Good));
        assert!(l.rungs.iter().all(|r| r.reached));
        r.tables = vec![r.tables[0].clone(); 12];
        assert!(of(&r).sentence.ends_with("; 12 of 12 tables are identical."));
        r.tables[3].content_matches = None;
        assert!(of(&r).sentence.ends_with("; every row of 12 tables was read."));
        r.proof_level = ProofLevel::Booted;
        assert!(of(&r).sentence.ends_with("its rows were not proven."));
        assert!(!of(&r).rungs[3].reached);
        r.tables.clear();
        assert!(of(&r).sentence.ends_with("it holds no rows to compare."));
        r.proof_level = ProofLevel::Data;
        r.rto_s = None;
        assert!(of(&r).sentence.ends_with("restores; every row was read and is right."));
        r.reasons = vec!["INT-X warns: x".into()];
        assert!(of(&r).meaning.contains("with warnings"));
    }

    #[test]
    fn a_backup_that_is_only_exposed_is_not_called_bad() {
        let mut r = good();
        (r.verdict, r.exit_code) = (Verdict::Failed, 52);
        let l = of(&r);
        assert_eq!(l.meaning, "This backup restores. What it holds is exposed.");
        assert!(l.sentence.contains("is as it should be: its one table is identical"), "{}", l.sentence);
        assert!(l.sentence.contains("5 findings are open: 1 critical"), "{}", l.sentence);
        r.exit_code = 51;
        assert_eq!(of(&r).meaning, "Do not rely on this backup.");
    }

    #[test]
    fn all_other_verdicts_say_why() {
        let mut r = sample();
        assert!(of(&r).sentence.ends_with("is not as it should be: 1 of 1 table differs from what was backed up."));
        r.tables.clear();
        assert!(of(&r).sentence.contains("INT-ROWS"));
        r.verdict = Verdict::Inconclusive;
        assert!(of(&r).sentence.contains("is still unproven: INT-ROWS"));
        r.verdict = Verdict::Unsafe;
        r.isolation.as_mut().unwrap().probes[0].outcome = ProbeOutcome::Fail;
        assert!(of(&r).sentence.ends_with("the copy was not sealed off: 0 listeners."));
        r.isolation.as_mut().unwrap().probes[0].evidence = LEFT_OUT.into();
        assert!(of(&r).sentence.ends_with("the copy was not sealed off: ISO-004 failed."));
        r.isolation = None;
        r.teardown.as_mut().unwrap().directory_gone = false;
        assert!(of(&r).sentence.contains("not removed completely"));
        r.teardown = None;
        r.reasons.clear();
        assert!(of(&r).sentence.contains("1 check found something"));
        r.errors.clear();
        r.proof_level = ProofLevel::None;
        let l = of(&r);
        assert!(l.sentence.contains("no reason") && l.reached.contains("none"));
        assert!(l.rungs.iter().all(|r| !r.reached));
    }
}
