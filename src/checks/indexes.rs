//! INT-INDEX: no index is invalid that was valid at the source.

use super::subject::{Tally, USER_SCHEMA, object, query};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::catalog;

/// The check.
pub const RULE: Rule = Rule { id: "INT-INDEX", title: "all indexes are valid", severity: Severity::High };

/// Looks at every index of user schemas. Those that the facts call invalid are tolerated.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let sql = format!(
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('i', 'I') and c.relpersistence <> 't' and {USER_SCHEMA}"
    );
    subject
        .each_database(RULE, async |session, facts| {
            let rows = query(session.client(), &sql, &[]).await?;
            let number = rows.first().map_or(0, |r| r.get::<_, i64>(0).unsigned_abs());
            let mut tally = Tally { present: number, examined: number, ..Tally::default() };
            for name in catalog::invalid_indexes(session).await? {
                if !facts.invalid_indexes.contains(&name) {
                    tally.findings.push(RULE.finding(
                        object(&facts.name, &name),
                        "the index is invalid; at the source it was not",
                        "Run REINDEX INDEX after a restore, and find out why it could not be built.",
                    ));
                }
            }
            Ok(tally)
        })
        .await
}
