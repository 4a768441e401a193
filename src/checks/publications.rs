//! INT-PUB: publications are as they were.

use super::inventory::{Inventories, differences, listed};
use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity};

/// The check.
pub const RULE: Rule = Rule { id: "INT-PUB", title: "publications are the same", severity: Severity::Medium };

/// Compares them both ways. A drill of a logical backup does not restore any.
pub fn run(inventories: &Inventories<'_>) -> CheckResult {
    inventories.compare(RULE, |pair| {
        let (was, is) = (&pair.was.publications, &pair.is.publications);
        let count = was.len() as u64;
        let mut tally = Tally { present: count, examined: count, ..Tally::default() };
        for (name, how) in differences(was, is) {
            let parts = was.get(name).zip(is.get(name)).map(|(was, is)| differences(was, is));
            let message = match parts {
                Some(parts) => format!("it differs: {}", listed(&parts)),
                None if how == "new" => "it was not in the backup".to_owned(),
                None => "it is missing".to_owned(),
            };
            tally.findings.push(RULE.finding(pair.object(name), message, RESTORE_AGAIN));
        }
        tally
    })
}
