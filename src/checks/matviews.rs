//! INT-MATVIEW: what was populated is populated.

use std::collections::{BTreeMap, BTreeSet};

use super::subject::{RESTORE_AGAIN, Tally, object};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::catalog;
use crate::source::facts::ObjectName;

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-MATVIEW", title: "materialized views are populated as before", severity: Severity::Medium };

/// Compares the sets of materialized views and whether they can be read.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    subject
        .each_database(RULE, async |session, facts| {
            let list = catalog::matviews(session).await?;
            let here: BTreeMap<ObjectName, bool> = list.into_iter().map(|m| (m.name, m.populated)).collect();
            let n = facts.matviews.len() as u64;
            let mut tally = Tally { present: n, examined: n, ..Tally::default() };
            let known: BTreeSet<&ObjectName> = facts.matviews.iter().map(|m| &m.name).collect();
            for name in here.keys().filter(|name| !known.contains(name)) {
                let message = "the backup does not say that there is such a materialized view";
                tally.findings.push(RULE.finding(object(&facts.name, name), message, RESTORE_AGAIN));
            }
            for want in &facts.matviews {
                const REFRESH: &str = "Run REFRESH MATERIALIZED VIEW after a restore, and find out why it failed.";
                let (message, remedy) = match (here.get(&want.name), want.populated) {
                    (None, _) => ("the materialized view is missing", REFRESH),
                    (Some(false), true) => ("it is not populated; at the source it was", REFRESH),
                    (Some(true), false) => ("it is populated; at the source it was not", RESTORE_AGAIN),
                    (Some(_), _) => continue,
                };
                tally.findings.push(RULE.finding(object(&facts.name, &want.name), message, remedy));
            }
            Ok(tally)
        })
        .await
}
