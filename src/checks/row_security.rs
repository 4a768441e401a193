//! INT-RLS: row security is on where it was, with the same policies.

use std::collections::BTreeSet;

use super::definitions::Place;
use super::inventory::{Inventories, differences, listed};
use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity};

/// The check. A policy that is lost shows rows to whom they do not belong.
pub const RULE: Rule =
    Rule { id: "INT-RLS", title: "row security and its policies are the same", severity: Severity::High };

/// Compares tables with row security and all policies, both ways: a new policy
/// may let in, too.
pub fn run(inventories: &Inventories<'_>) -> CheckResult {
    let result = inventories.compare(RULE, |pair| {
        let (was, is) = (&pair.was.row_security, &pair.is.row_security);
        let count = was.len() as u64;
        let mut tally = Tally { present: count, examined: count, ..Tally::default() };
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let is_table = !name.starts_with("policy: ");
            let message = match (was.get(name), is.get(name)) {
                (Some(was), Some(is)) => match differences(was, is) {
                    none if none.is_empty() => continue,
                    some => format!("row security differs: {}", listed(&some)),
                },
                (Some(_), None) if is_table => "row security is off; in the backup it was on".to_owned(),
                (Some(_), None) => "the policy is missing".to_owned(),
                _ if is_table => "row security is on; in the backup it was off".to_owned(),
                _ => "the policy was not in the backup".to_owned(),
            };
            tally.findings.push(RULE.finding(pair.object(name), message, RESTORE_AGAIN));
        }
        tally.examined -= pair.unread(Place::RowSecurity);
        tally
    });
    inventories.with_casts(result, Place::RowSecurity)
}
