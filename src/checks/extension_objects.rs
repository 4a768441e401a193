//! INT-EXT-OBJECTS: what belongs to extensions is what it was.

use std::collections::BTreeSet;

use super::inventory::{Inventories, Pair, differences, listed};
use super::subject::Tally;
use super::{CheckResult, Outcome, Rule, Severity};
use crate::source::inventory::{EXTENSION_VERSION, Objects};
use crate::types::shown;

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-EXT-OBJECTS", title: "objects of extensions are as they were", severity: Severity::Medium };

const REMEDY: &str = "A dump holds nothing of an extension's objects. Keep what you changed as a script of your own, or let the \
                      dump have it: ALTER EXTENSION … DROP …";

/// Compares the objects of extensions of the same version, both ways: a dump has
/// `CREATE EXTENSION` only, so what users changed or attached is lost.
pub fn run(inventories: &Inventories<'_>) -> CheckResult {
    if inventories.pairs().iter().all(|p| p.was.members.is_none()) {
        return RULE.not_applicable("the backup does not say what they were (made by an older version)");
    }
    let mut owners = 0;
    let mut result = inventories.compare(RULE, |pair| {
        let (mut tally, others) = compare(pair);
        owners += others;
        if !pair.logical && others > 0 {
            let message = format!("{others} of its extensions and their objects have other owners than at the source");
            tally.findings.push(RULE.finding(pair.database, message, REMEDY));
        }
        tally
    });
    if owners > 0 && result.outcome == Outcome::Pass {
        let text =
            format!("{owners} extensions and objects of them have other owners than at the source: no dump holds them");
        result.reason = Some(text);
    }
    result
}

fn version(objects: &Objects) -> Option<&String> {
    objects.values().find_map(|o| o.parts.get(EXTENSION_VERSION))
}

/// What differs, and how many owners do.
fn compare(pair: &Pair<'_>) -> (Tally, u64) {
    let (mut tally, mut owners, none) = (Tally::default(), 0, Objects::new());
    let (Some(was), Some(is)) = (&pair.was.members, &pair.is.members) else { return (tally, owners) };
    for (extension, was) in was {
        let is = is.get(extension).unwrap_or(&none);
        // Missing, or of another version: INT-EXT says so, and then its objects differ.
        if version(was) != version(is) {
            continue;
        }
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let (before, now) = (was.get(name), is.get(name));
            tally.present += u64::from(before.is_some());
            tally.examined += u64::from(before.is_some());
            let message = match (before, now) {
                (Some(_), None) => "it is missing".to_owned(),
                (None, Some(_)) => "it was not in the backup".to_owned(),
                (Some(before), Some(now)) => {
                    owners += u64::from(before.owner != now.owner);
                    match differences(&before.parts, &now.parts) {
                        none if none.is_empty() => continue,
                        some => format!("it differs: {}", listed(&some)),
                    }
                }
                (None, None) => continue,
            };
            let object = pair.object(&format!("extension {}, {name}", shown(extension)));
            tally.findings.push(RULE.finding(object, message, REMEDY));
        }
    }
    (tally, owners)
}
