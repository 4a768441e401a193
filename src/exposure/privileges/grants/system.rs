//! EXP-PRIV-005: what was granted on the system's own objects.

use crate::checks::Severity;
use crate::exposure::acl::{Acls, Privileges};
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-005",
        title: "objects of the system have the privileges they were born with, and no more",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[8, 14],
        refs: &["CIS 4.5", "SRG-APP-000141"],
        why: "PostgreSQL locks the functions that read the server's files and the tables that hold passwords. A grant on \
              one of them is a superuser's power without the name: pg_read_file reads pg_authid's file, lo_export \
              writes where the server can.",
        inspects: "Privileges on functions, tables, views and columns in pg_catalog beyond those that initdb or an \
                   extension gave (pg_init_privs), to roles that are no superusers. Medium for functions and tables \
                   that are not on the list of the dangerous.",
        remedy: "REVOKE EXECUTE ON FUNCTION … FROM …, REVOKE SELECT ON … FROM …. For monitoring grant pg_monitor, \
                 or wrap the one call that is needed into a function of your own.",
        false_positives: "Monitoring agents that were given single functions by their installer: waive those by name.",
        source: "PostgreSQL manual, \"pg_init_privs\", \"Generic File Access Functions\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// What is granted now beside what was at birth; a whole object, or one column.
const SQL: &str = "\
    SELECT 'pg_catalog.' || p.oid::regprocedure::text, 'function', p.proname::text, \
           pg_get_userbyid(p.proowner)::text, coalesce(p.proacl, acldefault('f', p.proowner))::text[], \
           coalesce(i.initprivs, acldefault('f', p.proowner))::text[] \
    FROM pg_proc p LEFT JOIN pg_init_privs i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid AND i.objsubid = 0 \
    WHERE p.pronamespace = 'pg_catalog'::regnamespace \
      AND coalesce(p.proacl, acldefault('f', p.proowner)) IS DISTINCT FROM coalesce(i.initprivs, acldefault('f', p.proowner)) \
    UNION ALL \
    SELECT format('%I.%I', 'pg_catalog', c.relname), CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, c.relname::text, \
           pg_get_userbyid(c.relowner)::text, coalesce(c.relacl, acldefault('r', c.relowner))::text[], \
           coalesce(i.initprivs, acldefault('r', c.relowner))::text[] \
    FROM pg_class c LEFT JOIN pg_init_privs i ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0 \
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f') \
      AND coalesce(c.relacl, acldefault('r', c.relowner)) IS DISTINCT FROM coalesce(i.initprivs, acldefault('r', c.relowner)) \
    UNION ALL \
    SELECT format('%I.%I.%I', 'pg_catalog', c.relname, a.attname), 'table column', c.relname::text, \
           pg_get_userbyid(c.relowner)::text, a.attacl::text[], \
           (coalesce(i.initprivs, '{}') || coalesce(c.relacl, acldefault('r', c.relowner)))::text[] \
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
    LEFT JOIN pg_init_privs i ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = a.attnum \
    WHERE a.attacl IS NOT NULL AND c.relnamespace = 'pg_catalog'::regnamespace AND a.attacl IS DISTINCT FROM i.initprivs";

/// How many there are to look at.
const COUNT: &str = "\
    SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace) \
         + (SELECT count(*) FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v', 'm', 'p', 'f'))";

/// What reads or writes files, changes how the server runs, or holds passwords and rows.
const DANGEROUS: [&str; 30] = [
    "lo_export",
    "lo_import",
    "pg_authid",
    "pg_create_restore_point",
    "pg_current_logfile",
    "pg_file_read",
    "pg_file_rename",
    "pg_file_settings",
    "pg_file_sync",
    "pg_file_unlink",
    "pg_file_write",
    "pg_hba_file_rules",
    "pg_largeobject",
    "pg_logdir_ls",
    "pg_ls_dir",
    "pg_promote",
    "pg_read_binary_file",
    "pg_read_file",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_shadow",
    "pg_show_all_file_settings",
    "pg_stat_file",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_subscription",
    "pg_switch_wal",
    "pg_user_mapping",
    "pg_wal_replay_pause",
    "pg_wal_replay_resume",
];

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let count: i64 = match db.rows("the system's objects", COUNT, &[]).await?.first() {
        Some(row) => row.get(0),
        None => 0,
    };
    let mut seen = Seen { present: count.unsigned_abs(), examined: count.unsigned_abs(), ..Seen::default() };
    let mut acls = Acls::default();
    let mut found = Vec::new();
    for row in db.rows("the system's privileges", SQL, &[]).await? {
        let (identity, kind, name): (Option<&str>, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let owner: &str = row.get(3);
        let (now, born) = (acls.read(row.get(4))?, acls.read(row.get(5))?);
        // Nobody but a superuser changes a catalogue's rows, whatever was granted.
        let counts = if kind == "function" { Privileges::EXECUTE } else { Privileges::SELECT };
        let mut grantees: Vec<Option<&str>> = now.grantees(counts).collect();
        grantees.sort_unstable();
        grantees.dedup();
        for grantee in grantees {
            let more = now.of(grantee).within(counts).without(born.of(grantee)).without(born.public());
            if more.is_empty() || grantee.is_some_and(|g| g == owner || db.server.powers.is_super(g)) {
                continue;
            }
            let who = grantee.map_or("PUBLIC".to_owned(), |g| format!("role {g}"));
            let object = db.object(&format!("{kind} {} for {who}", identity.unwrap_or(name)));
            let it = Found::new(object, format!("{more} was granted beyond what PostgreSQL itself gives"));
            found.push(if DANGEROUS.contains(&name) { it } else { it.at(Severity::Medium) });
        }
    }
    found.sort_by(|a, b| a.object.cmp(&b.object));
    seen.found = found;
    Ok(seen)
}
