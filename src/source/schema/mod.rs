//! What objects are: queries whose rows are `class, object, part, value`, and
//! whether the value is an expression (see [`super::deparsed`]).
//!
//! A part is what a finding can name: the default of a column, the body of a
//! function. No part depends on object numbers or on
//! names that the server makes up, which a restore may change. Left out is what
//! a drill does not restore: tablespaces, publications, subscriptions.
//!
//! | file | holds |
//! |---|---|
//! | [`relations`] | tables, views, their columns; sequences |
//! | [`attached`] | constraints, indexes, triggers and rules |
//! | [`routines`], [`types`] | functions and types |
//! | [`others`] | what is rarer |
//! | [`added`], [`rare`], [`labels`] | what version 2 reads beside; comments and security labels |
//! | [`publications`] | what is compared on physical copies only |
//! | [`coverage`] | which columns of which catalogs are compared |

pub(super) mod added;
mod attached;
pub mod coverage;
pub(super) mod labels;
pub(super) mod others;
pub(super) mod publications;
pub(super) mod rare;
mod relations;
mod routines;
mod types;

/// One kind of objects: what it is called in errors, and its query. The queries
/// see `rel`, `nsp`, `sys`, `typ` and `ext` of [`scope`].
pub(super) type Kind = (&'static str, String);

/// Which queries: those of [`super::inventory::VERSION`], or for a backup of an older
/// version those that it was read by.
pub(super) type Version = u32;

/// What users made: schemas, relations and types that are no extension's.
///
/// Version 1 left out what stands in an extension's schema, which pg_dump writes
/// (PostgreSQL source, `selectDumpableNamespace`), and what was put into a schema of
/// the system, which it does not: `sys` are those schemas. 16384 is the first number
/// of what users make (PostgreSQL source, `FirstNormalObjectId`).
pub(super) fn scope(version: Version) -> &'static str {
    if version == 1 { SCOPE_1 } else { SCOPE_2 }
}

const SCOPE_1: &str = "
    ext AS NOT MATERIALIZED (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
    nsp AS (SELECT n.oid, n.nspname, n.nspowner FROM pg_namespace n
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_namespace'::regclass AND objid = n.oid)),
    sys AS (SELECT 0::oid AS oid WHERE false),
    rel AS (SELECT c.* FROM pg_class c WHERE c.relnamespace IN (SELECT oid FROM nsp) AND c.relpersistence <> 't'
              AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_class'::regclass AND objid = c.oid)),
    typ AS (SELECT t.* FROM pg_type t WHERE t.typnamespace IN (SELECT oid FROM nsp) AND t.typtype IN ('b', 'd', 'e', 'r')
              AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
              AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_type'::regclass AND objid = t.oid))";

/// Materialized where the planner would ask for each row again.
const SCOPE_2: &str = "
    ext AS NOT MATERIALIZED (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
    nsp AS (SELECT n.oid, n.nspname, n.nspowner FROM pg_namespace n
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
    sys AS (SELECT n.oid FROM pg_namespace n
            WHERE n.nspname !~ '^pg_(toast_)?temp_' AND (n.nspname ~ '^pg_' OR n.nspname = 'information_schema')),
    rel AS (SELECT c.* FROM pg_class c
            WHERE (c.relnamespace IN (SELECT oid FROM nsp) OR c.oid >= 16384 AND c.relnamespace IN (SELECT oid FROM sys))
              AND c.relpersistence <> 't' AND c.relkind <> 't'
              AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_class'::regclass AND objid = c.oid)),
    typ AS (SELECT t.* FROM pg_type t
            WHERE (t.typnamespace IN (SELECT oid FROM nsp) OR t.oid >= 16384 AND t.typnamespace IN (SELECT oid FROM sys))
              AND (t.typtype IN ('b', 'd', 'e', 'r') OR t.typtype = 'p' AND NOT t.typisdefined)
              AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
              AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_type'::regclass AND objid = t.oid))";

/// The same for what belongs to extensions, with the queries of [`of_members`].
/// Indexes on an extension's table are told of with it, whoever made them.
pub(super) const MEMBERS_SCOPE: &str = "
    mem AS MATERIALIZED (SELECT classid, objid FROM pg_depend
            WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass),
    nsp AS (SELECT n.oid, n.nspname, n.nspowner FROM pg_namespace n
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
    sys AS (SELECT n.oid FROM pg_namespace n
            WHERE n.nspname !~ '^pg_(toast_)?temp_' AND (n.nspname ~ '^pg_' OR n.nspname = 'information_schema')),
    rel AS (SELECT c.* FROM pg_class c WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND c.relkind <> 't'
              AND (c.oid IN (SELECT objid FROM mem WHERE classid = 'pg_class'::regclass)
                OR c.oid IN (SELECT i.indexrelid FROM pg_index i JOIN mem ON mem.objid = i.indrelid
                             WHERE mem.classid = 'pg_class'::regclass))),
    typ AS (SELECT t.* FROM pg_type t WHERE t.oid >= 16384 AND t.typtype IN ('b', 'd', 'e', 'r')
              AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
              AND t.oid IN (SELECT objid FROM mem WHERE classid = 'pg_type'::regclass))";

/// What a query asks of an object that belongs to no extension.
const OF_NONE: &str = "NOT EXISTS (SELECT FROM ext ";

/// The query that asks the same of what belongs to extensions. Another use of `ext`
/// in it would be an error of the server: [`MEMBERS_SCOPE`] has none.
pub(super) fn of_members(sql: &str) -> String {
    sql.replace(OF_NONE, "EXISTS (SELECT FROM mem ")
}

/// `class, object, extension` of the extensions, of what belongs to them, and of what belongs to
/// the relations and domains among it.
pub(super) fn members() -> String {
    let mut parts = String::new();
    for (class, oid, relation, from) in [
        ("pg_constraint", "oid", "conrelid", "pg_constraint"),
        ("pg_trigger", "oid", "tgrelid", "pg_trigger"),
        ("pg_rewrite", "oid", "ev_class", "pg_rewrite"),
        ("pg_policy", "oid", "polrelid", "pg_policy"),
        ("pg_class", "indexrelid", "indrelid", "pg_index"),
    ] {
        parts += &format!(
            " UNION SELECT '{class}'::regclass::oid, p.{oid}, mem.extension FROM {from} p JOIN mem ON mem.objid = p.{relation} \
               AND mem.classid = 'pg_class'::regclass"
        );
    }
    format!(
        "WITH mem AS MATERIALIZED (SELECT d.classid, d.objid, e.extname::text AS extension FROM pg_depend d \
           JOIN pg_extension e ON e.oid = d.refobjid WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass) \
         SELECT 'pg_extension'::regclass::oid, oid, extname::text FROM pg_extension \
         UNION SELECT classid, objid, extension FROM mem {parts} \
         UNION SELECT 'pg_constraint'::regclass, p.oid, mem.extension FROM pg_constraint p JOIN mem ON mem.objid = p.contypid \
           AND mem.classid = 'pg_type'::regclass"
    )
}

/// A condition: the object of catalogue `class` with number `oid` is no extension's.
fn own(class: &str, oid: &str) -> String {
    format!("{OF_NONE}WHERE classid = '{class}'::regclass AND objid = {oid})")
}

/// A query over the parts of the rows of `from`: part, value, whether it is an expression.
fn parts(class: &str, oid: &str, parts: &[(&str, &str, bool)], from: &str) -> String {
    let values: Vec<String> =
        parts.iter().map(|(part, value, loose)| format!("({part}, ({value})::text, {loose})")).collect();
    format!(
        "SELECT '{class}'::regclass::oid, {oid}, p.part, p.value, p.loose FROM {from}, \
         LATERAL (VALUES {}) p(part, value, loose) WHERE p.value IS NOT NULL",
        values.join(", ")
    )
}

/// A condition: the row of `o` is in a schema of `nsp`, or was put into one of `sys`.
pub(super) fn within(schema: &str) -> String {
    format!("(o.{schema} IN (SELECT oid FROM nsp) OR o.oid >= 16384 AND o.{schema} IN (SELECT oid FROM sys))")
}

/// Schemas: an extension's belongs to it; one of the system's is told of where it was made anew.
fn schemas() -> String {
    let from = format!(
        "(SELECT n.oid FROM nsp n WHERE {} UNION ALL SELECT oid FROM sys WHERE oid >= 16384) n",
        own("pg_namespace", "n.oid")
    );
    parts("pg_namespace", "n.oid", &[("'kind'", "'schema'", false)], &from)
}

/// All kinds of a version, for a server of this major version.
pub(super) fn kinds(major: u32, version: Version) -> Vec<Kind> {
    let mut all = vec![
        ("the schemas", schemas()),
        ("the relations", relations::relations()),
        ("the columns", relations::columns(major)),
        ("the constraints", attached::constraints()),
        ("the indexes", attached::indexes()),
        ("the triggers", attached::triggers()),
        ("the routines", routines::routines(major)),
        ("the types", types::types()),
        ("the sequences", relations::sequences()),
    ];
    all.extend(others::others(version));
    if version > 1 {
        all.extend(added::kinds(major));
        all.push(("the comments and security labels", labels::labels()));
    }
    all
}
