//! EXP-PRIV-008: roles that are read-only by their name, and are not.

use std::collections::BTreeMap;

use crate::checks::Severity;
use crate::exposure::acl::Privileges;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::reach::Reach;
use crate::exposure::words::{count, few};
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-008",
        title: "roles that are read-only by their name can write nothing",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[7, 13],
        refs: &["SRG-APP-000033"],
        why: "People trust a name: the password of bi_readonly goes into notebooks and dashboards because it can only \
              read. If it can write, everyone who was ever shown that notebook can.",
        inspects: "Roles whose name has a word as ro, readonly, read, reader, report, reporting, bi, analyst, viewer, and \
                   none as rw or write. A finding where such a role can INSERT, UPDATE, DELETE or TRUNCATE a table or \
                   view, by itself, by what it can become, or by PUBLIC. Superusers are EXP-ROLE-001's.",
        remedy: "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA … FROM …; where it comes from a \
                 membership, REVOKE that role. Since 14, pg_read_all_data or GRANT SELECT is all that reading needs.",
        false_positives: "A scratch schema for intermediate results: waive the role with that reason, or give the schema \
                          an owner of its own.",
        source: "PostgreSQL manual, \"Privileges\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

const READS: [&str; 14] = [
    "ro",
    "readonly",
    "read",
    "reader",
    "readers",
    "report",
    "reports",
    "reporting",
    "reporter",
    "bi",
    "analyst",
    "analysts",
    "viewer",
    "select",
];
const WRITES: [&str; 6] = ["rw", "readwrite", "write", "writer", "writers", "admin"];

/// Whether its name promises that it only reads.
fn only_reads(name: &str) -> bool {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphabetic()).collect();
    words.iter().any(|w| READS.contains(w)) && !words.iter().any(|w| WRITES.contains(w))
}

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let server = db.server;
    let named = server.roles.iter().map(|r| r.name.as_str()).filter(|n| only_reads(n) && !server.powers.is_super(n));
    let named: Vec<&str> = named.collect();
    if named.is_empty() {
        return Ok(Seen::not_applicable("no role is read-only by its name"));
    }
    let relations = db.relations().await?;
    let mut seen = Seen::all_of(named.len());
    let mut reach = Reach::of(server, relations, named);
    let mut written: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for relation in relations.all.iter().filter(|r| r.kind != 'S' && !r.of_extension) {
        let writers = reach.who(relation, Privileges::WRITE);
        if writers.count > 0 {
            for role in reach.names(&writers) {
                written.entry(role).or_default().push(&relation.name);
            }
        }
    }
    for (role, tables) in written {
        let message = format!("it may write to {}: {}", count(tables.len(), "table"), few(&tables));
        seen.add(Found::new(db.object(&format!("role {role}")), message));
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::only_reads;

    #[test]
    fn names_are_judged_by_whole_words() {
        for yes in ["bi_readonly", "app_ro", "ReadOnly", "reporting-eu", "shop reader"] {
            assert!(only_reads(yes), "{yes}");
        }
        for no in ["app", "robot", "bill", "readings_writer", "read_write", "report_admin", "thread"] {
            assert!(!only_reads(no), "{no}");
        }
    }
}
