//! EXP-PRIV-007: grant options, and privileges that only owners need.

use std::collections::BTreeMap;

use crate::checks::Severity;
use crate::exposure::acl::{Acl, Privileges};
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-007",
        title: "no role passes privileges on, or holds those that only an owner needs",
        severity: Severity::Low,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[8],
        refs: &["SRG-APP-000328"],
        why: "A grant option makes a second administrator: what that role hands out is in nobody's deployment script. \
              TRUNCATE empties a table past row security, TRIGGER runs code of that role in others' sessions, REFERENCES \
              tells by foreign keys which values exist. They came with GRANT ALL and nobody uses them.",
        inspects: "For each role that is neither the owner, able to become it, nor a superuser: grant options on tables, \
                   views, sequences, columns and schemas; TRUNCATE, REFERENCES, TRIGGER and (17 and newer) MAINTAIN. \
                   One finding a role. PUBLIC is EXP-PRIV-001's, objects of extensions are left out.",
        remedy: "REVOKE GRANT OPTION FOR ALL ON … FROM …; REVOKE TRUNCATE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA \
                 … FROM …; and name privileges in scripts instead of ALL.",
        false_positives: "A team that administers a schema of its own: waive its role.",
        source: "PostgreSQL manual, \"GRANT\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

const OWNERS: Privileges =
    Privileges::TRUNCATE.and(Privileges::REFERENCES).and(Privileges::TRIGGER).and(Privileges::MAINTAIN);

/// What one role has on how many objects.
#[derive(Default)]
struct Held<'a> {
    passes: (Privileges, Vec<&'a str>),
    owners: (Privileges, Vec<&'a str>),
}

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let relations = db.relations().await?;
    let mut held: BTreeMap<&str, Held<'_>> = BTreeMap::new();
    let schemas = &relations.place.schemas;
    let mut seen = Seen::all_of(relations.own().count() + schemas.len());
    for relation in relations.own() {
        for acl in relation.acls() {
            note(db, &mut held, acl, &relation.owner, &relation.name);
        }
    }
    for schema in schemas.values() {
        note(db, &mut held, &schema.acl, relations.place.role(&schema.owner), &schema.name);
    }
    for (role, held) in held {
        let mut parts = Vec::new();
        if !held.passes.1.is_empty() {
            parts.push(format!("it may pass on {} on {}", held.passes.0, objects(held.passes.1)));
        }
        if !held.owners.1.is_empty() {
            parts.push(format!("it holds {} on {}", held.owners.0, objects(held.owners.1)));
        }
        if !parts.is_empty() {
            seen.add(Found::new(db.object(&format!("role {role}")), parts.join("; ")));
        }
    }
    Ok(seen)
}

fn note<'a>(db: &Database<'_>, held: &mut BTreeMap<&'a str, Held<'a>>, acl: &'a Acl, owner: &str, name: &'a str) {
    for item in &acl.items {
        let Some(role) = item.grantee.as_deref() else { continue };
        let heavy = item.privileges.within(OWNERS);
        if item.grantable.is_empty() && heavy.is_empty() || role == owner {
            continue;
        }
        let powers = &db.server.powers;
        if powers.is_super(role) || powers.can_become(role, owner) {
            continue;
        }
        let held = held.entry(role).or_default();
        for (what, (sum, names)) in [(item.grantable, &mut held.passes), (heavy, &mut held.owners)] {
            if !what.is_empty() {
                *sum = sum.and(what);
                names.push(name);
            }
        }
    }
}

fn objects(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    names.dedup();
    format!("{} ({})", crate::exposure::words::count(names.len(), "object"), few(&names))
}
