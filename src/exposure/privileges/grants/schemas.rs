//! EXP-PRIV-002: schemas that everybody may create in.

use std::collections::BTreeSet;

use crate::checks::Severity;
use crate::exposure::acl::Privileges;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::sql_text::names;
use crate::exposure::words::ident;
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::text::quote_ident;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-002",
        title: "PUBLIC may create objects in no schema",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[8, 14],
        refs: &["CIS 4.10", "SRG-APP-000378", "CVE-2018-1058"],
        why: "Who can create in a schema that others search can plant a function or an operator that fits their calls \
              better than the real one, and it runs with their rights: a superuser's, if one looks in. \
              Clusters that were upgraded from before 15 still have public open.",
        inspects: "CREATE for PUBLIC on every schema. High where the schema is public, the system's, or named by a \
                   search_path of a role, database or function or by a role's name (\"$user\"); else medium.",
        remedy: "REVOKE CREATE ON SCHEMA public FROM PUBLIC; and GRANT CREATE to the role that deploys. \
                 Then look for what was planted: objects in the schema whose owner is not that role.",
        false_positives: "Sandboxes for analysts: give them a schema each and revoke this one.",
        source: "PostgreSQL manual, \"Schemas: Usage Patterns\"; CVE-2018-1058",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// Everything that sets a search path: roles, databases, functions.
const PATHS: &str = "\
    SELECT DISTINCT substr(c, 13) FROM (\
        SELECT unnest(setconfig) AS c FROM pg_db_role_setting s \
        WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) \
        UNION ALL SELECT unnest(proconfig) FROM pg_proc WHERE proconfig IS NOT NULL) x \
    WHERE c LIKE 'search\\_path=%'";

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let place = db.place().await?;
    let mut searched: BTreeSet<String> = db.server.roles.iter().map(|r| r.name.clone()).collect();
    searched.extend(["public", "pg_catalog", "information_schema"].map(str::to_owned));
    for row in db.rows("the search paths", PATHS, &[]).await? {
        searched.extend(names(row.get(0)));
    }
    let mut seen = Seen::all_of(place.schemas.len());
    let open = place.schemas.values().filter(|s| s.acl.public().has(Privileges::CREATE));
    let mut open: Vec<&str> = open.map(|s| s.name.as_str()).collect();
    open.sort_unstable();
    for name in open {
        let object = db.object(&format!("schema {}", ident(name)));
        let mend = format!("REVOKE CREATE ON SCHEMA {} FROM PUBLIC;", quote_ident(name));
        seen.add(if searched.contains(name) {
            Found::new(object, "every role can plant objects in it, and it is searched").mend(mend)
        } else {
            Found::new(object, "every role can create objects in it").at(Severity::Medium).mend(mend)
        });
    }
    Ok(seen)
}
