//! EXP-BKP-005: the newest backup is not overdue, and none is kept beyond what
//! retention says.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::catalog::{Entry, Proof};
use crate::config::schema::Retention;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, backup, ready};
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-BKP-005",
        title: "backups are neither overdue nor kept beyond their retention",
        severity: Severity::Medium,
        planes: &[Plane::Trail],
        guide: &[16, 25],
        refs: &[],
        why: "Without a recent backup a bad day costs more than was agreed. And a backup that should be gone still \
              holds what a customer had deleted, and still can leak.",
        inspects: "The newest backup's own promise (next_due) against the store's clock. With \
                   source.NAME.retention, backups that no rule has kept for seven days and more, by the time at which \
                   the store received them. Without it nothing counts as kept too long.",
        remedy: "Overdue: find out why the job stopped, or who hides newer backups. Kept too long: delete it, with \
                 all its versions, or hold it with a reason (a waiver).",
        false_positives: "A legal hold. An object lock that has not ended yet: let the lock end with the retention.",
        source: "GDPR, article 5(1)(e), storage limitation; pgseal's own retention rules.",
    },
    look: Look::Trail(look),
};

/// How long after its end a backup may still be there: deletion is somebody's job, and runs daily at best.
const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    ready(judge(trail))
}

fn judge(trail: &Trail<'_>) -> Seen {
    let entries = &trail.catalog.entries;
    let mut seen = Seen::all_of(entries.len());
    let Some(newest) = trail.newest() else {
        seen.note = Some("the source has no backup with a good signature".into());
        return seen;
    };
    // By a clock that is behind nothing is ever overdue.
    seen.open.extend(trail.catalog.clock.doubts(entries));
    let now = trail.now.max(trail.catalog.clock.at_least(Some(newest)));
    if let Some(due) = newest.manifest.next_due.filter(|due| *due < now) {
        let what = format!("the newest backup, {}, promised its successor for {due}", backup(newest));
        seen.add(Found::new(format!("source {}", trail.source), what));
    }
    let Some(rules) = trail.retention else {
        seen.note = Some("source.NAME.retention is not set: nothing counts as kept too long".into());
        return seen;
    };
    let proofs = match trail.proofs.get() {
        Ok(proofs) => proofs.as_slice(),
        Err(why) if rules.keep_proven.is_some() => {
            seen.open.push(format!("what keep_proven keeps is not known: {why}"));
            return seen;
        }
        Err(_) => &[],
    };
    let then = trail.now.saturating_sub(GRACE).unwrap_or(trail.now);
    let kept: BTreeSet<u64> =
        kept(entries, rules, proofs, trail.now).into_iter().chain(kept(entries, rules, proofs, then)).collect();
    // What a later pruning would not have seen then was not yet to go.
    for entry in entries.iter().filter(|e| e.stored_at <= then && !kept.contains(&e.manifest.seq)) {
        let what = format!("no retention rule keeps it; it was stored at {}", entry.stored_at);
        seen.add(Found::new(backup(entry), what));
    }
    seen
}

/// The period that a day is in.
type Period = fn(Date) -> (i16, i16);

/// Slots that some rule keeps at `at`, of the backups that were there then. A
/// backup is kept when any rule keeps it.
fn kept(entries: &[Entry], rules: &Retention, proofs: &[Proof], at: Timestamp) -> BTreeSet<u64> {
    let mut newest_first: Vec<&Entry> = entries.iter().filter(|e| e.stored_at <= at).collect();
    newest_first.sort_by_key(|e| std::cmp::Reverse((e.stored_at, e.manifest.seq)));
    let slot = |e: &&Entry| e.manifest.seq;
    let mut kept = BTreeSet::new();
    if let Some(within) = rules.keep_within {
        let within = SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX);
        kept.extend(newest_first.iter().filter(|e| at.duration_since(e.stored_at) <= within).map(slot));
    }
    if let Some(n) = rules.keep_last {
        kept.extend(newest_first.iter().take(n as usize).map(slot));
    }
    let periods: [(Option<u32>, Period); 4] = [
        (rules.keep_daily, |d| (d.year(), d.day_of_year())),
        (rules.keep_weekly, |d| {
            let week = d.iso_week_date();
            (week.year(), i16::from(week.week()))
        }),
        (rules.keep_monthly, |d| (d.year(), i16::from(d.month()))),
        (rules.keep_yearly, |d| (d.year(), 0)),
    ];
    for (n, period) in periods {
        let Some(n) = n else { continue };
        let mut seen = BTreeSet::new();
        for e in &newest_first {
            let date = TimeZone::UTC.to_datetime(e.stored_at).date();
            if seen.len() < n as usize && seen.insert(period(date)) {
                kept.insert(e.manifest.seq);
            }
        }
    }
    if let Some(n) = rules.keep_proven {
        let proven = newest_first.iter().filter(|e| proofs.iter().any(|p| p.proves(e)));
        kept.extend(proven.take(n as usize).map(slot));
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::manifest::parse::tests::sample;
    use crate::types::Digest;

    fn entries(days: &[&str]) -> Vec<Entry> {
        days.iter()
            .enumerate()
            .map(|(n, day)| Entry {
                manifest: sample(n as u64 + 1, None),
                digest: Digest::of(&[n as u8]),
                signer: "k".into(),
                stored_at: format!("{day}T03:00:00Z").parse().unwrap(),
            })
            .collect()
    }

    #[test]
    fn a_backup_is_kept_when_any_rule_keeps_it() {
        let e = entries(&["2026-09-30", "2026-10-31", "2026-11-01", "2026-11-08", "2026-11-09", "2026-11-10"]);
        let now: Timestamp = "2026-11-10T12:00:00Z".parse().unwrap();
        let kept = |rules: Retention| kept(&e, &rules, &[], now).into_iter().collect::<Vec<_>>();
        let none = Retention::default();
        assert_eq!(kept(none.clone()), [] as [u64; 0]);
        assert_eq!(kept(Retention { keep_last: Some(2), ..none.clone() }), [5, 6]);
        let within = Some(Duration::from_hours(48));
        assert_eq!(kept(Retention { keep_within: within, ..none.clone() }), [5, 6]);
        assert_eq!(kept(Retention { keep_daily: Some(3), ..none.clone() }), [4, 5, 6]);
        // Weeks end on Sundays: 8 November 2026 is one.
        assert_eq!(kept(Retention { keep_weekly: Some(3), ..none.clone() }), [3, 4, 6]);
        assert_eq!(kept(Retention { keep_monthly: Some(9), ..none.clone() }), [1, 2, 6]);
        assert_eq!(kept(Retention { keep_yearly: Some(9), ..none.clone() }), [6]);
        assert_eq!(kept(Retention { keep_last: Some(1), keep_monthly: Some(2), ..none }), [2, 6]);
    }
}
