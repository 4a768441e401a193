//! What objects are: queries whose rows are `class, object, part, value`, and
//! whether the value is an expression (see [`super::deparsed`]).
//!
//! A part is what a finding can name: the default of a column, the body of a
//! function. No part depends on object numbers, on the order of columns or on
//! names that the server makes up, which a restore may change. Left out is what
//! a drill does not restore: tablespaces, publications, subscriptions.
//!
//! | file | holds |
//! |---|---|
//! | [`relations`] | tables, views, their columns; sequences |
//! | [`attached`] | constraints, indexes, triggers and rules |
//! | [`routines`], [`types`] | functions and types |
//! | [`others`] | what is rarer |

mod attached;
mod others;
mod relations;
mod routines;
mod types;

/// One kind of objects: what it is called in errors, and its query. The queries
/// see `rel`, `nsp`, `typ` and `ext` of [`SCOPE`].
pub(super) type Kind = (&'static str, String);

/// What users made: schemas, relations and types that are no extension's, and
/// do not stand in an extension's schema.
pub(super) const SCOPE: &str = "
    ext AS NOT MATERIALIZED (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
    nsp AS (SELECT n.oid, n.nspname, n.nspowner FROM pg_namespace n
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_namespace'::regclass AND objid = n.oid)),
    rel AS (SELECT c.* FROM pg_class c WHERE c.relnamespace IN (SELECT oid FROM nsp) AND c.relpersistence <> 't'
              AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_class'::regclass AND objid = c.oid)),
    typ AS (SELECT t.* FROM pg_type t WHERE t.typnamespace IN (SELECT oid FROM nsp) AND t.typtype IN ('b', 'd', 'e', 'r')
              AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
              AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_type'::regclass AND objid = t.oid))";

/// A condition: the object of catalogue `class` with number `oid` is no extension's.
fn own(class: &str, oid: &str) -> String {
    format!("NOT EXISTS (SELECT FROM ext WHERE classid = '{class}'::regclass AND objid = {oid})")
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

/// All kinds, for a server of this major version.
pub(super) fn kinds(major: u32) -> Vec<Kind> {
    let mut all = vec![
        ("the schemas", parts("pg_namespace", "n.oid", &[("'kind'", "'schema'", false)], "nsp n")),
        ("the relations", relations::relations()),
        ("the columns", relations::columns(major)),
        ("the constraints", attached::constraints()),
        ("the indexes", attached::indexes()),
        ("the triggers", attached::triggers()),
        ("the routines", routines::routines(major)),
        ("the types", types::types()),
        ("the sequences", relations::sequences()),
    ];
    all.extend(others::others());
    all
}
