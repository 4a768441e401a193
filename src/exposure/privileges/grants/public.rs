//! EXP-PRIV-001: what everybody may do with tables, views and sequences.
//!
//! A table of credentials or card numbers that is open to PUBLIC is critical.
//! That is known only once its rows were looked at, so it is said where classes
//! of data are joined with reach: [`crate::exposure::outcome::ReachRow::public`] is this
//! check's answer there, and its `object` is this check's.

use crate::checks::Severity;
use crate::exposure::acl::Privileges;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::relations::Relation;
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-001",
        title: "no table, view or sequence is open to PUBLIC",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[8, 13],
        refs: &["CIS 4.6", "SRG-APP-000033"],
        why: "A grant to PUBLIC is a grant to every role that exists and every role that will ever be made, \
              the monitoring agent's and a reporting tool's included. One stolen login of the least \
              important service then reads or changes the table.",
        inspects: "Privileges of PUBLIC on tables, partitioned tables, views, materialized views, foreign tables, \
                   sequences and their columns, objects of extensions left out. Medium for sequences, and where PUBLIC \
                   has no USAGE on the schema, so that the grant sleeps until somebody gives that.",
        remedy: "REVOKE ALL ON TABLE … FROM PUBLIC (for columns: REVOKE SELECT (column) ON …), then GRANT what is \
                 needed to the roles that need it. Look at the default privileges, too (EXP-PRIV-003).",
        false_positives: "Reference data that everybody may read, as lists of countries. Waive the table with that reason.",
        source: "PostgreSQL manual, \"Privileges\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let relations = db.relations().await?;
    let mut seen = Seen::all_of(relations.own().count());
    if seen.present == 0 {
        return Ok(Seen::not_applicable(format!("database {} has no tables of its own", db.name)));
    }
    for relation in relations.own() {
        let Some(message) = public(relation) else { continue };
        let open = relations.place.is_open(relation.schema);
        let asleep = if open { "" } else { "; it sleeps as long as PUBLIC has no USAGE on the schema" };
        let found = Found::new(db.object(&relation.locator()), format!("PUBLIC may {message}{asleep}"));
        seen.add(if open && relation.kind != 'S' { found } else { found.at(Severity::Medium) });
    }
    Ok(seen)
}

/// `SELECT, INSERT`, `SELECT on columns a, b`.
fn public(relation: &Relation) -> Option<String> {
    let all = relation.acl.public();
    let mut parts = Vec::new();
    if !all.is_empty() {
        parts.push(all.to_string());
    }
    let mut some = Privileges::NONE;
    let mut columns = Vec::new();
    for (name, acl) in &relation.columns {
        let more = acl.public().without(all);
        if !more.is_empty() {
            some = some.and(more);
            columns.push(name);
        }
    }
    if !columns.is_empty() {
        parts.push(format!("{some} on columns {}", few(&columns)));
    }
    (!parts.is_empty()).then(|| parts.join(", and "))
}
