//! EXP-DRIFT-004: definitions are what they were.

use std::collections::BTreeSet;

use super::History;
use super::pairs::{Pair, is, pairs};
use crate::exposure::access::listed;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Severity};
use crate::source::Inventory;
use crate::source::inventory::ObjectFacts;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DRIFT-004",
        title: "definitions are what they were at the last drill",
        severity: Severity::Low,
        planes: &[Plane::Posture],
        guide: &[24],
        refs: &["SRG-APP-000381"],
        why: "A schema changes with releases, and a release has a date. A change without one was made by hand. Worst is \
              another body under the name of a function that runs as its owner: everybody who may call it runs that body.",
        inspects: "Fingerprints of all definitions of this backup beside those of the backup drilled before: one finding a \
                   database where objects are new, gone or other, and one (medium) for each SECURITY DEFINER function or \
                   procedure of which body, settings or owner changed.",
        remedy: "Hold the change against the releases since the last drill. A function that nobody changed on purpose: restore \
                 it from the earlier backup (pgseal restore --table does not bring functions; restore the schema to a \
                 scratch database) and find out who could replace it.",
        false_positives: "Releases. Waive the database's line for those that change daily.",
        source: "PostgreSQL manual, \"Writing SECURITY DEFINER Functions Safely\"",
    },
    look: Look::History(look),
};

fn look(history: &History<'_>, _: &Policy) -> Seen {
    let all = match pairs(history) {
        Ok(all) => all,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::default();
    if all.is_empty() {
        return Seen::not_evaluated("no database is in both backups");
    }
    for pair in &all {
        match pair.inventories() {
            Err(why) => seen.open.push(why),
            Ok((then, now)) => {
                seen.present += now.objects.len() as u64;
                seen.examined += now.objects.len() as u64;
                one(pair, then, now, &mut seen);
            }
        }
    }
    seen
}

fn one(pair: &Pair<'_>, then: &Inventory, now: &Inventory, seen: &mut Seen) {
    let (mut new, mut other) = (BTreeSet::new(), BTreeSet::new());
    for (key, object) in &now.objects {
        match then.objects.get(key) {
            None => drop(new.insert(key.as_str())),
            Some(was) if was != object => {
                other.insert(key.as_str());
                let changed = definer_changed(was, object);
                if !changed.is_empty() {
                    let message = format!("it runs as its owner, and its {} changed", changed.join(", "));
                    seen.add(Found::new(pair.object(key), message).at(Severity::Medium));
                }
            }
            Some(_) => {}
        }
    }
    let gone: BTreeSet<&str> =
        then.objects.keys().map(String::as_str).filter(|k| !now.objects.contains_key(*k)).collect();
    let said: Vec<String> = [("new", &new), ("other than before", &other), ("gone", &gone)]
        .into_iter()
        .filter(|(_, set)| !set.is_empty())
        .map(|(word, set)| format!("{} {word} ({})", set.len(), listed(set)))
        .collect();
    if !said.is_empty() {
        seen.add(Found::new(format!("database {}", pair.name), format!("objects: {}", said.join("; "))));
    }
}

/// What changed of a function that ran, and runs, as its owner.
fn definer_changed(was: &ObjectFacts, now: &ObjectFacts) -> Vec<&'static str> {
    if !(is(was.parts.get("security"), "definer") && is(now.parts.get("security"), "definer")) {
        return Vec::new();
    }
    let parts = ["body", "SQL body", "settings", "library", "language"];
    let mut changed: Vec<&str> = parts.into_iter().filter(|p| was.parts.get(*p) != now.parts.get(*p)).collect();
    if was.owner != now.owner {
        changed.push("owner");
    }
    changed
}
