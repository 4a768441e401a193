//! INT-COLLATION: text sorts here as its indexes were built.

use super::inventory::Inventories;
use super::subject::Tally;
use super::{CheckResult, Outcome, Rule, Severity};
use crate::types::{Kind, shown};

/// The check. That this host sorts otherwise is no fault of the backup's, so it
/// is a warning; what it did to indexes is PHY-AMCHECK's to find.
pub const RULE: Rule =
    Rule { id: "INT-COLLATION", title: "collations have the versions they had", severity: Severity::Low };

/// Compares versions. Indexes of a physical copy were built with the source's
/// libraries, those of a logical one with this host's: there, another version is
/// worth a note only.
pub fn run(inventories: &Inventories<'_>, kind: Kind) -> CheckResult {
    let mut notes = std::collections::BTreeSet::new();
    let mut result = inventories.compare(RULE, |pair| {
        let mut tally = Tally::default();
        for (name, was) in &pair.was.collations {
            tally.present += 1;
            tally.examined += 1;
            let is = pair.is.collations.get(name);
            let here = is.and_then(|c| c.actual.as_deref());
            let version = |v: Option<&str>| shown(v.unwrap_or("none")).into_owned();
            // What the indexes were built with: as recorded in the copy.
            let built = is.and_then(|c| c.recorded.as_deref());
            if built.is_some() && built != here {
                let message = format!(
                    "its version was {} when indexes were built, this host has {}: an index on text may be corrupt",
                    version(built),
                    version(here)
                );
                tally.findings.push(RULE.finding(
                    pair.object(name),
                    message,
                    "Drill and restore where the C library and ICU have the source's versions, or REINDEX after a restore.",
                ));
            } else if was.actual.as_deref() != here {
                notes.insert(format!(
                    "{}: the source had version {}, this host has {}",
                    shown(name),
                    version(was.actual.as_deref()),
                    version(here)
                ));
            }
        }
        tally
    });
    if result.outcome == Outcome::Pass && !notes.is_empty() && kind == Kind::Logical {
        let list: Vec<String> = notes.into_iter().take(8).collect();
        result.reason = Some(format!("indexes were built anew with this host's versions; {}", list.join("; ")));
    }
    result
}
