//! INT-DUMP: a dump of the copy has the entries that were backed up.
//!
//! The second net under INT-SCHEMA: there each kind of object has a query of ours,
//! here PostgreSQL's own pg_dump says what there is, entry by entry, with owner and
//! statement. A restore writes some statements otherwise (see
//! [`crate::source::deparsed`]). So where a dump of the copy is not the backup's, it is
//! compared with a dump of what the backup's schema alone makes in another database
//! of the same server: both went through the same parser once, and nothing but
//! equality is the same.

use std::collections::BTreeMap;

use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity};
use crate::error::Error;
use crate::source::archive_list::{Listed, Made};

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-DUMP", title: "a dump of the copy is the dump that was backed up", severity: Severity::High };

/// What a drill does not restore, and the database itself, which other checks compare:
/// its entries stand under its name, and a reference has another.
const NOT_RESTORED: [&str; 3] = ["PUBLICATION", "SUBSCRIPTION", "DATABASE"];

/// What is said of other objects: its name begins with their kind.
const SAID: [&str; 3] = ["COMMENT", "SECURITY LABEL", "ACL"];

/// What fills materialized views; the reference has no rows to fill them with.
const FILLS: &str = "MATERIALIZED VIEW DATA";

/// Kind, schema, name.
type Key = (String, Vec<u8>, Vec<u8>);

/// The entries of one database.
#[derive(Debug)]
pub struct Dumps<'a> {
    /// The database's name.
    pub database: &'a str,
    /// The backup's.
    pub sealed: Vec<Listed>,
    /// Those of the copy.
    pub copy: Vec<Listed>,
    /// Those of what the backup's schema alone makes, where they were needed.
    pub reference: Option<Vec<Listed>>,
}

/// Whether the copy's dump is the backup's, so that no reference is needed.
pub fn equal(sealed: &[Listed], copy: &[Listed]) -> bool {
    let (sealed, copy) = (by_key(sealed, restored), by_key(copy, restored));
    sealed == copy
}

/// The check, of what could be dumped.
pub fn of(dumps: &[Dumps<'_>], error: Option<&Error>) -> CheckResult {
    let mut all = Tally::default();
    for dump in dumps {
        all.add(one(dump));
    }
    match error {
        Some(e) if all.findings.is_empty() => RULE.error(all.present, all.examined, e),
        _ => RULE.judged(all.present, all.examined, all.findings),
    }
}

fn one(dump: &Dumps<'_>) -> Tally {
    let entries = by_key(&dump.sealed, restored);
    let count = entries.len() as u64;
    let mut tally = Tally { present: count, examined: count, ..Tally::default() };
    let mut found = |key: &Key, message: &str| {
        tally.findings.push(RULE.finding(format!("{}: {}", dump.database, named(key)), message, RESTORE_AGAIN));
    };
    let Some(reference) = &dump.reference else { return tally };
    let filled = |e: &Listed| restored(e) && e.desc != FILLS;
    let (was, is) = (by_key(reference, filled), by_key(&dump.copy, filled));
    for (key, was) in &was {
        match is.get(key) {
            None => found(key, "a dump of the copy does not hold it"),
            Some(is) if is == was => {}
            Some(is) if owners(is) != owners(was) => found(key, "it has another owner in a dump of the copy"),
            Some(_) => found(key, "it is made by another statement in a dump of the copy"),
        }
    }
    for key in is.keys().filter(|k| !was.contains_key(*k)) {
        found(key, "a dump of the copy holds it, the backup does not make it");
    }
    let (was, is) = (by_key(&dump.sealed, |e| e.desc == FILLS), by_key(&dump.copy, |e| e.desc == FILLS));
    for key in was.keys().filter(|k| !is.contains_key(*k)) {
        found(key, "a dump of the copy does not fill it");
    }
    tally
}

/// Whether a drill restores it.
fn restored(e: &Listed) -> bool {
    let said = SAID.contains(&e.desc.as_str());
    !NOT_RESTORED.iter().any(|kind| e.desc.starts_with(kind) || (said && e.tag.starts_with(kind.as_bytes())))
}

fn by_key(list: &[Listed], wanted: impl Fn(&Listed) -> bool) -> BTreeMap<Key, Vec<&Made>> {
    let mut all = BTreeMap::<Key, Vec<&Made>>::new();
    for e in list.iter().filter(|e| wanted(e)) {
        let key = (e.desc.clone(), e.schema.clone(), e.tag.clone());
        all.entry(key).or_default().extend(&e.made);
    }
    for made in all.values_mut() {
        made.sort_unstable();
    }
    all
}

fn owners<'a>(made: &[&'a Made]) -> Vec<&'a [u8]> {
    made.iter().map(|m| m.owner.as_slice()).collect()
}

/// `TABLE public.t`, in the archive's encoding or nearly so.
fn named((desc, schema, tag): &Key) -> String {
    let (schema, tag) = (String::from_utf8_lossy(schema), String::from_utf8_lossy(tag));
    if schema.is_empty() { format!("{desc} {tag}") } else { format!("{desc} {schema}.{tag}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;
    use crate::types::Digest;

    fn entry(desc: &str, tag: &str, owner: &str, by: &str) -> Listed {
        let made = Some(Made { owner: owner.into(), by: Digest::of(by.as_bytes()), names_roles: Vec::new() });
        Listed { desc: desc.into(), tag: tag.into(), schema: b"s".to_vec(), made, ..Listed::default() }
    }

    #[test]
    fn each_kind_of_difference_is_named() {
        let sealed = || {
            vec![
                entry("TABLE", "t", "a", "1"),
                entry("VIEW", "v", "a", "(x)::text"),
                entry("MATERIALIZED VIEW DATA", "m", "a", "refresh"),
                entry("PUBLICATION", "p", "a", "1"),
                entry("COMMENT", "PUBLICATION p", "a", "1"),
                entry("DATABASE", "d", "a", "1"),
                entry("COMMENT", "DATABASE d", "a", "1"),
            ]
        };
        let copy = || vec![sealed().remove(0), entry("VIEW", "v", "a", "x::text"), sealed().remove(2)];
        assert!(equal(&sealed(), &[sealed().remove(0), sealed().remove(1), sealed().remove(2)]));
        assert!(!equal(&sealed(), &copy()));
        let said = |copy: Vec<Listed>| {
            let reference = Some(vec![entry("TABLE", "t", "a", "1"), entry("VIEW", "v", "a", "x::text")]);
            let result = of(&[Dumps { database: "d", sealed: sealed(), copy, reference }], None);
            let said = result.findings.iter().map(|f| format!("{}: {}", f.object, f.message)).collect::<Vec<_>>();
            (result.outcome, said.join("; "))
        };
        assert_eq!(said(copy()), (Outcome::Pass, String::new()));
        let mut other = copy();
        other.push(entry("TABLE", "PUBLICATION p", "a", "1"));
        other[0] = entry("TABLE", "t", "b", "1");
        other[1] = entry("VIEW", "v", "a", "x::varchar");
        other.remove(2);
        assert_eq!(
            said(other).1,
            "d: TABLE s.t: it has another owner in a dump of the copy; \
             d: VIEW s.v: it is made by another statement in a dump of the copy; \
             d: TABLE s.PUBLICATION p: a dump of the copy holds it, the backup does not make it; \
             d: MATERIALIZED VIEW DATA s.m: a dump of the copy does not fill it"
        );
        assert_eq!(said(Vec::new()).0, Outcome::Finding);
        let e = Error::internal("x");
        assert_eq!(of(&[], Some(&e)).outcome, Outcome::Error);
        assert_eq!(of(&[], None).outcome, Outcome::NotApplicable);
    }
}
