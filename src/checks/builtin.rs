//! INT-BUILTIN: what the server came with is as it came.

use super::subject::{RESTORE_AGAIN, failed, query};
use super::{CheckResult, Rule, Severity, guarded};
use crate::error::Result;
use crate::scratch::{Instance, Session};
use crate::source::builtin::{Builtin, Difference};
use crate::types::shown;

/// The check.
pub const RULE: Rule = Rule {
    id: "INT-BUILTIN",
    title: "the server's own functions, operators and types are unchanged",
    severity: Severity::Critical,
};

/// Most differences that are given names.
const NAMED: usize = 100;

/// Compares what each restored database has of the server's own with what a fresh one
/// has: no dump holds any of it, so only code that ran while the dump was restored can
/// have changed it.
pub async fn run(instance: &Instance, databases: &[&str], fresh: &Result<Builtin>) -> CheckResult {
    let present = databases.len() as u64;
    let fresh = match fresh {
        Ok(fresh) => fresh,
        Err(e) => return RULE.error(present, 0, e),
    };
    let (mut examined, mut findings) = (0, Vec::new());
    for database in databases {
        let session = match instance.connect(database).await {
            Ok(session) => session,
            Err(e) => return RULE.error(present, examined, &e.on(shown(database).into_owned())),
        };
        let now = match guarded(fresh.again(&session)).await {
            Ok(now) => now,
            Err(e) => return RULE.error(present, examined, &e.on(shown(database).into_owned())),
        };
        examined += 1;
        for (n, difference) in fresh.differences(&now).into_iter().enumerate() {
            let name = if n < NAMED { guarded(name(&session, &difference)).await.ok().flatten() } else { None };
            let Difference { catalog, number, how } = difference;
            let object = name.unwrap_or_else(|| format!("{catalog} {number}"));
            let message = match how {
                "missing" => "it came with the server, and is not there any more".to_owned(),
                "new" => "it has a number of the server's own objects, and a fresh server does not have it".to_owned(),
                _ => format!("its row in {catalog} is not as it came with the server"),
            };
            findings.push(RULE.finding(format!("{database}: {object}"), message, RESTORE_AGAIN));
        }
    }
    RULE.judged(present, examined, findings)
}

/// What the copy calls it, which may be a lie.
async fn name(session: &Session, of: &Difference) -> Result<Option<String>> {
    // A column's row belongs to its table, an aggregate's to its function.
    let class = match of.catalog.as_str() {
        "pg_attribute" | "pg_index" | "pg_sequence" => "pg_class",
        "pg_aggregate" => "pg_proc",
        "pg_range" => "pg_type",
        other => other,
    };
    let sql = "select pg_catalog.pg_describe_object(('pg_catalog.' || pg_catalog.quote_ident($1))::regclass, $2, 0)";
    session.client().batch_execute("set statement_timeout = '5s'").await.map_err(|e| failed(&e))?;
    let rows = query(session.client(), sql, &[&class, &of.number]).await?;
    Ok(rows.first().and_then(|r| r.get(0)))
}
