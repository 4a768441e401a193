//! INT-INDEX: no index is invalid that was valid at the source.

use super::subject::{Tally, USER_SCHEMA, name_of, object, query};
use super::{CheckResult, Rule, Severity, Subject};

/// The check.
pub const RULE: Rule = Rule { id: "INT-INDEX", title: "all indexes are valid", severity: Severity::High };

/// Looks at every index of user schemas. Those that the facts call invalid are tolerated.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let sql = format!(
        "select n.nspname::text, c.relname::text, i.indisvalid and i.indisready from pg_index i \
         join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace \
         where c.relpersistence <> 't' and {USER_SCHEMA} order by 1, 2"
    );
    subject
        .each_database(RULE, async |session, facts| {
            let rows = query(session.client(), &sql, &[]).await?;
            let mut tally = Tally { present: rows.len() as u64, examined: rows.len() as u64, ..Tally::default() };
            for row in rows.iter().filter(|r| !r.get::<_, bool>(2)) {
                let name = name_of(row);
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
