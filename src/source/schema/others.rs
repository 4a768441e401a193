//! What is rarer.

use super::{Kind, Version, own, parts, within};

/// An operator that is no shell.
pub(in crate::source) const DEFINED: &str = "o.oprcode::oid <> 0";

/// What is rarer. 16384 is the first number of what users make
/// (PostgreSQL source, `FirstNormalObjectId`).
pub(super) fn others(version: Version) -> Vec<Kind> {
    let in_schemas = |class: &str, column: &str| {
        format!("(SELECT * FROM {class} o WHERE {} AND {}) o", within(column), own(class, "o.oid"))
    };
    let in_database =
        |class: &str| format!("(SELECT * FROM {class} o WHERE o.oid >= 16384 AND {}) o", own(class, "o.oid"));
    let one = |what, class: &str, value: &str, from: String| {
        (what, parts(class, "o.oid", &[("'definition'", value, false)], &from))
    };
    // A shell is what an operator's commutator or negator is until somebody defines it; pg_dump
    // leaves it out, and a restore makes it again as somebody else's.
    let operators = format!(
        "(SELECT * FROM pg_operator o WHERE {} AND {} AND {}) o",
        within("oprnamespace"),
        own("pg_operator", "o.oid"),
        if version == 1 { "true" } else { DEFINED }
    );
    vec![
        (
            "the extended statistics",
            parts(
                "pg_statistic_ext",
                "o.oid",
                &[("'definition'", "pg_get_statisticsobjdef(o.oid)", true)],
                &in_schemas("pg_statistic_ext", "stxnamespace"),
            ),
        ),
        one(
            "the collations",
            "pg_collation",
            // Whatever columns this version has.
            // Nobody can state the encoding: a copy of "C" is for all, and its dump for the database's.
            "to_jsonb(o) - '{oid,collname,collnamespace,collowner,collversion,collencoding}'::text[]",
            // Those of the host are imported into the system's schema, here as there.
            format!(
                "(SELECT * FROM pg_collation o WHERE o.collnamespace IN (SELECT oid FROM nsp) AND {}) o",
                own("pg_collation", "o.oid")
            ),
        ),
        one(
            "the operators",
            "pg_operator",
            "concat_ws(' ', o.oprcode, o.oprrest, o.oprjoin, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprcanmerge, \
              o.oprcanhash, format_type(o.oprresult, NULL))",
            operators,
        ),
        one(
            "the operator classes",
            "pg_opclass",
            "concat_ws(' ', o.opcdefault, format_type(o.opcintype, NULL), format_type(o.opckeytype, NULL), \
              (SELECT opfname FROM pg_opfamily f WHERE f.oid = o.opcfamily))",
            in_schemas("pg_opclass", "opcnamespace"),
        ),
        one(
            "the operator families",
            "pg_opfamily",
            "concat_ws(' ', 'members', (SELECT string_agg(concat_ws(':', a.amopstrategy, a.amoppurpose, a.amopopr::regoperator), ',' \
                ORDER BY a.amopstrategy, a.amopopr::regoperator::text) FROM pg_amop a WHERE a.amopfamily = o.oid), \
              (SELECT string_agg(concat_ws(':', a.amprocnum, a.amproc), ',' ORDER BY a.amprocnum, a.amproc::text) \
                FROM pg_amproc a WHERE a.amprocfamily = o.oid))",
            in_schemas("pg_opfamily", "opfnamespace"),
        ),
        one(
            "the conversions",
            "pg_conversion",
            "concat_ws(' ', o.conforencoding, o.contoencoding, o.conproc, o.condefault)",
            in_schemas("pg_conversion", "connamespace"),
        ),
        one(
            "the text search configurations",
            "pg_ts_config",
            "concat_ws(' ', o.cfgparser::regclass IS NULL, (SELECT string_agg(m.maptokentype || ':' || \
              m.mapdict::regdictionary, ',' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = o.oid))",
            in_schemas("pg_ts_config", "cfgnamespace"),
        ),
        one(
            "the text search dictionaries",
            "pg_ts_dict",
            "concat_ws(' ', (SELECT tmplname FROM pg_ts_template t WHERE t.oid = o.dicttemplate), o.dictinitoption)",
            in_schemas("pg_ts_dict", "dictnamespace"),
        ),
        one(
            "the casts",
            "pg_cast",
            "concat_ws(' ', NULLIF(o.castfunc, 0)::regprocedure, o.castcontext, o.castmethod)",
            in_database("pg_cast"),
        ),
        one(
            "the languages",
            "pg_language",
            "concat_ws(' ', o.lanpltrusted, o.lanplcallfoid::regproc)",
            in_database("pg_language"),
        ),
        one(
            "the event triggers",
            "pg_event_trigger",
            "concat_ws(' ', o.evtevent, o.evtfoid::regproc, o.evtenabled, o.evttags)",
            in_database("pg_event_trigger"),
        ),
        one(
            "the foreign-data wrappers",
            "pg_foreign_data_wrapper",
            // pg_dump writes options in the order of their names, whatever it was.
            "concat_ws(' ', o.fdwhandler::regproc, o.fdwvalidator::regproc, \
                       (SELECT string_agg(x, ',' ORDER BY x) FROM unnest(o.fdwoptions) x))",
            in_database("pg_foreign_data_wrapper"),
        ),
        one(
            "the foreign servers",
            "pg_foreign_server",
            "concat_ws(' ', (SELECT fdwname FROM pg_foreign_data_wrapper f WHERE f.oid = o.srvfdw), o.srvtype, o.srvversion, \
                       (SELECT string_agg(x, ',' ORDER BY x) FROM unnest(o.srvoptions) x))",
            in_database("pg_foreign_server"),
        ),
        // The options may be shown to superusers only.
        (
            "the user mappings",
            parts("pg_user_mapping", "o.umid", &[("'definition'", "o.srvname", false)], "pg_user_mappings o"),
        ),
    ]
}
