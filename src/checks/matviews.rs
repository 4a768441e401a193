//! INT-MATVIEW: what was populated is populated.

use std::collections::BTreeMap;

use super::subject::{Tally, USER_SCHEMA, name_of, object, query};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::facts::ObjectName;

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-MATVIEW", title: "materialized views are populated as before", severity: Severity::Medium };

/// Compares the sets of materialized views and whether they can be read.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let sql = format!(
        "select n.nspname::text, c.relname::text, c.relispopulated from pg_class c \
         join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' and {USER_SCHEMA}"
    );
    subject
        .each_database(RULE, async |session, facts| {
            let rows = query(session.client(), &sql, &[]).await?;
            let here: BTreeMap<ObjectName, bool> = rows.iter().map(|r| (name_of(r), r.get(2))).collect();
            let n = facts.matviews.len() as u64;
            let mut tally = Tally { present: n, examined: n, ..Tally::default() };
            for want in &facts.matviews {
                let message = match here.get(&want.name) {
                    None => "the materialized view is missing",
                    Some(false) if want.populated => "it is not populated; at the source it was",
                    Some(_) => continue,
                };
                let remedy = "Run REFRESH MATERIALIZED VIEW after a restore, and find out why it failed.";
                tally.findings.push(RULE.finding(object(&facts.name, &want.name), message, remedy));
            }
            Ok(tally)
        })
        .await
}
