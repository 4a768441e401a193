//! INT-SEQ: no sequence hands out a value that was already used, and of a dump
//! none goes on elsewhere than in the backup.

use std::collections::BTreeMap;

use super::subject::{RESTORE_AGAIN, Tally, USER_SCHEMA, name_of, object, query};
use super::{CheckResult, Rule, Severity, Subject};
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
    /// An unlogged one begins anew after recovery, as PostgreSQL promises.
    unlogged: bool,
}

/// Compares the next value that each sequence would give. A dump sets each to its
/// value; one that is ahead would leave numbers out, or be at its end. A physical
/// copy is younger than its facts, and its sequences may be ahead of them.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let physical = subject.facts.physical.is_some();
    subject
        .each_database(RULE, async |session, facts| {
            let wanted: Vec<&SequenceFacts> = facts.sequences.iter().collect();
            let mut tally = Tally { present: wanted.len() as u64, ..Tally::default() };
            let here = read(session).await?;
            for want in wanted {
                tally.examined += 1;
                let message = match here.get(&want.name) {
                    None => "the sequence is missing".to_owned(),
                    Some(now) if physical && now.unlogged => continue,
                    Some(now) if is_behind(want, *now) || (!physical && is_behind_of(*now, want)) => {
                        let state =
                            |value, called: bool| if called { format!("after {value}") } else { format!("at {value}") };
                        format!(
                            "it goes on {}, in the backup it was {}",
                            state(now.last_value, now.is_called),
                            state(want.last_value, want.is_called)
                        )
                    }
                    Some(_) => continue,
                };
                tally.findings.push(RULE.finding(object(&facts.name, &want.name), message, RESTORE_AGAIN));
            }
            Ok(tally)
        })
        .await
}

/// Whether the next value would come before the backup's next value.
fn is_behind(want: &SequenceFacts, now: Now) -> bool {
    let (wanted, next) = both(want, now);
    if now.increment < 0 { next > wanted } else { next < wanted }
}

/// Whether the backup's next value would come before the next value.
fn is_behind_of(now: Now, want: &SequenceFacts) -> bool {
    let (wanted, next) = both(want, now);
    if now.increment < 0 { wanted > next } else { wanted < next }
}

/// The next values: the backup's, and now.
fn both(want: &SequenceFacts, now: Now) -> (i128, i128) {
    let step = i128::from(now.increment);
    let next = |value: i64, called: bool| i128::from(value) + if called { step } else { 0 };
    (next(want.last_value, want.is_called), next(now.last_value, now.is_called))
}

/// Sequences read by one query.
const BATCH: usize = 500;

/// All sequences of the backup's query with their values, which the copy tells of those
/// that were not called, too.
async fn read(session: &Session) -> Result<BTreeMap<ObjectName, Now>> {
    let sql = format!(
        "select n.nspname::text, c.relname::text, s.seqincrement, c.relpersistence = 'u' from pg_sequence s join pg_class c on c.oid = s.seqrelid \
         join pg_namespace n on n.oid = c.relnamespace where {USER_SCHEMA}"
    );
    let rows = query(session.client(), &sql, &[]).await?;
    let steps: BTreeMap<ObjectName, (i64, bool)> = rows.iter().map(|r| (name_of(r), (r.get(2), r.get(3)))).collect();
    let list: Vec<ObjectName> = catalog::sequences(session).await?.into_iter().map(|s| s.name).collect();
    let mut now = BTreeMap::new();
    for names in list.chunks(BATCH) {
        let one = |(n, name): (usize, &ObjectName)| format!("select {n}, last_value, is_called from {}", name.quoted());
        let each: Vec<String> = names.iter().enumerate().map(one).collect();
        let sql = format!("{} order by 1", each.join(" union all "));
        for (name, r) in names.iter().zip(&query(session.client(), &sql, &[]).await?) {
            let Some(&(increment, unlogged)) = steps.get(name) else { continue };
            now.insert(name.clone(), Now { last_value: r.get(1), is_called: r.get(2), increment, unlogged });
        }
    }
    Ok(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_value_decides_in_the_sequences_direction() {
        let want = |v, c| SequenceFacts {
            name: ObjectName { schema: "s".into(), name: "n".into() },
            last_value: v,
            is_called: c,
        };
        let now = |last_value, is_called, increment| Now { last_value, is_called, increment, unlogged: false };
        assert!(!is_behind(&want(5, true), now(5, true, 1)));
        assert!(!is_behind(&want(5, true), now(6, false, 1)), "the same next value");
        assert!(!is_behind(&want(5, true), now(9, true, 1)), "ahead");
        assert!(is_behind(&want(5, true), now(5, false, 1)), "5 would come again");
        assert!(is_behind(&want(5, true), now(4, true, 1)));
        assert!(!is_behind(&want(-5, true), now(-6, true, -1)), "descending, ahead");
        assert!(is_behind(&want(-5, true), now(-4, true, -1)), "descending, behind");
        assert!(!is_behind(&want(i64::MAX, true), now(i64::MAX, true, 1)), "exhausted");
        assert!(is_behind_of(now(9, true, 1), &want(5, true)) && is_behind_of(now(-9, true, -1), &want(-5, true)));
        assert!(!is_behind_of(now(6, false, 1), &want(5, true)), "the same next value");
    }
}
