//! EXP-EXT-001: extensions that reach out, and who may use them.

use std::collections::BTreeMap;

use crate::checks::Severity;
use crate::exposure::acl::{Acls, Privileges};
use crate::exposure::code::functions::languages::declared;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::{count, few};
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-EXT-001",
        title: "extensions that reach out of the database are used by superusers only",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[14],
        refs: &["SRG-APP-000141"],
        why: "Some extensions connect to other servers, read files or run programs. Their functions belong to everybody \
              unless somebody took that away: injected SQL then scans the inner network with dblink, or sends rows \
              away with http.",
        inspects: "Of a list of such extensions (dblink, http, pg_net, pg_cron, file_fdw, adminpack, pg_surgery, xml2, \
                   untrusted languages, …) those installed: functions, or functions written in their language, that \
                   a role may execute that is no superuser; foreign tables of file_fdw that such a role may read. \
                   Low for xml2, which only is old. Extensions that [expect] extensions names are left out.",
        remedy: "DROP EXTENSION …; or REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA … FROM PUBLIC and GRANT them to the one \
                 role that needs them.",
        false_positives: "One that you use on purpose: declare it in [expect] extensions.",
        source: "PostgreSQL manual, \"Additional Supplied Modules\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// What they can do.
const POWERS: [(&str, &str); 19] = [
    ("adminpack", "writes files of the server"),
    ("aws_lambda", "calls functions outside"),
    ("aws_s3", "copies rows to and from buckets"),
    ("dblink", "connects to other servers"),
    ("file_fdw", "reads files and runs programs of the server"),
    ("http", "sends requests to other servers"),
    ("pg_cron", "runs statements later, without a session"),
    ("pg_net", "sends requests to other servers"),
    ("pg_surgery", "destroys rows"),
    ("pldbgapi", "stops and changes other sessions' functions"),
    ("plperlu", "runs any program"),
    ("plpython2u", "runs any program"),
    ("plpython3u", "runs any program"),
    ("plpythonu", "runs any program"),
    ("plr", "runs any program"),
    ("plrustu", "runs any program"),
    ("plsh", "runs any program"),
    ("pltclu", "runs any program"),
    ("xml2", "is deprecated, and parses what callers send"),
];

/// Their functions, those in their languages, and foreign tables of their wrappers:
/// owner, schema, privileges, and whether it is a table.
const SQL: &str = "\
    WITH mine AS (SELECT e.oid, e.extname::text AS name FROM pg_extension e WHERE e.extname = ANY ($1)), \
    members AS (SELECT m.name, d.classid, d.objid FROM mine m \
                JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = m.oid AND d.deptype = 'e') \
    SELECT m.name, NULL::text, 0::oid, NULL::text[], false FROM mine m \
    UNION ALL SELECT m.name, pg_get_userbyid(p.proowner)::text, p.pronamespace, coalesce(p.proacl, acldefault('f', p.proowner))::text[], false \
    FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid \
    WHERE p.proname !~ '_(handler|validator)$' AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[] || p.prorettype) t \
          WHERE t IN ('internal'::regtype, 'language_handler'::regtype, 'fdw_handler'::regtype)) \
    UNION ALL SELECT m.name, pg_get_userbyid(p.proowner)::text, p.pronamespace, coalesce(p.proacl, acldefault('f', p.proowner))::text[], false \
    FROM members m JOIN pg_proc p ON m.classid = 'pg_language'::regclass AND p.prolang = m.objid \
    UNION ALL SELECT m.name, pg_get_userbyid(c.relowner)::text, c.relnamespace, coalesce(c.relacl, acldefault('r', c.relowner))::text[], true \
    FROM members m JOIN pg_foreign_server s ON m.classid = 'pg_foreign_data_wrapper'::regclass AND s.srvfdw = m.objid \
    JOIN pg_foreign_table f ON f.ftserver = s.oid JOIN pg_class c ON c.oid = f.ftrelid";

/// What may be used of one extension, and by whom.
#[derive(Default)]
struct Open {
    functions: usize,
    tables: usize,
    roles: std::collections::BTreeSet<String>,
}

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let names: Vec<&str> = POWERS.iter().map(|p| p.0).collect();
    let rows = db.rows("the extensions", SQL, &[&names]).await?;
    let place = db.place().await?;
    let mut acls = Acls::default();
    let mut all: BTreeMap<String, Open> = BTreeMap::new();
    for row in &rows {
        let open = all.entry(row.get(0)).or_default();
        let (Some(owner), schema): (Option<&str>, u32) = (row.get(1), row.get(2)) else { continue };
        let acl = acls.read(row.get::<_, Option<Vec<String>>>(3).unwrap_or_default())?;
        let table: bool = row.get(4);
        let wanted = if table { Privileges::SELECT } else { Privileges::EXECUTE };
        // The owner of a foreign table of file_fdw was a superuser when it was made.
        let mut who = place.strangers(db.server, &acl, owner, wanted, owner);
        if !place.is_open(schema) {
            who.retain(|r| r != "PUBLIC");
        }
        if !who.is_empty() {
            if table {
                open.tables += 1;
            } else {
                open.functions += 1;
            }
            open.roles.extend(who);
        }
    }
    if all.is_empty() {
        // That none of them is there was looked at.
        return Ok(Seen { note: Some("none of the extensions on the list is installed".into()), ..Seen::all_of(1) });
    }
    let mut seen = Seen::all_of(all.len());
    for (name, open) in all {
        if open.roles.is_empty() || declared(db, &name) {
            continue;
        }
        let does = POWERS.iter().find(|p| p.0 == name).map_or("", |p| p.1);
        let roles: Vec<String> = open.roles.into_iter().collect();
        let mut what = Vec::new();
        what.extend((open.functions > 0).then(|| format!("execute {} of it", count(open.functions, "function"))));
        what.extend((open.tables > 0).then(|| format!("read {} of it", count(open.tables, "foreign table"))));
        let message = format!("it {does}; {} may {}", few(&roles), what.join(" and "));
        let found = Found::new(db.object(&format!("extension {name}")), message);
        seen.add(if name == "xml2" { found.at(Severity::Low) } else { found });
    }
    Ok(seen)
}
