//! INT-LO: as many large objects as there were.

use super::subject::{RESTORE_AGAIN, Tally, query};
use super::{CheckResult, Rule, Severity, Subject};

/// The check.
pub const RULE: Rule = Rule { id: "INT-LO", title: "large objects are there", severity: Severity::High };

/// Compares their number.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    subject
        .each_database(RULE, async |session, facts| {
            let rows = query(session.client(), "select count(*) from pg_largeobject_metadata", &[]).await?;
            let here = rows.first().map_or(0, |r| r.get::<_, i64>(0).unsigned_abs());
            let want = facts.large_objects;
            let mut tally = Tally { present: want, examined: want, ..Tally::default() };
            if here != want {
                let message = format!("{want} large objects expected, {here} restored");
                tally.findings.push(RULE.finding(&facts.name, message, RESTORE_AGAIN));
            }
            Ok(tally)
        })
        .await
}
