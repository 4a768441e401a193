//! What objects are: queries whose rows are `class, object, part, value`, and
//! whether the value is an expression (see [`super::deparsed`]).
//!
//! A part is what a finding can name: the default of a column, the body of a
//! function. No part depends on object numbers, on the order of columns or on
//! names that the server makes up, which a restore may change. Left out is what
//! a drill does not restore: tablespaces, publications, subscriptions.

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
        ("the relations", relations()),
        ("the columns", columns(major)),
        ("the constraints", constraints()),
        ("the indexes", indexes()),
        ("the triggers", triggers()),
        ("the routines", routines(major)),
        ("the types", types()),
        ("the sequences", sequences()),
    ];
    all.extend(others());
    all
}

fn relations() -> String {
    parts(
        "pg_class",
        "r.oid",
        &[
            ("'kind'", "concat(r.relkind, r.relpersistence)", false),
            ("'options'", "(SELECT string_agg(o, ',' ORDER BY o) FROM unnest(r.reloptions) o)", false),
            ("'access method'", "(SELECT amname FROM pg_am a WHERE a.oid = r.relam)", false),
            ("'replica identity'", "CASE WHEN r.relkind IN ('r', 'p') THEN r.relreplident END", false),
            ("'partition key'", "CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END", true),
            ("'partition bound'", "pg_get_expr(r.relpartbound, r.oid)", true),
            (
                "'parents'",
                "(SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno) FROM pg_inherits i \
                  WHERE i.inhrelid = r.oid)",
                false,
            ),
            ("'type'", "CASE WHEN r.reloftype <> 0 THEN format_type(r.reloftype, NULL) END", false),
            ("'query'", "CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END", true),
            (
                "'foreign table'",
                "(SELECT concat_ws(' ', s.srvname, (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(t.ftoptions) o)) \
                  FROM pg_foreign_table t JOIN pg_foreign_server s ON s.oid = t.ftserver WHERE t.ftrelid = r.oid)",
                false,
            ),
        ],
        "(SELECT * FROM rel WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')) r",
    )
}

fn columns(major: u32) -> String {
    let compression = if major >= 14 { "NULLIF(a.attcompression::text, '')" } else { "NULL" };
    let part = |name: &str| format!("'column ' || quote_ident(a.attname) || ': {name}'");
    let [kind, null, default, generated, identity, collation, storage, squeezed, target, options, foreign] = [
        "type",
        "not null",
        "default",
        "generation",
        "identity",
        "collation",
        "storage",
        "compression",
        "statistics target",
        "options",
        "foreign options",
    ]
    .map(part);
    parts(
        "pg_class",
        "a.attrelid",
        &[
            (&kind, "format_type(a.atttypid, a.atttypmod)", false),
            (&null, "CASE WHEN a.attnotnull THEN 'yes' END", false),
            (&default, "CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END", true),
            (
                &generated,
                "CASE WHEN a.attgenerated <> '' THEN concat(a.attgenerated, pg_get_expr(d.adbin, d.adrelid)) END",
                true,
            ),
            (&identity, "NULLIF(a.attidentity::text, '')", false),
            (&collation, "CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END", false),
            (&storage, "CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END", false),
            (&squeezed, compression, false),
            (&target, "CASE WHEN a.relkind IN ('r', 'p', 'm', 'f') THEN NULLIF(a.attstattarget::int, -1) END", false),
            // Only those that users can set: a server may keep marks of its own here (`pg_attver` of 15.20).
            (
                &options,
                "(SELECT string_agg(o, ',' ORDER BY o) FROM unnest(a.attoptions) o WHERE o ~ '^n_distinct')",
                false,
            ),
            (&foreign, "(SELECT string_agg(o, ',' ORDER BY o) FROM unnest(a.attfdwoptions) o)", false),
        ],
        "(SELECT a.*, r.relkind FROM pg_attribute a JOIN rel r ON r.oid = a.attrelid \
          WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped) a \
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         LEFT JOIN pg_type t ON t.oid = a.atttypid",
    )
}

/// Whether a constraint is validated is not said here, that is a fact of its own.
/// Foreign keys that partitions got from their parents have names that depend on
/// the order of things; not null stands with the columns.
fn constraints() -> String {
    parts(
        "pg_constraint",
        "k.oid",
        &[("'definition'", "regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')", true)],
        "(SELECT k.* FROM pg_constraint k WHERE (k.conrelid IN (SELECT oid FROM rel) OR k.contypid IN (SELECT oid FROM typ)) \
          AND k.contype NOT IN ('t', 'n') AND NOT (k.contype = 'f' AND k.conparentid <> 0)) k",
    )
}

/// pg_dump leaves invalid indexes out, but for those of partitioned tables.
fn indexes() -> String {
    parts(
        "pg_class",
        "i.indexrelid",
        &[
            ("'definition'", "pg_get_indexdef(i.indexrelid)", true),
            ("'clustered'", "CASE WHEN i.indisclustered THEN 'yes' END", false),
            ("'replica identity'", "CASE WHEN i.indisreplident THEN 'yes' END", false),
        ],
        "(SELECT i.* FROM pg_index i JOIN rel c ON c.oid = i.indexrelid WHERE i.indrelid IN (SELECT oid FROM rel) \
          AND (i.indisvalid AND i.indisready OR c.relkind = 'I')) i",
    )
}

/// Triggers and rules. Clones of triggers on partitions follow their parents.
fn triggers() -> String {
    let triggers = parts(
        "pg_trigger",
        "g.oid",
        &[("'definition'", "pg_get_triggerdef(g.oid)", true), ("'state'", "g.tgenabled", false)],
        "(SELECT * FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0 AND tgrelid IN (SELECT oid FROM rel)) g",
    );
    let rules = parts(
        "pg_rewrite",
        "w.oid",
        &[("'definition'", "pg_get_ruledef(w.oid)", true), ("'state'", "w.ev_enabled", false)],
        "(SELECT * FROM pg_rewrite WHERE rulename <> '_RETURN' AND ev_class IN (SELECT oid FROM rel)) w",
    );
    format!("{triggers} UNION ALL {rules}")
}

fn routines(major: u32) -> String {
    let sql_body = if major >= 14 { "pg_get_function_sqlbody(f.oid)" } else { "NULL" };
    parts(
        "pg_proc",
        "f.oid",
        &[
            ("'arguments'", "pg_get_function_arguments(f.oid)", true),
            ("'result'", "pg_get_function_result(f.oid)", false),
            ("'language'", "(SELECT lanname FROM pg_language l WHERE l.oid = f.prolang)", false),
            ("'body'", "f.prosrc", false),
            ("'SQL body'", sql_body, true),
            ("'library'", "f.probin", false),
            ("'security'", "CASE WHEN f.prosecdef THEN 'definer' ELSE 'invoker' END", false),
            (
                "'attributes'",
                "concat_ws(' ', f.prokind, f.provolatile, f.proisstrict, f.proleakproof, f.proretset, f.proparallel, \
                  f.procost, f.prorows, NULLIF(f.prosupport::oid, 0)::regproc)",
                false,
            ),
            ("'settings'", "(SELECT string_agg(s, ',' ORDER BY s) FROM unnest(f.proconfig) s)", false),
            (
                "'aggregate'",
                "(SELECT concat_ws(' ', a.aggkind, a.aggtransfn::regproc, a.aggfinalfn::regproc, a.aggcombinefn::regproc, \
                  a.aggserialfn::regproc, a.aggdeserialfn::regproc, a.aggmtransfn::regproc, a.aggminvtransfn::regproc, \
                  a.aggmfinalfn::regproc, a.aggsortop::regoperator, format_type(a.aggtranstype, NULL), a.agginitval, \
                  a.aggminitval) FROM pg_aggregate a WHERE a.aggfnoid = f.oid)",
                false,
            ),
        ],
        &format!(
            "(SELECT * FROM pg_proc f WHERE f.pronamespace IN (SELECT oid FROM nsp) AND {}) f",
            own("pg_proc", "f.oid")
        ),
    )
}

fn types() -> String {
    parts(
        "pg_type",
        "t.oid",
        &[
            ("'kind'", "t.typtype", false),
            (
                "'labels'",
                "(SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) FROM pg_enum e \
                  WHERE e.enumtypid = t.oid)",
                false,
            ),
            ("'base type'", "CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END", false),
            ("'default'", "COALESCE(pg_get_expr(t.typdefaultbin, 0), t.typdefault)", true),
            ("'not null'", "CASE WHEN t.typnotnull THEN 'yes' END", false),
            (
                "'collation'",
                "CASE WHEN t.typtype = 'd' AND t.typcollation <> 0 THEN t.typcollation::regcollation END",
                false,
            ),
            (
                "'range'",
                "(SELECT concat_ws(' ', format_type(r.rngsubtype, NULL), r.rngcollation::regcollation, \
                  (SELECT opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc), r.rngcanonical, r.rngsubdiff) \
                  FROM pg_range r WHERE r.rngtypid = t.oid)",
                false,
            ),
            (
                "'functions'",
                "CASE WHEN t.typtype = 'b' THEN concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, \
                  t.typalign, t.typstorage, t.typcategory, t.typdelim) END",
                false,
            ),
        ],
        "typ t",
    )
}

fn sequences() -> String {
    parts(
        "pg_class",
        "s.seqrelid",
        &[
            (
                "'counts'",
                "concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, \
                  s.seqcycle)",
                false,
            ),
            (
                "'owned by'",
                "(SELECT d.refobjid::regclass || '.' || quote_ident(a.attname) FROM pg_depend d \
                  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype IN ('a', 'i') \
                    AND d.refclassid = 'pg_class'::regclass LIMIT 1)",
                false,
            ),
        ],
        "(SELECT * FROM pg_sequence WHERE seqrelid IN (SELECT oid FROM rel)) s",
    )
}

/// What is rarer. 16384 is the first number of what users make
/// (PostgreSQL source, `FirstNormalObjectId`).
fn others() -> Vec<Kind> {
    let in_schemas = |class: &str, column: &str| {
        format!("(SELECT * FROM {class} o WHERE o.{column} IN (SELECT oid FROM nsp) AND {}) o", own(class, "o.oid"))
    };
    let in_database =
        |class: &str| format!("(SELECT * FROM {class} o WHERE o.oid >= 16384 AND {}) o", own(class, "o.oid"));
    let one = |what, class: &str, value: &str, from: String| {
        (what, parts(class, "o.oid", &[("'definition'", value, false)], &from))
    };
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
            in_schemas("pg_collation", "collnamespace"),
        ),
        one(
            "the operators",
            "pg_operator",
            "concat_ws(' ', o.oprcode, o.oprrest, o.oprjoin, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprcanmerge, \
              o.oprcanhash, format_type(o.oprresult, NULL))",
            in_schemas("pg_operator", "oprnamespace"),
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
