//! Kinds that few databases have.

use super::{Kind, own, parts, within};

/// Of version 2, as all of [`super::added`].
pub(super) fn kinds() -> Vec<Kind> {
    let all = |class: &str, condition: &str| {
        format!("(SELECT * FROM {class} o WHERE {condition} AND {}) o", own(class, "o.oid"))
    };
    let in_database = |class: &str| all(class, "o.oid >= 16384");
    let in_schemas = |class: &str, column: &str| all(class, &within(column));
    vec![
        (
            "the access methods",
            parts(
                "pg_am",
                "o.oid",
                &[("'definition'", "concat_ws(' ', o.amhandler::oid::regprocedure, o.amtype)", false)],
                &in_database("pg_am"),
            ),
        ),
        (
            "the transforms",
            parts(
                "pg_transform",
                "o.oid",
                &[(
                    "'definition'",
                    "jsonb_build_array(NULLIF(o.trffromsql::oid, 0)::regprocedure, NULLIF(o.trftosql::oid, 0)::regprocedure)",
                    false,
                )],
                &in_database("pg_transform"),
            ),
        ),
        (
            "the text search parsers",
            parts(
                "pg_ts_parser",
                "o.oid",
                &[(
                    "'definition'",
                    "jsonb_build_array(o.prsstart, o.prstoken, o.prsend, o.prsheadline, o.prslextype)",
                    false,
                )],
                &in_schemas("pg_ts_parser", "prsnamespace"),
            ),
        ),
        (
            "the text search templates",
            parts(
                "pg_ts_template",
                "o.oid",
                &[("'definition'", "jsonb_build_array(o.tmplinit, o.tmpllexize)", false)],
                &in_schemas("pg_ts_template", "tmplnamespace"),
            ),
        ),
        (
            "the text search configurations' parsers",
            parts(
                "pg_ts_config",
                "o.oid",
                &[("'parser'", &named("pg_ts_parser", "prs", "o.cfgparser"), false)],
                &in_schemas("pg_ts_config", "cfgnamespace"),
            ),
        ),
        (
            "the text search dictionaries' templates",
            parts(
                "pg_ts_dict",
                "o.oid",
                &[("'template'", &named("pg_ts_template", "tmpl", "o.dicttemplate"), false)],
                &in_schemas("pg_ts_dict", "dictnamespace"),
            ),
        ),
        (
            "the languages' functions",
            parts(
                "pg_language",
                "o.oid",
                &[(
                    "'functions'",
                    "jsonb_build_array(o.lanispl, NULLIF(o.laninline, 0)::regprocedure, NULLIF(o.lanvalidator, 0)::regprocedure)",
                    false,
                )],
                &in_database("pg_language"),
            ),
        ),
        (
            "the foreign-data wrappers' connections",
            parts(
                "pg_foreign_data_wrapper",
                "o.oid",
                // 19 and newer.
                &[("'connection'", "NULLIF((to_jsonb(o) ->> 'fdwconnection')::oid, 0)::regprocedure", false)],
                &in_database("pg_foreign_data_wrapper"),
            ),
        ),
        (
            "the statistics targets",
            parts(
                "pg_statistic_ext",
                "o.oid",
                &[("'target'", "NULLIF(o.stxstattarget::int, -1)", false)],
                &in_schemas("pg_statistic_ext", "stxnamespace"),
            ),
        ),
        ("the options of user mappings", user_mappings()),
    ]
}

/// The part that only those may read who may use the mapping; a superuser may read all.
pub const MAPPING_OPTIONS: &str = "options";

/// The view gives NULL for no options, and for options that the role may not read:
/// `none` only where it would show them (PostgreSQL source, `system_views.sql`).
fn user_mappings() -> String {
    parts(
        "pg_user_mapping",
        "o.umid",
        &[(
            &format!("'{MAPPING_OPTIONS}'"),
            "CASE WHEN o.umoptions IS NOT NULL THEN (SELECT string_agg(x, ',' ORDER BY x) FROM unnest(o.umoptions) x) \
                  WHEN current_setting('is_superuser') = 'on' \
                    OR (SELECT CASE WHEN o.umuser = 0 THEN pg_has_role(s.srvowner, 'USAGE') \
                               ELSE o.usename = current_user AND (pg_has_role(s.srvowner, 'USAGE') \
                                    OR has_server_privilege(s.oid, 'USAGE')) END \
                        FROM pg_foreign_server s WHERE s.oid = o.srvid) THEN 'none' END",
            false,
        )],
        "pg_user_mappings o",
    )
}

/// The qualified name of the row with number `oid` of a catalog whose columns begin with `prefix`.
fn named(class: &str, prefix: &str, oid: &str) -> String {
    format!(
        "(SELECT concat_ws('.', quote_ident(n.nspname), quote_ident(x.{prefix}name)) FROM {class} x \
          JOIN pg_namespace n ON n.oid = x.{prefix}namespace WHERE x.oid = {oid})"
    )
}
