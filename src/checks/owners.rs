//! INT-OWNERS: every object belongs to whom it belonged.

use super::inventory::Inventories;
use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity};
use crate::types::shown;

/// The check.
pub const RULE: Rule = Rule { id: "INT-OWNERS", title: "every object has its owner", severity: Severity::High };

/// Compares the owners of all objects that are there; a missing one is INT-SCHEMA's.
pub fn run(inventories: &Inventories<'_>) -> CheckResult {
    inventories.compare(RULE, |pair| {
        let mut tally = Tally::default();
        for (name, was) in pair.was.objects.iter().filter(|(_, o)| o.owner.is_some()) {
            tally.present += 1;
            tally.examined += 1;
            let is = pair.is.objects.get(name);
            let (Some(owner), Some(now)) = (&was.owner, is.and_then(|o| o.owner.as_ref())) else { continue };
            if owner != now {
                let message = format!("it belongs to {}, in the backup to {}", shown(now), shown(owner));
                tally.findings.push(RULE.finding(pair.object(name), message, RESTORE_AGAIN));
            }
        }
        tally
    })
}
