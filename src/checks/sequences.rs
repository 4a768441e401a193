//! INT-SEQ: no sequence hands out a value that was already used, and of a dump
//! none goes on elsewhere than in the backup.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::subject::{MEANWHILE, RESTORE_AGAIN, Tally, USER_SCHEMA, name_of, object, query};
use super::{CheckResult, Finding, Rule, Severity, Subject};
use crate::error::Result;
use crate::scratch::Session;
use crate::source::catalog;
use crate::source::facts::{ObjectName, SequenceFacts};

/// The check.
pub const RULE: Rule = Rule { id: "INT-SEQ", title: "sequences go on where they were", severity: Severity::High };

/// A sequence as it is now, with its direction.
#[derive(Debug, Clone, Copy)]
struct Now {
    last_value: i64,
    is_called: bool,
    increment: i64,
    /// How far its value in the log may be ahead of the last one that it gave.
    ahead: i128,
    /// At its end it begins anew.
    cycles: bool,
    /// An unlogged one begins anew after recovery, as PostgreSQL promises.
    unlogged: bool,
}

/// Values that `nextval` logs ahead, besides those of a session's cache
/// (PostgreSQL source, `SEQ_LOG_VALS` in `sequence.c`).
const LOGGED_AHEAD: i128 = 32;

/// Compares the next value that each sequence would give. A dump sets each to its
/// value; one that is ahead would leave numbers out, or be at its end. A physical
/// copy has a value between those before and after the base backup, or as far ahead
/// as recovery sets it.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let physical = subject.facts.physical.is_some();
    subject
        .each_database(RULE, async |session, facts| {
            let wanted: Vec<&SequenceFacts> = facts.sequences.iter().collect();
            let mut tally = Tally { present: wanted.len() as u64, ..Tally::default() };
            let here = read(session).await?;
            for want in wanted {
                tally.examined += 1;
                let Some(now) = here.get(&want.name) else {
                    let missing =
                        RULE.finding(object(&facts.name, &want.name), "the sequence is missing", RESTORE_AGAIN);
                    tally.findings.push(missing);
                    continue;
                };
                if physical && now.unlogged || !is_elsewhere(want, *now, physical) {
                    continue;
                }
                let state = |value, called: bool| if called { format!("after {value}") } else { format!("at {value}") };
                let message = format!(
                    "it goes on {}, in the backup it was {}",
                    state(now.last_value, now.is_called),
                    state(want.last_value, want.is_called)
                );
                let found = RULE.finding(object(&facts.name, &want.name), message, RESTORE_AGAIN);
                if !physical || is_bounded(want, *now) {
                    tally.findings.push(found);
                } else {
                    tally.moved.push(Finding { remedy: MEANWHILE.to_owned(), ..found });
                }
            }
            Ok(tally)
        })
        .await
}

/// Whether the next value is none that the copy could have.
fn is_elsewhere(want: &SequenceFacts, now: Now, physical: bool) -> bool {
    let sign = i128::from(now.increment.signum());
    let next = now.next(now.last_value, now.is_called) * sign;
    if next < now.next(want.last_value, want.is_called) * sign {
        return true;
    }
    let last = match want.until {
        None if physical => return false,
        // The value of one that was not called is not known everywhere, see `catalog::sequences`.
        Some((_, false)) => return false,
        None => now.next(want.last_value, want.is_called) * sign,
        Some((value, true)) => now.next(value, true) * sign + now.ahead,
    };
    next > last
}

/// Whether the values before and after the base backup bound that of the copy: nobody
/// set it back meanwhile.
fn is_bounded(want: &SequenceFacts, now: Now) -> bool {
    let sign = i128::from(now.increment.signum());
    let first = now.next(want.last_value, want.is_called) * sign;
    !now.cycles && want.until.is_some_and(|(value, called)| now.next(value, called) * sign >= first)
}

impl Now {
    /// From its definition, still without its value.
    fn of(row: &Row) -> Self {
        let increment: i64 = row.get(2);
        let ahead = i128::from(increment).abs() * (LOGGED_AHEAD + 2 * i128::from(row.get::<_, i64>(4)));
        Self { last_value: 0, is_called: false, increment, ahead, cycles: row.get(5), unlogged: row.get(3) }
    }

    /// The value after this one.
    fn next(self, value: i64, called: bool) -> i128 {
        i128::from(value) + if called { i128::from(self.increment) } else { 0 }
    }
}

/// Sequences read by one query.
const BATCH: usize = 500;

/// All sequences of the backup's query with their values, which the copy tells of those
/// that were not called, too.
async fn read(session: &Session) -> Result<BTreeMap<ObjectName, Now>> {
    let sql = format!(
        "select n.nspname::text, c.relname::text, s.seqincrement, c.relpersistence = 'u', s.seqcache, s.seqcycle \
         from pg_sequence s join pg_class c on c.oid = s.seqrelid \
         join pg_namespace n on n.oid = c.relnamespace where {USER_SCHEMA}"
    );
    let rows = query(session.client(), &sql, &[]).await?;
    let known: BTreeMap<ObjectName, Now> = rows.iter().map(|r| (name_of(r), Now::of(r))).collect();
    let list: Vec<ObjectName> = catalog::sequences(session).await?.into_iter().map(|s| s.name).collect();
    let mut now = BTreeMap::new();
    for names in list.chunks(BATCH) {
        let one = |(n, name): (usize, &ObjectName)| format!("select {n}, last_value, is_called from {}", name.quoted());
        let each: Vec<String> = names.iter().enumerate().map(one).collect();
        let sql = format!("{} order by 1", each.join(" union all "));
        for (name, r) in names.iter().zip(&query(session.client(), &sql, &[]).await?) {
            let Some(of) = known.get(name) else { continue };
            now.insert(name.clone(), Now { last_value: r.get(1), is_called: r.get(2), ..*of });
        }
    }
    Ok(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(last_value: i64, is_called: bool, until: Option<(i64, bool)>) -> SequenceFacts {
        SequenceFacts { name: ObjectName { schema: "s".into(), name: "n".into() }, last_value, is_called, until }
    }

    fn now(last_value: i64, is_called: bool, increment: i64) -> Now {
        let ahead = i128::from(increment).abs() * (LOGGED_AHEAD + 2);
        Now { last_value, is_called, increment, ahead, cycles: false, unlogged: false }
    }

    #[test]
    fn of_a_dump_the_next_value_is_the_very_one() {
        let elsewhere = |w: (i64, bool), n| is_elsewhere(&want(w.0, w.1, None), n, false);
        assert!(!elsewhere((5, true), now(5, true, 1)));
        assert!(!elsewhere((5, true), now(6, false, 1)), "the same next value");
        assert!(elsewhere((5, true), now(9, true, 1)), "ahead");
        assert!(elsewhere((5, true), now(5, false, 1)), "5 would come again");
        assert!(elsewhere((5, true), now(4, true, 1)));
        assert!(!elsewhere((-5, true), now(-6, false, -1)), "descending, the same");
        assert!(elsewhere((-5, true), now(-9, true, -1)), "descending, ahead");
        assert!(elsewhere((-5, true), now(-4, true, -1)), "descending, behind");
        assert!(!elsewhere((i64::MAX, true), now(i64::MAX, true, 1)), "exhausted");
    }

    #[test]
    fn of_a_base_backup_it_lies_between_what_was_before_and_after() {
        let (old, new) = (want(5, true, None), want(5, true, Some((10, true))));
        let elsewhere = |w: &SequenceFacts, n| is_elsewhere(w, n, true);
        assert!(!elsewhere(&old, now(900, true, 1)), "an older backup does not say how far it came");
        assert!(elsewhere(&old, now(4, true, 1)) && !is_bounded(&old, now(4, true, 1)));
        for (value, wrong) in [(4, true), (5, false), (10, false), (42, false), (45, true), (900, true)] {
            assert_eq!(elsewhere(&new, now(value, true, 1)), wrong, "{value}");
        }
        assert!(!elsewhere(&want(1, false, Some((1, false))), now(900, false, 1)), "what was not called is not known");
        assert!(is_bounded(&new, now(4, true, 1)));
        assert!(!is_bounded(&want(5, true, Some((1, false))), now(1, false, 1)), "it was set back meanwhile");
        assert!(!is_bounded(&new, Now { cycles: true, ..now(4, true, 1) }));
        let down = want(-5, true, Some((-10, true)));
        assert!(elsewhere(&down, now(-4, true, -1)) && !elsewhere(&down, now(-30, true, -1)));
        assert!(elsewhere(&down, now(-60, true, -1)) && is_bounded(&down, now(-60, true, -1)));
    }
}
