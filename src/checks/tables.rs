//! INT-TABLES: the same set of tables, no more and no less.

use std::collections::BTreeSet;

use super::subject::{RESTORE_AGAIN, Tally, USER_SCHEMA, name_of, object, query};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::facts::ObjectName;

/// The check.
pub const RULE: Rule = Rule { id: "INT-TABLES", title: "the same tables are there", severity: Severity::High };

/// Compares the sets of tables that have rows of their own. A table of an
/// extension that the facts do not list is made by the extension, not by the backup.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let sql = format!(
        "select n.nspname::text, c.relname::text, exists(select from pg_depend x where x.deptype = 'e' \
           and ((x.classid = 'pg_class'::regclass and x.objid = c.oid) \
             or (x.classid = 'pg_namespace'::regclass and x.objid = n.oid))) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind = 'r' and c.relpersistence <> 't' and {USER_SCHEMA}"
    );
    subject
        .each_database(RULE, async |session, facts| {
            let rows = query(session.client(), &sql, &[]).await?;
            let here: BTreeSet<ObjectName> = rows.iter().map(name_of).collect();
            let own: BTreeSet<ObjectName> = rows.iter().filter(|r| !r.get::<_, bool>(2)).map(name_of).collect();
            let wanted: BTreeSet<ObjectName> = facts.tables.iter().map(|t| t.name.clone()).collect();
            let mut tally = Tally { present: wanted.len() as u64, examined: wanted.len() as u64, ..Tally::default() };
            for name in wanted.difference(&here) {
                tally.findings.push(RULE.finding(object(&facts.name, name), "the table is missing", RESTORE_AGAIN));
            }
            for name in own.difference(&wanted) {
                let message = "the table was not in the backup's facts";
                tally.findings.push(RULE.finding(object(&facts.name, name), message, RESTORE_AGAIN));
            }
            Ok(tally)
        })
        .await
}
