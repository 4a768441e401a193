//! EXP-ROLE-008: who owns the tables.

use crate::exposure::database::USER_SCHEMA;
use crate::exposure::{About, Blind, Check, Database, Found, Look, Looking, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-008",
        title: "tables belong to roles that nobody works as",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[7],
        refs: &["SRG-APP-000133"],
        why: "An owner can drop its tables, switch off their row security and triggers, and grant them to anybody; \
              policies do not even bind it unless they are forced. If the application logs in as the owner, one SQL \
              injection has all of that. If a superuser owns them, migrations and jobs run as superuser.",
        inspects: "Owners of tables, partitioned and foreign tables and materialized views outside of extensions: roles \
                   with LOGIN, and superusers. Roles declared in expect.admins may own, unless they are superusers.",
        remedy: "CREATE ROLE shop_owner NOLOGIN; REASSIGN OWNED BY app TO shop_owner; GRANT SELECT, INSERT, UPDATE, DELETE \
                 ON ALL TABLES IN SCHEMA … TO app; migrations SET ROLE shop_owner.",
        false_positives: "A small application with one role for everything: waive until it grows.",
        source: "PostgreSQL manual, \"Privileges\" and \"Row Security Policies\"",
    },
    look: Look::Database(|d| -> Looking<'_> { Box::pin(look(d)) }),
};

async fn look(database: &Database<'_>) -> Result<Seen, Blind> {
    let sql = format!(
        "SELECT r.rolname::text, r.rolsuper, r.rolcanlogin, count(*) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner \
         WHERE c.relkind IN ('r', 'p', 'f', 'm') AND c.relpersistence <> 't' AND {USER_SCHEMA} \
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
                             AND d.deptype = 'e') \
         GROUP BY r.rolname, r.rolsuper, r.rolcanlogin ORDER BY r.rolname"
    );
    let rows = database.rows("the owners of tables", &sql, &[]).await?;
    let counted: u64 = rows.iter().map(|r| r.get::<_, i64>(3).unsigned_abs()).sum();
    if counted == 0 {
        return Ok(Seen::not_applicable("there are no tables"));
    }
    let mut seen = Seen { present: counted, examined: counted, ..Seen::default() };
    for row in &rows {
        let (name, superuser, login): (&str, bool, bool) = (row.get(0), row.get(1), row.get(2));
        let count: i64 = row.get(3);
        let tables = if count == 1 { "1 table" } else { &format!("{count} tables") };
        let message = if superuser {
            format!("superuser {name} owns {tables}")
        } else if login && database.policy.is_admin(name) != Some(true) {
            format!("{name} can log in and owns {tables}: it can drop them and is not bound by their row policies")
        } else {
            continue;
        };
        seen.add(Found::new(database.object(&format!("role {name}")), message));
    }
    Ok(seen)
}
