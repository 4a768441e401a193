//! Comments and security labels, of objects of every kind.

/// Of what users made, and of what is there from the beginning and dumped all the
/// same: `public` and the database. Left out are those that pg_dump does not
/// write: of extensions' objects, of what follows another object (partitions'
/// keys and triggers, rows' types, views' rules), of plpgsql, which every
/// database is born with, and of large objects, which may be millions and have a
/// digest of their own.
pub(super) fn labels() -> String {
    format!(
        "SELECT d.classoid, d.objoid, {COLUMN} || 'comment', d.description, false FROM pg_description d WHERE {WRITTEN} \
         UNION ALL SELECT d.classoid, d.objoid, {COLUMN} || 'security label of ' || d.provider, d.label, false \
           FROM pg_seclabel d WHERE {WRITTEN} \
         UNION ALL SELECT d.classoid, d.objoid, 'security label of ' || d.provider, d.label, false FROM pg_shseclabel d \
           WHERE d.classoid = 'pg_database'::regclass \
             AND d.objoid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

/// Of which column, if of one.
const COLUMN: &str = "CASE WHEN d.objsubid = 0 THEN '' ELSE 'column ' || (SELECT quote_ident(a.attname) FROM pg_attribute a \
    WHERE a.attrelid = d.objoid AND a.attnum = d.objsubid) || ': ' END";

/// Whether pg_dump writes it.
const WRITTEN: &str = "(d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public')) \
    AND NOT EXISTS (SELECT FROM ext WHERE classid = d.classoid AND objid = d.objoid) \
    AND CASE d.classoid \
      WHEN 'pg_class'::regclass THEN EXISTS (SELECT FROM rel r LEFT JOIN pg_index i ON i.indexrelid = r.oid WHERE r.oid = d.objoid \
        AND (i.indexrelid IS NULL OR i.indisvalid AND i.indisready OR r.relkind = 'I')) \
      WHEN 'pg_type'::regclass THEN EXISTS (SELECT FROM typ t WHERE t.oid = d.objoid) \
        OR EXISTS (SELECT FROM pg_type t JOIN rel r ON r.oid = t.typrelid WHERE t.oid = d.objoid AND r.relkind = 'c') \
      WHEN 'pg_constraint'::regclass THEN EXISTS (SELECT FROM pg_constraint k WHERE k.oid = d.objoid \
        AND NOT (k.contype = 'f' AND k.conparentid <> 0)) \
      WHEN 'pg_trigger'::regclass THEN EXISTS (SELECT FROM pg_trigger g WHERE g.oid = d.objoid \
        AND NOT g.tgisinternal AND g.tgparentid = 0) \
      WHEN 'pg_rewrite'::regclass THEN EXISTS (SELECT FROM pg_rewrite w WHERE w.oid = d.objoid AND w.rulename <> '_RETURN') \
      WHEN 'pg_extension'::regclass THEN EXISTS (SELECT FROM pg_extension e WHERE e.oid = d.objoid AND e.extname <> 'plpgsql') \
      WHEN 'pg_largeobject'::regclass THEN false \
      WHEN 'pg_publication'::regclass THEN false \
      WHEN 'pg_subscription'::regclass THEN false \
      ELSE true END";

/// `class, object` of what users put into the system's schemas: pg_dump writes none of it.
/// Collations that were imported from the host (`pg_import_system_collations`) are not meant.
pub(in crate::source) fn outside(scope: &str) -> String {
    let mut sql = format!(
        "WITH {scope} SELECT 'pg_class'::regclass::oid, c.oid FROM rel c WHERE c.relnamespace IN (SELECT oid FROM sys) \
           AND c.relkind NOT IN ('i', 'I') \
         UNION ALL SELECT 'pg_type'::regclass, t.oid FROM typ t WHERE t.typnamespace IN (SELECT oid FROM sys)"
    );
    for (class, schema) in [
        ("pg_proc", "pronamespace"),
        ("pg_operator", "oprnamespace"),
        ("pg_opclass", "opcnamespace"),
        ("pg_opfamily", "opfnamespace"),
        ("pg_conversion", "connamespace"),
        ("pg_ts_config", "cfgnamespace"),
        ("pg_ts_dict", "dictnamespace"),
        ("pg_ts_parser", "prsnamespace"),
        ("pg_ts_template", "tmplnamespace"),
        ("pg_statistic_ext", "stxnamespace"),
    ] {
        sql.push_str(&format!(
            " UNION ALL SELECT '{class}'::regclass, o.oid FROM {class} o WHERE o.oid >= 16384 \
               AND o.{schema} IN (SELECT oid FROM sys) \
               AND NOT EXISTS (SELECT FROM ext WHERE classid = '{class}'::regclass AND objid = o.oid)"
        ));
    }
    sql.push_str(
        " UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE tgrelid < 16384 AND oid >= 16384 \
          UNION ALL SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite WHERE ev_class < 16384 AND oid >= 16384",
    );
    sql
}
