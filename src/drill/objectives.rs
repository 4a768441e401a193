//! What the operator wants of time (RTO-BUDGET, RTO-TREND, RPO-BUDGET), and
//! whether the drills before this one can be believed (HIS-REPORTS).

use std::time::Duration;

use super::standing::Standing;
use crate::checks::{CheckResult, Rule, Severity};
use crate::error::Result;
use crate::report::history::History;
use crate::report::model::{PastDrill, Timings};
use crate::types::Kind;

/// A restore that takes so little more is no trend, whatever the factor: small
/// restores vary by more than they take.
const NOISE_S: f64 = 10.0;

const BUDGET: Rule =
    Rule { id: "RTO-BUDGET", title: "the restore took no longer than its budget", severity: Severity::Medium };
const TREND: Rule = Rule {
    id: "RTO-TREND",
    title: "the restore took not much longer than in the last good drill",
    severity: Severity::Low,
};
const AGE: Rule = Rule { id: "RPO-BUDGET", title: "the newest backup is young enough", severity: Severity::Medium };

const REPORTS: Rule = Rule {
    id: "HIS-REPORTS",
    title: "earlier reports of the source are signed by keys that are pinned",
    severity: Severity::Low,
};

/// HIS-REPORTS: whatever lies in the store as a report of this source can be
/// verified. What cannot is left out of the history.
pub(super) fn reports(history: &Result<History>) -> CheckResult {
    match history {
        Err(e) => REPORTS.error(0, 0, e),
        Ok(h) => {
            let all = (h.past.len() + h.left_out) as u64;
            let remedy = "Do not count on it; find out who else can write to the store.";
            let found = h.named.iter().map(|(key, why)| REPORTS.finding(key, why, remedy)).collect();
            let mut result = REPORTS.judged(all, all, found);
            if h.left_out > h.named.len() {
                result.reason = Some(format!("{} more are not listed", h.left_out - h.named.len()));
            }
            result
        }
    }
}

/// Seconds of fetch, restore and start.
pub(super) fn rto(t: Timings) -> f64 {
    t.fetch + t.restore + t.start
}

/// RTO-BUDGET: fetch, restore and start took no longer than configured.
pub(super) fn budget(limit: Option<Duration>, rto: f64) -> CheckResult {
    let Some(limit) = limit else { return BUDGET.not_applicable("source.NAME.drill.max_restore is not set") };
    if rto <= limit.as_secs_f64() {
        return BUDGET.judged(1, 1, Vec::new());
    }
    let message = format!("fetch, restore and start took {rto:.1} s, {} s are allowed", limit.as_secs());
    let remedy = "Restore on a faster host, with more jobs, or allow more time.";
    BUDGET.judged(1, 1, vec![BUDGET.finding("restore", message, remedy)])
}

/// RTO-TREND: not more than `factor` times as long as in the last good drill of
/// the same kind whose backup had about as many bytes: a database that grew takes
/// longer, and that is no trend. `history` is oldest first.
pub(super) fn trend(factor: f64, history: &[PastDrill], kind: Kind, plain_bytes: u64, rto: f64) -> CheckResult {
    let good = history.iter().rev().filter(|p| p.kind == kind && p.proven);
    let timed: Vec<(&PastDrill, f64)> = good.filter_map(|p| Some((p, p.rto_s?))).collect();
    let Some((newest, _)) = timed.first() else {
        return TREND.not_applicable("no earlier drill of this kind that passed is known");
    };
    let Some((last, before)) = timed.iter().find(|(p, _)| alike(p.plain_bytes, plain_bytes)) else {
        return TREND.not_applicable(format!(
            "no earlier drill of this kind that passed had a backup of about this size: this one has {plain_bytes} \
             bytes, that of run {} had {}",
            newest.run, newest.plain_bytes
        ));
    };
    if rto <= before * factor || rto - before < NOISE_S {
        return TREND.judged(1, 1, Vec::new());
    }
    let message = format!(
        "fetch, restore and start took {rto:.1} s, {:.1} times the {before:.1} s of run {}, whose backup had {} bytes",
        rto / before,
        last.run,
        last.plain_bytes
    );
    let remedy =
        "See which stage grew, and whether the data did; raise source.NAME.drill.max_slowdown where that is fine.";
    TREND.judged(1, 1, vec![TREND.finding("restore", message, remedy)])
}

/// Whether neither is more than twice the other.
fn alike(a: u64, b: u64) -> bool {
    a <= b.saturating_mul(2) && b <= a.saturating_mul(2)
}

/// RPO-BUDGET: the snapshot of the newest backup was not older than configured
/// when the drill began. The age is that of the signed manifest.
pub(super) fn age(limit: Option<Duration>, standing: &Standing, rpo_s: u64) -> CheckResult {
    let Some(limit) = limit else { return AGE.not_applicable("source.NAME.drill.max_rpo is not set") };
    if !standing.newest {
        return AGE.not_applicable("another than the newest backup was drilled");
    }
    if rpo_s <= limit.as_secs() {
        if let Some(doubt) = standing.doubts.first() {
            return AGE.not_evaluated(1, format!("nobody can say how old it is: {doubt}"));
        }
        return AGE.judged(1, 1, Vec::new());
    }
    let message = format!("its data is {rpo_s} s old, {} s are allowed", limit.as_secs());
    AGE.judged(1, 1, vec![AGE.finding("newest backup", message, "Find out why no newer backup was made.")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;
    use crate::report::ProofLevel;
    use crate::report::model::Verdict;

    fn past(kind: Kind, verdict: Verdict, rto_s: Option<f64>) -> PastDrill {
        PastDrill {
            run: "r".into(),
            backup_id: "20261122T030000Z-cdcdcdcdcdcdcdcd".parse().unwrap(),
            kind,
            finished_at: "2026-11-22T04:00:08Z".parse().unwrap(),
            verdict,
            proof_level: ProofLevel::Data,
            proven: verdict == Verdict::Passed,
            rto_s,
            total_s: 1.0,
            plain_bytes: 77,
            stored_bytes: 1,
        }
    }

    #[test]
    fn budgets_are_held_broken_or_not_set() {
        let minute = Some(Duration::from_mins(1));
        assert_eq!(budget(minute, 60.0).outcome, Outcome::Pass);
        assert_eq!(budget(minute, 60.1).outcome, Outcome::Finding);
        assert_eq!(budget(None, 1e9).outcome, Outcome::NotApplicable);
        let newest = |newest| Standing { newest, ..Standing::default() };
        let doubtful = Standing { newest: true, doubts: vec!["x".into()], ..Standing::default() };
        assert_eq!(age(minute, &doubtful, 60).outcome, Outcome::NotEvaluated);
        assert_eq!(age(minute, &doubtful, 61).outcome, Outcome::Finding);
        assert_eq!(age(minute, &newest(true), 60).outcome, Outcome::Pass);
        assert_eq!(age(minute, &newest(true), 61).outcome, Outcome::Finding);
        assert_eq!(age(minute, &newest(false), 61).outcome, Outcome::NotApplicable);
        assert_eq!(age(None, &newest(true), u64::MAX).outcome, Outcome::NotApplicable);
    }

    #[test]
    fn a_restore_is_compared_with_the_last_good_one_of_its_kind() {
        let (l, p) = (Kind::Logical, Kind::Physical);
        let history = [
            past(l, Verdict::Passed, Some(5.0)),
            past(l, Verdict::Passed, Some(100.0)),
            past(l, Verdict::Failed, Some(1.0)),
            past(l, Verdict::Inconclusive, None),
            past(p, Verdict::Passed, Some(30.0)),
        ];
        let at = |kind, rto| trend(2.0, &history, kind, 77, rto);
        assert_eq!(at(l, 200.0).outcome, Outcome::Pass);
        let slow = at(l, 201.0);
        assert_eq!((slow.outcome, slow.severity), (Outcome::Finding, Severity::Low));
        assert!(slow.findings[0].message.contains("2.0 times the 100.0 s of run r, whose backup had 77 bytes"));
        assert_eq!(at(p, 60.0).outcome, Outcome::Pass);
        assert_eq!(at(p, 61.0).outcome, Outcome::Finding);
        assert_eq!(trend(3.0, &history, p, 77, 61.0).outcome, Outcome::Pass);
    }

    #[test]
    fn without_a_good_drill_before_nothing_is_said_and_small_ones_are_noise() {
        let l = Kind::Logical;
        for history in [vec![], vec![past(l, Verdict::Failed, Some(1.0))], vec![past(l, Verdict::Passed, None)]] {
            assert_eq!(trend(2.0, &history, l, 77, 1e9).outcome, Outcome::NotApplicable);
        }
        let history = [past(l, Verdict::Passed, Some(1.0))];
        assert_eq!(trend(2.0, &history, l, 77, 10.9).outcome, Outcome::Pass);
        assert_eq!(trend(2.0, &history, l, 77, 11.1).outcome, Outcome::Finding);
    }

    #[test]
    fn a_database_that_grew_is_no_trend() {
        let l = Kind::Logical;
        let sized = |plain_bytes, rto| PastDrill { plain_bytes, ..past(l, Verdict::Passed, Some(rto)) };
        let history = [sized(1000, 20.0), sized(6979, 3.3)];
        let grown = trend(2.0, &history, l, 5_000_000, 33.0);
        assert_eq!(grown.outcome, Outcome::NotApplicable);
        let why = grown.reason.unwrap();
        assert!(why.contains("5000000 bytes") && why.contains("6979"), "{why}");
        // The newest that is alike, not the newest.
        assert_eq!(trend(2.0, &history, l, 2000, 33.0).outcome, Outcome::Pass);
        let slow = trend(2.0, &history, l, 2000, 41.0);
        assert!(slow.findings[0].message.contains("whose backup had 1000 bytes"), "{slow:?}");
        assert_eq!(trend(2.0, &history, l, 3490, 33.0).outcome, Outcome::Finding);
    }

    proptest::proptest! {
        #[test]
        fn sizes_are_alike_both_ways_up_to_twice(a: u64, b: u64) {
            proptest::prop_assert_eq!(alike(a, b), alike(b, a));
            let (small, large) = (u128::from(a.min(b)), u128::from(a.max(b)));
            proptest::prop_assert_eq!(alike(a, b), large <= 2 * small);
            proptest::prop_assert!(alike(a, a));
        }
    }

    #[test]
    fn reports_that_cannot_be_believed_are_told() {
        let mut h = History::default();
        assert_eq!(reports(&Ok(h.clone())).outcome, Outcome::NotApplicable);
        h.past.push(past(Kind::Logical, Verdict::Passed, None));
        assert_eq!(reports(&Ok(h.clone())).outcome, Outcome::Pass);
        (h.left_out, h.named) = (3, vec![("s/shop/r/x.json".into(), "bad signature".into())]);
        let found = reports(&Ok(h));
        assert_eq!((found.outcome, found.severity, found.present), (Outcome::Finding, Severity::Low, 4));
        assert_eq!(found.reason.as_deref(), Some("2 more are not listed"));
        let failed = reports(&Err(crate::Error::internal("no listing")));
        assert_eq!(failed.outcome, Outcome::Error);
    }
}
