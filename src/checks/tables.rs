//! INT-TABLES: the same set of tables, no more and no less.

use std::collections::BTreeSet;

use super::subject::{RESTORE_AGAIN, Tally, object};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::catalog;
use crate::source::facts::ObjectName;

/// The check.
pub const RULE: Rule = Rule { id: "INT-TABLES", title: "the same tables are there", severity: Severity::High };

/// Compares the sets of tables that have rows of their own. A table of an
/// extension that the facts do not list is made by the extension, not by the backup.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    subject
        .each_database(RULE, async |session, facts| {
            let list = catalog::tables(session).await?;
            let here: BTreeSet<ObjectName> = list.iter().map(|t| t.name.clone()).collect();
            let own: BTreeSet<ObjectName> = list.into_iter().filter(|t| !t.from_extension).map(|t| t.name).collect();
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
