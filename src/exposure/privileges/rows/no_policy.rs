//! EXP-RLS-007: row security without any policy.

use super::{none, policies, secured};
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-RLS-007",
        title: "every table with row security has a policy",
        severity: Severity::Info,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[12],
        refs: &["splinter 0008"],
        why: "Without a policy nobody but the owner sees a row. That is safe, and often an oversight: the next person who \
              meets an empty answer switches row security off instead of writing the policy.",
        inspects: "Tables whose row security is on and that have no policy.",
        remedy: "CREATE POLICY …; or write down that nobody is meant to read it: COMMENT ON TABLE … IS '…'.",
        false_positives: "A lock that is meant, as on audit tables that only functions write: waive the table.",
        source: "PostgreSQL manual, \"Row Security Policies\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let relations = db.relations().await?;
    let mut seen = Seen::all_of(secured(relations).count());
    if seen.present == 0 {
        return Ok(none(db, "table with row security"));
    }
    let policies = policies::read(db).await?;
    for table in secured(relations).filter(|t| !policies.contains_key(&t.oid)) {
        seen.add(Found::new(db.object(&table.locator()), "it has no policy: nobody but its owner sees a row"));
    }
    Ok(seen)
}
