//! EXP-RLS-006: owners that log in and are not bound by their own policies.

use super::{none, secured};
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-RLS-006",
        title: "row security binds the role that the application runs as",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[7, 12],
        refs: &["CIS 4.7"],
        why: "A table's owner is not bound by its policies unless they are forced. Where the application logs in as the \
              owner, row security is there and does nothing at all.",
        inspects: "Tables with row security that is not forced, whose owner is no superuser. A finding where the owner \
                   itself may log in; low where it may not, but login roles that are neither superusers nor declared \
                   admins are, or can become, it.",
        remedy: "ALTER TABLE … FORCE ROW LEVEL SECURITY; or ALTER TABLE … OWNER TO a role that cannot log in, and GRANT \
                 what the application needs. Roles that run migrations: declare them as admins.",
        false_positives: "An owner that logs in for migrations only. Declare it as an admin, or waive the table.",
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
    let powers = &db.server.powers;
    let mut members: std::collections::HashMap<&str, Vec<&str>> = std::collections::HashMap::new();
    for table in secured(relations).filter(|t| !t.forced && !powers.is_super(&t.owner)) {
        let owner = &*table.owner;
        if db.policy.is_admin(owner) == Some(true) {
            continue;
        }
        let object = db.object(&table.locator());
        if db.server.role(owner).is_some_and(|r| r.login) {
            let message = format!("its owner {} may log in, and policies do not bind it", shown(owner));
            seen.add(Found::new(object, message));
            continue;
        }
        let members = members.entry(owner).or_insert_with(|| {
            let logins = db.server.logins().map(|r| r.name.as_str());
            let bound = |l: &&str| !powers.is_super(l) && db.policy.is_admin(l) != Some(true);
            logins.filter(bound).filter(|l| powers.can_become(l, owner)).collect()
        });
        if !members.is_empty() {
            let message = format!("policies do not bind {}, who can become its owner {}", few(members), shown(owner));
            seen.add(Found::new(object, message).at(Severity::Low));
        }
    }
    Ok(seen)
}
