//! Tables, views and their columns; sequences.

use super::parts;

pub(super) fn relations() -> String {
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

pub(super) fn columns(major: u32) -> String {
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

pub(super) fn sequences() -> String {
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
