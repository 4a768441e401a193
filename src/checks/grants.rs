//! INT-GRANTS and INT-DEFACL: who may do what, now and to come.

use std::collections::{BTreeMap, BTreeSet};

use super::inventory::{Inventories, Pair};
use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity};
use crate::types::shown;

/// Privileges on objects.
pub const RULE: Rule =
    Rule { id: "INT-GRANTS", title: "privileges are the same, no less and no more", severity: Severity::High };

/// Default privileges.
pub const DEFAULTS: Rule =
    Rule { id: "INT-DEFACL", title: "default privileges are the same", severity: Severity::Medium };

/// Compares the privileges that objects have beyond those they are born with.
/// What is counted is the objects that could have any.
pub fn run(inventories: &Inventories<'_>) -> CheckResult {
    inventories.compare(RULE, |pair| {
        let owned = pair.was.objects.values().filter(|o| o.owner.is_some()).count() as u64;
        let count = owned.max(pair.was.grants.len() as u64);
        compare(RULE, pair, count, &pair.was.grants, &pair.is.grants)
    })
}

/// Compares what `ALTER DEFAULT PRIVILEGES` set.
pub fn defaults(inventories: &Inventories<'_>) -> CheckResult {
    inventories.compare(DEFAULTS, |pair| {
        let count = pair.was.default_grants.len() as u64;
        compare(DEFAULTS, pair, count, &pair.was.default_grants, &pair.is.default_grants)
    })
}

type Grants = BTreeMap<String, Vec<String>>;

fn compare(rule: Rule, pair: &Pair<'_>, count: u64, was: &Grants, is: &Grants) -> Tally {
    let mut tally = Tally { present: count, examined: count, ..Tally::default() };
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for name in names {
        let message = match (was.get(name), is.get(name)) {
            (Some(was), Some(is)) => {
                let only = |these: &[String], others: &[String]| {
                    these.iter().filter(|g| !others.contains(g)).map(|g| shown(g).into_owned()).collect::<Vec<_>>()
                };
                let (lost, new) = (only(was, is), only(is, was));
                if lost.is_empty() && new.is_empty() {
                    continue;
                }
                let part = |word: &str, list: &[String]| {
                    let more = if list.len() > 8 { ", and more" } else { "" };
                    (!list.is_empty()).then(|| format!("{word} {}{more}", list[..list.len().min(8)].join(", ")))
                };
                [part("missing:", &lost), part("new:", &new)].into_iter().flatten().collect::<Vec<_>>().join("; ")
            }
            (Some(_), None) if rule == DEFAULTS => "they are missing".to_owned(),
            (Some(_), None) => "its privileges are lost: it has those it was born with".to_owned(),
            _ if rule == DEFAULTS => "they were not in the backup".to_owned(),
            _ => "it has privileges beyond those of the backup".to_owned(),
        };
        tally.findings.push(rule.finding(pair.object(name), message, RESTORE_AGAIN));
    }
    tally
}
