//! EXP-RLS-002: policies that are not in force.

use super::{none, policies};
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-RLS-002",
        title: "every table that has policies has row security switched on",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[12],
        refs: &["CIS 4.7", "splinter 0007"],
        why: "CREATE POLICY alone does nothing. Whoever reads the schema sees policies and takes the rows for \
              protected, while every role with SELECT sees them all.",
        inspects: "Tables with at least one policy whose row security is off.",
        remedy: "ALTER TABLE … ENABLE ROW LEVEL SECURITY; after trying as the application's role that it still sees its rows.",
        false_positives: "A migration that is half done: finish it, or drop the policies.",
        source: "PostgreSQL manual, \"Row Security Policies\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let policies = policies::read(db).await?;
    let relations = db.relations().await?;
    let tables: Vec<_> = relations.all.iter().filter_map(|r| Some((r, policies.get(&r.oid)?))).collect();
    if tables.is_empty() {
        return Ok(none(db, "policies"));
    }
    let mut seen = Seen::all_of(tables.len());
    for (table, policies) in tables.into_iter().filter(|t| !t.0.row_security) {
        let names: Vec<&str> = policies.iter().map(|p| p.name.as_str()).collect();
        let message = format!("row security is off, so these policies do nothing: {}", few(&names));
        seen.add(Found::new(db.object(&table.locator()), message));
    }
    Ok(seen)
}
