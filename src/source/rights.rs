//! Whose objects are and who may use them: owners, privileges, default
//! privileges, row security, and whether constraints and collations hold.

use super::schema::others::DEFINED;
use super::schema::{self, Version, scope};

/// Classes of objects with owners: catalogue, owner's column, whether it is
/// limited to users' schemas by a column.
const OWNED: [(&str, &str, Option<&str>); 12] = [
    ("pg_proc", "proowner", Some("pronamespace")),
    ("pg_operator", "oprowner", Some("oprnamespace")),
    ("pg_opclass", "opcowner", Some("opcnamespace")),
    ("pg_opfamily", "opfowner", Some("opfnamespace")),
    ("pg_collation", "collowner", Some("collnamespace")),
    ("pg_conversion", "conowner", Some("connamespace")),
    ("pg_ts_dict", "dictowner", Some("dictnamespace")),
    ("pg_ts_config", "cfgowner", Some("cfgnamespace")),
    ("pg_statistic_ext", "stxowner", Some("stxnamespace")),
    ("pg_event_trigger", "evtowner", None),
    ("pg_foreign_data_wrapper", "fdwowner", None),
    ("pg_foreign_server", "srvowner", None),
];

/// `class, object, owner` of everything that has an owner, and is no extension's:
/// extensions belong to whoever creates them, and so do their objects.
pub(super) fn owners(version: Version, scope: &str) -> String {
    let mut sql = format!(
        "WITH {scope} \
         SELECT 'pg_namespace'::regclass::oid, n.oid, pg_get_userbyid(n.nspowner)::text FROM nsp n \
           WHERE NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_namespace'::regclass AND objid = n.oid) \
         UNION ALL SELECT 'pg_class'::regclass, r.oid, pg_get_userbyid(r.relowner)::text FROM rel r \
           WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') \
         UNION ALL SELECT 'pg_type'::regclass, t.oid, pg_get_userbyid(t.typowner)::text FROM typ t \
         UNION ALL SELECT 'pg_language'::regclass, l.oid, pg_get_userbyid(l.lanowner)::text FROM pg_language l \
           WHERE l.oid >= 16384 AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_language'::regclass AND objid = l.oid) \
         UNION ALL SELECT 'pg_database'::regclass, d.oid, pg_get_userbyid(d.datdba)::text FROM pg_database d \
           WHERE d.datname = current_database()"
    );
    for (class, owner, schema) in OWNED {
        let within = match schema {
            Some("collnamespace") => "o.collnamespace IN (SELECT oid FROM nsp)".to_owned(),
            Some("oprnamespace") if version > 1 => format!("{} AND {DEFINED}", schema::within("oprnamespace")),
            Some(column) => schema::within(column),
            None => "o.oid >= 16384".to_owned(),
        };
        sql.push_str(&format!(
            " UNION ALL SELECT '{class}'::regclass, o.oid, pg_get_userbyid(o.{owner})::text FROM {class} o \
             WHERE {within} AND NOT EXISTS (SELECT FROM ext WHERE classid = '{class}'::regclass AND objid = o.oid)"
        ));
    }
    sql
}

/// The set of privileges of an access control list, without who granted them:
/// that may be another role with the same right after a restore. The owner is
/// called so; who that is, is a fact of its own.
fn granted(acl: &str) -> String {
    format!(
        "ARRAY(SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' WHEN o.owner THEN 'OWNER' \
                 ELSE quote_ident(pg_get_userbyid(a.grantee)) END || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END \
               FROM aclexplode({acl}) a WHERE NOT (o.of_extension AND a.grantee = o.owner) ORDER BY 1)"
    )
}

/// `class, object, column, privileges` of everything whose privileges are not
/// those it was born with: the default of its owner, or what `initdb` or its
/// extension gave (`pg_init_privs`). The system's own objects are among them, but for
/// the information schema, whose privileges pg_dump does not write.
pub(super) fn grants(major: u32, version: Version) -> String {
    let parameters = if major >= 15 {
        "UNION ALL SELECT 'pg_parameter_acl'::regclass, p.oid, 0, p.paracl, acldefault('p', 10), 10::oid FROM pg_parameter_acl p"
    } else {
        ""
    };
    // What pg_dump never writes: of languages that are built in, of types that come with
    // another one. A column of the system (`ctid`) is one, too.
    let (languages, types, columns) = match version {
        1 => ("true", "true", "o.objsubid > 0"),
        _ => (
            "lanispl",
            "(typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND c.relkind = 'c')) AND typtype <> 'm' \
             AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)",
            "o.objsubid <> 0",
        ),
    };
    let now = granted("o.acl");
    let born = granted("COALESCE(i.initprivs, o.born)");
    format!(
        "WITH seen AS (SELECT oid, nspacl, nspowner FROM pg_namespace \
           WHERE nspname <> 'information_schema' AND nspname !~ '^pg_(toast|temp)'), \
         rel AS (SELECT * FROM pg_class WHERE relnamespace IN (SELECT oid FROM seen) AND relpersistence <> 't'), \
         objects (classid, objid, objsubid, acl, born, owner) AS ( \
           SELECT 'pg_class'::regclass::oid, c.oid, 0, c.relacl, \
                  acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner), c.relowner \
           FROM rel c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
           UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl, acldefault('c', c.relowner), c.relowner \
             FROM pg_attribute a JOIN rel c ON c.oid = a.attrelid WHERE NOT a.attisdropped \
           UNION ALL SELECT 'pg_proc'::regclass, oid, 0, proacl, acldefault('f', proowner), proowner FROM pg_proc \
             WHERE pronamespace IN (SELECT oid FROM seen) \
           UNION ALL SELECT 'pg_type'::regclass, oid, 0, typacl, acldefault('T', typowner), typowner FROM pg_type t \
             WHERE typnamespace IN (SELECT oid FROM seen) AND typacl IS NOT NULL AND {types} \
           UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, nspacl, acldefault('n', nspowner), nspowner FROM seen \
           UNION ALL SELECT 'pg_language'::regclass, oid, 0, lanacl, acldefault('l', lanowner), lanowner FROM pg_language \
             WHERE {languages} \
           UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwacl, acldefault('F', fdwowner), fdwowner \
             FROM pg_foreign_data_wrapper \
           UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, srvacl, acldefault('S', srvowner), srvowner FROM pg_foreign_server \
           UNION ALL SELECT 'pg_database'::regclass, oid, 0, datacl, acldefault('d', datdba), datdba FROM pg_database \
             WHERE datname = current_database() {parameters}), \
         o AS (SELECT objects.*, EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e' AND d.classid = objects.classid \
                 AND d.objid = objects.objid) AS of_extension FROM objects WHERE acl IS NOT NULL) \
         SELECT s.classid, s.objid, s.attname, s.now FROM ( \
           SELECT o.classid, o.objid, {now} AS now, {born} AS born, \
             (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE {columns} AND a.attrelid = o.objid \
                AND a.attnum = o.objsubid) AS attname \
           FROM o LEFT JOIN pg_init_privs i ON i.classoid = o.classid AND i.objoid = o.objid AND i.objsubid = o.objsubid) s \
         WHERE s.now <> s.born"
    )
}

/// `class, object, NULL, privileges` of default privileges.
pub(super) const DEFAULT_GRANTS: &str = "SELECT 'pg_default_acl'::regclass::oid, d.oid, NULL::text, \
     ARRAY(SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END || ' ' || \
           a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END \
           FROM aclexplode(d.defaclacl) a ORDER BY 1) FROM pg_default_acl d";

/// `class, object, part, value, whether it is an expression` of policies, and
/// of tables with row security.
pub(super) fn row_security(scope: &str) -> String {
    format!(
        "WITH {scope} \
         SELECT 'pg_class'::regclass::oid, r.oid, s.part, s.value, false FROM rel r, LATERAL (VALUES \
             ('enabled', CASE WHEN r.relrowsecurity THEN 'yes' END), ('forced', CASE WHEN r.relforcerowsecurity THEN 'yes' END)) \
             s(part, value) WHERE s.value IS NOT NULL \
         UNION ALL SELECT 'pg_policy'::regclass, o.oid, p.part, p.value, p.loose FROM pg_policy o, LATERAL (VALUES \
             ('command', o.polcmd::text, false), ('permissive', o.polpermissive::text, false), \
             ('roles', (SELECT string_agg(CASE u WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(u)) END, ',' \
                 ORDER BY pg_get_userbyid(u)) FROM unnest(o.polroles) u), false), \
             ('using', pg_get_expr(o.polqual, o.polrelid), true), \
             ('with check', pg_get_expr(o.polwithcheck, o.polrelid), true)) p(part, value, loose) \
           WHERE o.polrelid IN (SELECT oid FROM rel) AND p.value IS NOT NULL"
    )
}

/// `class, object, whether it is validated` of constraints that can be not so.
pub(super) fn constraints(major: u32, version: Version) -> String {
    let scope = scope(version);
    // Not-null constraints can be so since 18.
    let types = if version > 1 && major >= 18 { "'c', 'f', 'n'" } else { "'c', 'f'" };
    format!(
        "WITH {scope} SELECT 'pg_constraint'::regclass::oid, k.oid, k.convalidated FROM pg_constraint k \
         WHERE k.contype IN ({types}) AND NOT (k.contype = 'f' AND k.conparentid <> 0) \
           AND (k.conrelid IN (SELECT oid FROM rel) OR k.contypid IN (SELECT oid FROM typ))"
    )
}

/// `name, recorded version, version here` of the database's default collation,
/// the users' own and those that their columns use. The name is told by the
/// server; versions are of the C library or ICU.
pub(super) fn collations(major: u32, version: Version) -> String {
    let scope = scope(version);
    let database = if major >= 15 {
        "SELECT 'the default of the database', d.datcollversion, pg_database_collation_actual_version(d.oid) \
         FROM pg_database d WHERE d.datname = current_database() UNION ALL "
    } else {
        ""
    };
    format!(
        "WITH {scope} SELECT * FROM ({database} \
         SELECT c.oid::regcollation::text, c.collversion, pg_collation_actual_version(c.oid) FROM pg_collation c \
         WHERE c.collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database())) \
           AND c.collprovider <> 'd' AND (c.collnamespace IN (SELECT oid FROM nsp) \
             OR c.oid IN (SELECT a.attcollation FROM pg_attribute a JOIN rel r ON r.oid = a.attrelid))) v(name, recorded, actual) \
         WHERE recorded IS NOT NULL OR actual IS NOT NULL"
    )
}
