//! EXP-RLS-005: partitions and children that go round row security.

use std::collections::HashMap;

use super::{none, secured};
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::relations::Relations;
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-RLS-005",
        title: "no partition can be read past the row security of its table",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[12],
        refs: &["CIS 4.7"],
        why: "Policies of a partitioned or inherited table bind queries that name that table. Who may read a partition \
              by its own name sees all its rows, whatever the parent's policies say.",
        inspects: "Partitions and inheritance children, at any depth, of tables with row security. A finding where the child \
                   has none itself and grants something to anyone but its owner. None is there to look at where no table \
                   with row security has children.",
        remedy: "REVOKE ALL ON partition FROM …: queries through the parent need no grant on partitions. Or ALTER TABLE \
                 partition ENABLE ROW LEVEL SECURITY, with policies of its own.",
        false_positives: "None known: grants on partitions come from GRANT … ON ALL TABLES IN SCHEMA, without a need.",
        source: "PostgreSQL manual, \"CREATE TABLE\", \"Row Security Policies\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// Tables below one that has row security, at any depth, with that table's name.
pub(super) async fn below_secured<'a>(
    db: &Database<'_>,
    relations: &'a Relations,
) -> Result<HashMap<u32, &'a str>, Blind> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let sql = "SELECT i.inhparent, i.inhrelid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
               WHERE c.relkind IN ('r', 'p', 'f') ORDER BY 1, 2";
    for row in db.rows("partitions and children", sql, &[]).await? {
        children.entry(row.get(0)).or_default().push(row.get(1));
    }
    let mut below = HashMap::new();
    for parent in secured(relations) {
        let mut todo = vec![parent.oid];
        while let Some(oid) = todo.pop() {
            for child in children.get(&oid).into_iter().flatten() {
                if !below.contains_key(child) {
                    below.insert(*child, parent.name.as_str());
                    todo.push(*child);
                }
            }
        }
    }
    Ok(below)
}

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let relations = db.relations().await?;
    let below = below_secured(db, relations).await?;
    if below.is_empty() {
        return Ok(none(db, "partition below a table with row security"));
    }
    let mut seen = Seen::all_of(below.len());
    for child in relations.all.iter().filter(|r| !r.row_security) {
        let Some(parent) = below.get(&child.oid) else { continue };
        let granted = child.acls().flat_map(|a| &a.items).filter(|i| !i.privileges.is_empty());
        let mut to: Vec<&str> = granted.map(|i| i.grantee.as_deref().unwrap_or("PUBLIC")).collect();
        to.retain(|g| *g != &*child.owner && !db.server.powers.is_super(g));
        to.sort_unstable();
        to.dedup();
        if !to.is_empty() {
            let message = format!("policies of {} do not bind {} here", shown(parent), few(&to));
            seen.add(Found::new(db.object(&child.locator()), message));
        }
    }
    Ok(seen)
}
