//! EXP-PRIV-003: what is granted on objects that are yet to come.

use crate::checks::Severity;
use crate::exposure::acl::{Acls, Privileges};
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-003",
        title: "default privileges open no future object to PUBLIC, and none wholly to another role",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[8],
        refs: &["SRG-APP-000033"],
        why: "Default privileges act at the moment a table is made: the next migration's table of salaries is readable by \
              all before anybody has looked at it, and revoking on today's tables changes nothing.",
        inspects: "Entries of ALTER DEFAULT PRIVILEGES that give PUBLIC anything, but for what PostgreSQL itself gives \
                   (EXECUTE on functions, USAGE on types); and those that give another role everything on tables, \
                   TRUNCATE, REFERENCES and TRIGGER included.",
        remedy: "ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA s REVOKE ALL ON TABLES FROM PUBLIC; and grant \
                 SELECT, INSERT, UPDATE, DELETE by name to the roles that run.",
        false_positives: "A role that takes ownership of what is made later, as some migration tools do.",
        source: "PostgreSQL manual, \"ALTER DEFAULT PRIVILEGES\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

const SQL: &str = "\
    SELECT (pg_identify_object('pg_default_acl'::regclass, d.oid, 0)).identity, pg_get_userbyid(d.defaclrole)::text, \
           d.defaclobjtype::text, d.defaclnamespace <> 0, d.defaclacl::text[] \
    FROM pg_default_acl d ORDER BY 1";

/// What `ALL` has on tables that a role needs only as their owner.
const OWNERS: Privileges = Privileges::TRUNCATE.and(Privileges::REFERENCES).and(Privileges::TRIGGER);

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let rows = db.rows("the default privileges", SQL, &[]).await?;
    if rows.is_empty() {
        return Ok(Seen::not_applicable(format!(
            "database {} has no default privileges but PostgreSQL's own",
            db.name
        )));
    }
    let mut acls = Acls::default();
    let mut seen = Seen::all_of(rows.len());
    for row in rows {
        let (identity, owner): (Option<&str>, &str) = (row.get(0), row.get(1));
        let (kind, in_schema): (&str, bool) = (row.get(2), row.get(3));
        let acl = acls.read(row.get(4))?;
        let object = db.object(&format!("default privileges {}", identity.unwrap_or(owner)));
        // An entry for all schemas repeats what PostgreSQL gives by itself.
        let born = match kind {
            "f" if !in_schema => Privileges::EXECUTE,
            "T" if !in_schema => Privileges::USAGE,
            _ => Privileges::NONE,
        };
        let public = acl.public().without(born);
        let mut messages = Vec::new();
        if !public.is_empty() {
            messages.push(format!("every such object to come gives {public} to PUBLIC"));
        }
        for item in &acl.items {
            let Some(grantee) = item.grantee.as_deref().filter(|g| *g != owner && kind == "r") else { continue };
            if acl.of(Some(grantee)).has(OWNERS.and(Privileges::SELECT).and(Privileges::WRITE))
                && !db.server.powers.is_super(grantee)
            {
                messages.push(format!("every such table to come gives ALL to {}", crate::types::shown(grantee)));
            }
        }
        if !messages.is_empty() {
            seen.add(Found::new(object, messages.join("; ")));
        }
    }
    Ok(seen)
}
