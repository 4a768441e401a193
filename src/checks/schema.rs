//! INT-SCHEMA: every object is there, and is defined as it was.

use super::inventory::{Inventories, differences, listed};
use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity};

/// The check.
pub const RULE: Rule = Rule { id: "INT-SCHEMA", title: "every object is defined as it was", severity: Severity::High };

/// Every database is born with it: one that was dropped comes back.
const BORN: &str = "schema: public";

/// Compares the fingerprints of all parts of all objects.
pub fn run(inventories: &Inventories<'_>) -> CheckResult {
    inventories.compare(RULE, |pair| {
        let defined = pair.was.objects.iter().filter(|(_, o)| !o.parts.is_empty());
        let mut tally = Tally::default();
        for (name, was) in defined {
            tally.present += 1;
            tally.examined += 1;
            let message = match pair.is.objects.get(name) {
                None => "it is missing".to_owned(),
                Some(is) => match differences(&was.parts, &is.parts) {
                    none if none.is_empty() => continue,
                    some => format!("it differs: {}", listed(&some)),
                },
            };
            tally.findings.push(RULE.finding(pair.object(name), message, RESTORE_AGAIN));
        }
        let unknown = |name: &&String| !pair.was.objects.contains_key(*name) && *name != BORN;
        for name in pair.is.objects.keys().filter(unknown) {
            tally.findings.push(RULE.finding(pair.object(name), "it was not in the backup", RESTORE_AGAIN));
        }
        tally
    })
}
