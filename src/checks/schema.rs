//! INT-SCHEMA: every object is there, and is defined as it was.

use super::definitions::Place;
use super::inventory::{Inventories, differences, listed};
use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity};
use crate::source::inventory::{ENFORCEMENT, MAPPING_OPTIONS, USER_MAPPING, hides_options, is_family_member};
use crate::source::misdumped::How;

/// The check.
pub const RULE: Rule = Rule { id: "INT-SCHEMA", title: "every object is defined as it was", severity: Severity::High };

/// Every database is born with it: one that was dropped comes back.
const BORN: &str = "schema: public";

/// It is told of where somebody ran `information_schema.sql` again, as some release notes
/// ask for; no dump holds it, and every server has its own.
const REBUILT: &str = "schema: information_schema";

/// Compares the fingerprints of all parts of all objects.
pub fn run(inventories: &Inventories<'_>) -> CheckResult {
    let (mut members, mut enforced, mut hidden, mut detached) = (0, 0, 0, 0);
    let mut result = inventories.compare(RULE, |pair| {
        let defined = pair.was.objects.iter().filter(|(_, o)| !o.parts.is_empty());
        detached += pair.misdumped.iter().filter(|m| m.how == How::Detached).count();
        let mut tally = Tally::default();
        for (name, was) in defined {
            tally.present += 1;
            tally.examined += 1;
            hidden += u64::from(pair.logical && hides_options(name, was).is_some());
            let message = match pair.is.objects.get(name) {
                None if name == REBUILT => continue,
                None if pair.logical && is_family_member(name) => {
                    members += 1;
                    continue;
                }
                None => "it is missing".to_owned(),
                Some(is) => match real(name, differences(&was.parts, &is.parts), &mut enforced) {
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
        tally.examined -= pair.unread(Place::Schema);
        tally
    });
    let mut said = Vec::new();
    if members > 0 {
        said.push(format!(
            "{members} members that users added to operator families of the system are in no dump: pg_dump does not write them"
        ));
    }
    if enforced > 0 {
        said.push(format!(
            "foreign keys of {enforced} tables were not enforced at the source (ALTER TABLE … DISABLE TRIGGER), and are \
             enforced in a restored copy: no dump can turn them off"
        ));
    }
    if detached > 0 {
        said.push(format!(
            "{detached} partitions were half detached at the source (DETACH PARTITION … CONCURRENTLY), and are attached in a \
             restored copy: no dump can say it"
        ));
    }
    if hidden > 0 {
        said.push(format!(
            "the options of {hidden} user mappings are not in the backup, for its role may not see them: a restored copy \
             has none"
        ));
    }
    if !said.is_empty() {
        result.reason.get_or_insert_with(|| said.join("; "));
    }
    inventories.with_casts(result, Place::Schema)
}

/// Without those that say nothing against the copy: keys that were not enforced at the
/// source and are enforced here, and options that the backup's role was not allowed to see.
fn real<'m>(object: &str, mut all: Vec<(&'m str, &'static str)>, enforced: &mut u64) -> Vec<(&'m str, &'static str)> {
    all.retain(|(part, how)| match *how {
        "missing" if *part == ENFORCEMENT => {
            *enforced += 1;
            false
        }
        "new" => *part != MAPPING_OPTIONS || !object.starts_with(USER_MAPPING),
        _ => true,
    });
    all
}
