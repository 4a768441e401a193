//! INT-CONSTRAINT: what was guaranteed is guaranteed.

use super::inventory::{Inventories, Pair};
use super::subject::{RESTORE_AGAIN, Tally, query};
use super::{CheckResult, Outcome, Rule, Severity, Subject};
use crate::error::Result;
use crate::types::shown;

/// The check.
pub const RULE: Rule = Rule {
    id: "INT-CONSTRAINT",
    title: "check constraints and foreign keys are validated as before",
    severity: Severity::High,
};

/// How long counting may take for one constraint.
const PATIENCE: &str = "set statement_timeout = '5min'";

/// Most constraints whose rows are counted.
const MOST: usize = 50;

/// Compares which constraints are validated. Those that were `NOT VALID` at the
/// source may be so here; how many rows break them is said, and no finding.
pub async fn run(subject: &Subject<'_>, inventories: &Inventories<'_>) -> CheckResult {
    let mut result = inventories.compare(RULE, |pair| {
        let count = pair.was.constraints.len() as u64;
        let mut tally = Tally { present: count, examined: count, ..Tally::default() };
        for (name, was) in &pair.was.constraints {
            let message = match pair.is.constraints.get(name) {
                None => "the constraint is missing",
                Some(is) if *was && !is => "it is not validated; at the source it was",
                Some(_) => continue,
            };
            tally.findings.push(RULE.finding(pair.object(name), message, RESTORE_AGAIN));
        }
        tally
    });
    if result.outcome == Outcome::Pass {
        let mut said = Vec::new();
        for pair in inventories.pairs() {
            match open(subject, pair).await {
                Ok(list) => said.extend(list),
                Err(e) => return RULE.error(result.present, result.examined, &e),
            }
        }
        if !said.is_empty() {
            result.reason = Some(said.join("; "));
        }
    }
    result
}

/// What is to be said of each constraint that is not validated.
async fn open(subject: &Subject<'_>, pair: &Pair<'_>) -> Result<Vec<String>> {
    let count = pair.is.constraints.values().filter(|validated| !**validated).count();
    if count == 0 {
        return Ok(Vec::new());
    }
    let session = subject.instance.connect(pair.database).await?;
    session.client().batch_execute(PATIENCE).await.map_err(|e| super::subject::failed(&e))?;
    // For a foreign key: rows with all columns set (or one, for MATCH FULL) that
    // refer to none.
    let list = query(
        session.client(),
        "select i.identity, case k.contype \
           when 'c' then format('select count(*) from %s where (%s) is false', k.conrelid::regclass, \
             pg_get_expr(k.conbin, k.conrelid)) \
           when 'f' then format('select count(*) from %s a where %s and not exists (select from %s b where %s)', \
             k.conrelid::regclass, \
             (select string_agg(format('a.%I is not null', f.attname), case k.confmatchtype when 'f' then ' or ' else ' and ' end) \
                from pg_attribute f where f.attrelid = k.conrelid and f.attnum = any (k.conkey)), \
             k.confrelid::regclass, \
             (select string_agg(format('a.%I = b.%I', f.attname, p.attname), ' and ') \
                from unnest(k.conkey, k.confkey) u(f, p) join pg_attribute f on f.attrelid = k.conrelid and f.attnum = u.f \
                join pg_attribute p on p.attrelid = k.confrelid and p.attnum = u.p)) end \
         from pg_constraint k, lateral pg_identify_object('pg_constraint'::regclass, k.oid, 0) i \
         where not k.convalidated and k.conrelid <> 0 and k.contype in ('c', 'f') order by 1",
        &[],
    )
    .await?;
    let mut said = Vec::new();
    for row in list.iter().take(MOST) {
        let (name, sql): (String, String) = (row.get(0), row.get(1));
        // Operators and functions of the source run here: any of them may fail.
        let rows = match session.client().query_one(&sql, &[]).await {
            Ok(row) => row.get::<_, i64>(0).to_string(),
            Err(e) if e.is_closed() => return Err(super::subject::failed(&e)),
            Err(_) => "an unknown number of".to_owned(),
        };
        said.push(format!("{} is NOT VALID as at the source, {rows} rows break it", shown(&pair.object(&name))));
    }
    if count > said.len() {
        said.push(format!("{} more are NOT VALID as at the source", count - said.len()));
    }
    Ok(said)
}
