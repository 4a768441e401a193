//! EXP-PRIV-009: tables that most login roles can read.

use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::{About, Database, Found, Plane, Seen, reach};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-009",
        title: "no table is read or written by most login roles",
        severity: Severity::Info,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[8, 13],
        refs: &["SRG-APP-000033"],
        why: "Grants add up over years and roles. A table that nearly every login reaches is as safe as the weakest of \
              their passwords; nobody decided that, and no single grant shows it.",
        inspects: "For each table, view, materialized view and foreign table: the login roles that can read and those that \
                   can write it, by own grants, memberships, PUBLIC, ownership and pg_read_all_data, with USAGE on the \
                   schema and CONNECT. A finding where that is more than half of all that are no superusers, and at \
                   least three. The whole list is in the report's picture of reach.",
        remedy: "Ask of each role on the list whether it needs the table; revoke the others' grants or memberships, \
                 the widest first.",
        false_positives: "A cluster with few logins that all belong to one application. It is information, no failure.",
        source: "PostgreSQL manual, \"Privileges\", \"Role Membership\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let rows = reach::read(db).await?;
    let mut seen = Seen::all_of(rows.len());
    match rows.first() {
        None => return Ok(Seen::not_applicable(format!("database {} has no tables", db.name))),
        Some(row) if row.logins == 0 => {
            return Ok(Seen::not_applicable("no role but superusers can log in"));
        }
        Some(_) => (),
    }
    for row in rows {
        let most = row.readers.max(row.writers);
        if most >= 3 && most * 2 > row.logins {
            let public = if row.public { ", by a grant to PUBLIC among others" } else { "" };
            let message = format!(
                "{} of {} login roles can read it, {} can write it{public}",
                row.readers, row.logins, row.writers
            );
            seen.add(Found::new(row.object, message));
        }
    }
    Ok(seen)
}
