//! How the backup stands in the signed history of its source: a good copy of a
//! day that is long gone, or out of a history with holes, is no good news.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::checks::{CheckResult, Rule, Severity};
use crate::error::{Code, Error, Stage};
use crate::manifest::{Manifest, Problem};
use crate::types::shown;

/// CHAIN-HISTORY. A warning: what is gone from the past stays gone, and says
/// nothing against this backup, whose own signature is good.
pub const HISTORY: Rule =
    Rule { id: "CHAIN-HISTORY", title: "the signed history of the source is whole", severity: Severity::Low };

/// CHAIN-FRESH. Whoever holds back the newest backups cannot hold back the time
/// at which the newest that is left promised its successor.
pub const FRESH: Rule = Rule { id: "CHAIN-FRESH", title: "the newest backup is not overdue", severity: Severity::Low };

/// What the catalog said when the backup was chosen.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Slots of the history that hold anything.
    pub slots: u64,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// Whether the backup is the newest.
    pub newest: bool,
    /// Why nobody can say here how old it is.
    pub doubts: Vec<String>,
    /// The latest time that any clock tells; `None` is that of the drill.
    pub now: Option<Timestamp>,
    /// When the oldest backup that is sealed for a recipient was made, by its short id.
    pub sealed_for: BTreeMap<String, Timestamp>,
}

impl Standing {
    /// Of the backup in slot `seq`.
    pub fn of(catalog: &Catalog, seq: u64) -> Self {
        let mut sealed_for: BTreeMap<String, Timestamp> = BTreeMap::new();
        for m in catalog.entries.iter().map(|e| &e.manifest) {
            for id in &m.encryption.recipients {
                sealed_for.entry(id.clone()).and_modify(|at| *at = m.started_at.min(*at)).or_insert(m.started_at);
            }
        }
        Self {
            sealed_for,
            slots: catalog.slots.len() as u64,
            problems: catalog.problems.clone(),
            newest: catalog.head().is_some_and(|head| head.manifest.seq == seq),
            doubts: catalog.clock.doubts(&catalog.entries),
            now: Some(catalog.clock.at_least(catalog.head())),
        }
    }

    /// Both checks, and the error (43) of a backup that is overdue.
    pub(super) fn judge(&self, manifest: &Manifest, now: Timestamp) -> (Vec<CheckResult>, Option<Error>) {
        let found = self.problems.iter().map(|p| {
            HISTORY.finding(
                format!("slot {}", p.seq),
                shown(&p.text).into_owned(),
                "Run `pgseal verify`, and find out who can write to the store.",
            )
        });
        let history = HISTORY.judged(self.slots, self.slots, found.collect());
        let (fresh, late) = self.fresh(manifest, now);
        (vec![history, fresh], late)
    }

    fn fresh(&self, manifest: &Manifest, now: Timestamp) -> (CheckResult, Option<Error>) {
        if !self.newest {
            return (FRESH.not_applicable("an older backup was asked for"), None);
        }
        // Before it is due by a clock that is wrong is not fresh.
        let remedy = "Compare this host's clock (`timedatectl`) with the store's.";
        let mut doubtful: Vec<_> =
            self.doubts.iter().map(|d| FRESH.finding(manifest.backup_id.as_str(), shown(d), remedy)).collect();
        let Some(due) = manifest.next_due else {
            if !doubtful.is_empty() {
                return (FRESH.judged(1, 1, doubtful), None);
            }
            return (FRESH.not_applicable("source.NAME.next_due was not set when it was made"), None);
        };
        if self.now.map_or(now, |n| n.max(now)) <= due {
            return (FRESH.judged(1, 1, doubtful), None);
        }
        let what = format!("the next backup was due at {due}");
        let remedy = "Find out why backups stopped, or who holds back the newer ones.";
        let late = Error::new(Code::Stale, Stage::Verify, what.clone()).on(manifest.backup_id.as_str()).hint(remedy);
        doubtful.push(FRESH.finding(manifest.backup_id.as_str(), what, remedy));
        (FRESH.judged(1, 1, doubtful), Some(late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;
    use crate::manifest::parse::tests::sample;

    #[test]
    fn overdue_is_stale_and_what_is_not_known_is_no_pass() {
        let mut m = sample(3, None);
        let standing = |newest| Standing { slots: 3, problems: Vec::new(), newest, ..Standing::default() };
        let fresh = |m: &Manifest, newest, now: &str| {
            let (checks, late) = standing(newest).judge(m, now.parse().unwrap());
            assert_eq!(checks[0].outcome, Outcome::Pass);
            (checks[1].outcome, late.map(|e| e.code()))
        };
        assert_eq!(fresh(&m, true, "2026-11-24T00:00:00Z"), (Outcome::NotApplicable, None));
        m.next_due = Some("2026-11-24T05:00:00Z".parse().unwrap());
        assert_eq!(fresh(&m, true, "2026-11-24T05:00:00Z"), (Outcome::Pass, None));
        assert_eq!(fresh(&m, true, "2026-11-24T05:00:01Z"), (Outcome::Finding, Some(Code::Stale)));
        assert_eq!(fresh(&m, false, "2026-11-24T05:00:01Z"), (Outcome::NotApplicable, None));
    }

    #[test]
    fn before_it_is_due_by_a_clock_that_is_wrong_is_not_fresh() {
        let mut m = sample(3, None);
        m.next_due = Some("2026-11-24T05:00:00Z".parse().unwrap());
        let host: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
        let fresh = |doubts: &[String], now: Option<&str>| {
            let now = now.map(|n| n.parse().unwrap());
            let standing = Standing { slots: 3, newest: true, doubts: doubts.to_vec(), now, ..Standing::default() };
            let (checks, late) = standing.judge(&m, host);
            (checks[1].outcome, late.map(|e| e.code()))
        };
        let doubt = ["this host's clock says 2020".to_owned()];
        assert_eq!(fresh(&[], None), (Outcome::Pass, None));
        assert_eq!(fresh(&doubt, None), (Outcome::Finding, None));
        // Another clock knows that it is overdue.
        assert_eq!(fresh(&doubt, Some("2026-11-24T05:00:01Z")), (Outcome::Finding, Some(Code::Stale)));
    }

    #[test]
    fn holes_in_the_history_are_told() {
        let problem = Problem::new(2, crate::manifest::Fault::Gone, "the manifest of this slot is gone\u{1b}");
        let s = Standing { slots: 3, problems: vec![problem], newest: true, ..Standing::default() };
        let (checks, _) = s.judge(&sample(3, None), "2026-11-24T00:00:00Z".parse().unwrap());
        assert_eq!(checks[0].outcome, Outcome::Finding);
        assert_eq!((checks[0].present, checks[0].findings[0].object.as_str()), (3, "slot 2"));
        assert!(!checks[0].findings[0].message.contains('\u{1b}'));
    }
}
