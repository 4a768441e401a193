//! What a database's catalog says: one function, used in the source's snapshot
//! and again on a restored copy.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::ask::{Ask, rows};
use super::facts::{DatabaseFacts, ExtensionFacts, MatviewFacts, ObjectName, SequenceFacts, TableFacts};
use super::{large_objects, probe};
use crate::error::Result;

/// Schemas that pg_dump never dumps.
pub(super) const USER_SCHEMA: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Unlogged relations have no content on a standby, and reading them is an error.
pub(super) const NOT_HERE: &str = "(c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())";

/// A table with rows of its own, as the catalog has it.
#[derive(Debug, Clone)]
pub struct CatalogTable {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Name.
    pub name: ObjectName,
    /// Columns that COPY writes, in order.
    pub columns: Vec<String>,
    /// Whether it, or its schema, belongs to an extension: pg_dump may leave it out.
    pub from_extension: bool,
    /// Whether the table itself does: if pg_dump writes rows at all, they are only some of them
    /// (`pg_extension_config_dump`).
    pub extension_member: bool,
    /// Bytes by the planner's page count, with TOAST; may lag behind.
    pub estimated_bytes: u64,
    /// Whether it has no content here: it is unlogged, and the server a standby.
    pub unreadable: bool,
    /// Its root, where some partitioned table above it is divided by the hash of an enum.
    /// The hash is that of the label's number, which is another one in a restored copy, so
    /// pg_dump loads the rows through the root (PostgreSQL source, `forcePartitionRootLoad()`
    /// in `pg_dump.c`).
    pub loaded_through: Option<ObjectName>,
}

/// A condition: rows of the table `c` may lie in another partition after a restore.
pub(super) const MOVING: &str = "EXISTS(SELECT FROM pg_catalog.pg_partition_ancestors(c.oid::regclass) p \
    JOIN pg_catalog.pg_partitioned_table k ON k.partrelid = p.relid AND k.partstrat = 'h' \
    JOIN pg_catalog.pg_opclass o ON o.oid = ANY (k.partclass) \
    JOIN pg_catalog.pg_opfamily f ON f.oid = o.opcfamily AND f.opfname = 'enum_ops' AND f.oid < 16384)";

fn name(row: &Row) -> ObjectName {
    ObjectName { schema: row.get(0), name: row.get(1) }
}

/// Where `pg_database d` has the locale provider, the locale and the ICU rules of a
/// database, in this version (PostgreSQL manual, "pg_database").
pub const fn locale_columns(major: u32) -> [&'static str; 3] {
    match major {
        17.. => ["d.datlocprovider::text", "d.datlocale::text", "d.daticurules::text"],
        16 => ["d.datlocprovider::text", "d.daticulocale::text", "d.daticurules::text"],
        15 => ["d.datlocprovider::text", "d.daticulocale::text", "NULL::text"],
        _ => ["'c'", "NULL::text", "NULL::text"],
    }
}

/// Facts of the session's database. Tables come without rows and digests,
/// sequences with the values they have now: both are exact in the dump stream.
pub async fn database(session: &impl Ask) -> Result<DatabaseFacts> {
    let major = probe::version(session).await?.major();
    let [provider, locale, rules] = locale_columns(major);
    let list = rows(
        session,
        "the database",
        &format!(
            "SELECT d.datname::text, pg_catalog.pg_get_userbyid(d.datdba)::text, \
                    pg_catalog.pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text, \
                    {provider}, {locale}, {rules}, \
                    pg_catalog.shobj_description(d.oid, 'pg_database'), d.datacl::text[], d.datconnlimit, \
                    COALESCE((SELECT setconfig FROM pg_catalog.pg_db_role_setting \
                              WHERE setdatabase = d.oid AND setrole = 0), '{{}}'), \
                    pg_catalog.pg_database_size(d.oid), d.datistemplate \
             FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()"
        ),
        &[],
    )
    .await?;
    let row = list.first().ok_or_else(|| crate::Error::internal("the database has no row in pg_database"))?;
    let size: i64 = row.get(12);
    let role_settings = rows(
        session,
        "the settings of roles",
        "SELECT pg_catalog.pg_get_userbyid(s.setrole)::text, c.setting FROM pg_catalog.pg_db_role_setting s, \
         LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS c(setting, n) \
         JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database() \
         WHERE s.setdatabase = d.oid AND s.setrole <> 0 ORDER BY s.setrole, c.n",
        &[],
    )
    .await?;
    let to_facts = |t: CatalogTable| TableFacts {
        name: t.name,
        columns: t.columns,
        rows: None,
        bytes: None,
        digest: None,
        counted: None,
        loaded_through: t.loaded_through,
    };
    Ok(DatabaseFacts {
        name: row.get(0),
        owner: row.get(1),
        encoding: row.get(2),
        collate: row.get(3),
        ctype: row.get(4),
        locale_provider: row.get(5),
        locale: row.get(6),
        icu_rules: row.get(7),
        comment: row.get(8),
        acl: row.get(9),
        connection_limit: row.get(10),
        template: row.get(13),
        settings: row.get(11),
        role_settings: role_settings.iter().map(|r| (r.get(0), r.get(1))).collect(),
        size_bytes: size.unsigned_abs(),
        extensions: extensions(session).await?,
        tables: tables(session).await?.into_iter().map(to_facts).collect(),
        sequences: sequences(session).await?,
        large_objects: large_objects::count(session).await?,
        large_object_digest: None,
        large_object_rights: large_objects::rights(session).await?,
        invalid_indexes: invalid_indexes(session).await?,
        matviews: matviews(session).await?,
        object_counts: object_counts(session).await?,
        contents_known: false,
        computed: None,
        computed_unread: Vec::new(),
        misdumped: Vec::new(),
        inventory: None,
    })
}

/// Extensions with their installed versions, in order of name.
pub async fn extensions(session: &impl Ask) -> Result<Vec<ExtensionFacts>> {
    let list = rows(
        session,
        "the extensions",
        "SELECT e.extname::text, e.extversion, n.nspname::text FROM pg_catalog.pg_extension e \
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY e.extname COLLATE \"C\"",
        &[],
    )
    .await?;
    Ok(list.iter().map(|r| ExtensionFacts { name: r.get(0), version: r.get(1), schema: r.get(2) }).collect())
}

/// Indexes of user schemas that queries do not use: their build failed, or goes on.
pub async fn invalid_indexes(session: &impl Ask) -> Result<Vec<ObjectName>> {
    let list = rows(
        session,
        "the indexes",
        &format!(
            "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE NOT (i.indisvalid AND i.indisready) AND c.relpersistence <> 't' AND {USER_SCHEMA} \
             ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
        ),
        &[],
    )
    .await?;
    Ok(list.iter().map(name).collect())
}

/// Number of subscriptions that pg_dump leaves out, because the role is no superuser
/// (`getSubscriptions()` in PostgreSQL's pg_dump.c: a warning on stderr, and exit code 0).
pub async fn subscriptions_left_out(session: &impl Ask) -> Result<u64> {
    let list = rows(
        session,
        "the subscriptions",
        "SELECT pg_catalog.count(s.subname) FROM pg_catalog.pg_subscription s \
         JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database() \
           AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER)",
        &[],
    )
    .await?;
    Ok(list.first().map_or(0, |r| r.get::<_, i64>(0).unsigned_abs()))
}

/// Materialized views of user schemas, and whether they are populated.
pub async fn matviews(session: &impl Ask) -> Result<Vec<MatviewFacts>> {
    let list = rows(
        session,
        "the materialized views",
        &format!(
            "SELECT n.nspname::text, c.relname::text, c.relispopulated FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'm' AND {USER_SCHEMA} ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
        ),
        &[],
    )
    .await?;
    Ok(list.iter().map(|r| MatviewFacts { name: name(r), populated: r.get(2) }).collect())
}

/// Tables with rows of their own (leaf partitions too), in (schema, name)
/// order: no views, foreign, partitioned or temporary ones.
pub async fn tables(session: &impl Ask) -> Result<Vec<CatalogTable>> {
    let list = rows(
        session,
        "the tables",
        &format!(
            "SELECT n.nspname::text, c.relname::text, c.oid, \
                    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
                          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' \
                          ORDER BY a.attnum), \
                    EXISTS(SELECT FROM pg_catalog.pg_depend x WHERE x.deptype = 'e' \
                           AND ((x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid) \
                             OR (x.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND x.objid = n.oid))), \
                    EXISTS(SELECT FROM pg_catalog.pg_depend x WHERE x.deptype = 'e' \
                           AND x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid), \
                    (GREATEST(c.relpages, 0)::int8 + COALESCE(GREATEST(t.relpages, 0), 0)) \
                      * pg_catalog.current_setting('block_size')::int8, {NOT_HERE}, \
                    rn.nspname::text, root.relname::text \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid \
             LEFT JOIN pg_catalog.pg_class root ON root.oid = CASE WHEN c.relispartition AND {MOVING} \
                  THEN pg_catalog.pg_partition_root(c.oid::regclass) END \
             LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = root.relnamespace \
             WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {USER_SCHEMA} \
             ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
        ),
        &[],
    )
    .await?;
    Ok(list
        .iter()
        .map(|r| CatalogTable {
            oid: r.get(2),
            name: name(r),
            columns: r.get(3),
            from_extension: r.get(4),
            extension_member: r.get(5),
            estimated_bytes: r.get::<_, i64>(6).unsigned_abs(),
            unreadable: r.get(7),
            loaded_through: r
                .get::<_, Option<String>>(8)
                .zip(r.get(9))
                .map(|(schema, name)| ObjectName { schema, name }),
        })
        .collect())
}

/// Sequences of user schemas that belong to no extension, with the values they have now.
///
/// Sequences do not obey snapshots: pg_dump reads them some time after this, so
/// for a logical backup the values in the archive are the truth.
///
/// They are asked for by number. By name anything may be in the place of a sequence by
/// now, and a query over that would run its owner's code with this role's rights. Before
/// PostgreSQL 18 no function tells the value of a sequence that was not called yet, or
/// that the role may not read: it gets the lowest one that it can have, before which no
/// copy can be.
pub async fn sequences(session: &impl Ask) -> Result<Vec<SequenceFacts>> {
    let (of, called) = if probe::version(session).await?.major() >= 18 {
        ("pg_catalog.pg_get_sequence_data(c.oid)", "g.is_called")
    } else {
        let asked = "(SELECT CASE WHEN pg_catalog.has_sequence_privilege(c.oid, 'USAGE, SELECT') \
                             THEN pg_catalog.pg_sequence_last_value(c.oid) END AS last_value)";
        (asked, "g.last_value IS NOT NULL")
    };
    let list = rows(
        session,
        "the sequences",
        &format!(
            "SELECT n.nspname::text, c.relname::text, \
                    COALESCE(g.last_value, CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END), COALESCE({called}, false) \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid CROSS JOIN LATERAL {of} g \
             WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND NOT {NOT_HERE} AND {USER_SCHEMA} \
               AND NOT EXISTS(SELECT FROM pg_catalog.pg_depend x WHERE x.deptype = 'e' \
                 AND ((x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid) \
                   OR (x.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND x.objid = n.oid))) \
             ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
        ),
        &[],
    )
    .await?;
    let one = |r: &Row| SequenceFacts { name: name(r), last_value: r.get(2), is_called: r.get(3), until: None };
    Ok(list.iter().map(one).collect())
}

/// Tables and sequences of user schemas that have no content on this server,
/// tables first, each in order of name.
pub async fn not_here(session: &impl Ask) -> Result<(Vec<ObjectName>, Vec<ObjectName>)> {
    let list = rows(
        session,
        "the unlogged relations",
        &format!(
            "SELECT n.nspname::text, c.relname::text, c.relkind = 'S' FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'S') AND {NOT_HERE} AND {USER_SCHEMA} \
             ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
        ),
        &[],
    )
    .await?;
    let (sequences, tables): (Vec<&Row>, Vec<&Row>) = list.iter().partition(|r| r.get(2));
    Ok((tables.into_iter().map(name).collect(), sequences.into_iter().map(name).collect()))
}

/// Unlogged tables of user schemas, in order of name.
pub async fn unlogged(session: &impl Ask) -> Result<Vec<ObjectName>> {
    let list = rows(
        session,
        "the unlogged tables",
        &format!(
            "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND {USER_SCHEMA} ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
        ),
        &[],
    )
    .await?;
    Ok(list.iter().map(name).collect())
}

/// Number of objects by kind in user schemas, without what extensions own.
///
/// Kinds: those of relations, routines and constraints, and `schema`, `type`,
/// `domain`, `trigger`, `policy`, `rule`, `event_trigger`, `publication`, `subscription`,
/// `foreign_server`, `statistics`, `default_acl`.
pub async fn object_counts(session: &impl Ask) -> Result<BTreeMap<String, u64>> {
    let list = rows(
        session,
        "the objects",
        &format!(
            "WITH ext AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'), \
             n AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE {USER_SCHEMA}), \
             rel AS (SELECT c.oid, c.relkind FROM pg_catalog.pg_class c JOIN n ON n.oid = c.relnamespace \
                     WHERE c.relpersistence <> 't' AND NOT EXISTS(SELECT FROM ext \
                       WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objid = c.oid)) \
             SELECT kind, count(*) FROM ( \
               SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' \
                      WHEN 'i' THEN 'index' WHEN 'I' THEN 'partitioned_index' WHEN 'S' THEN 'sequence' \
                      WHEN 'p' THEN 'partitioned_table' WHEN 'f' THEN 'foreign_table' WHEN 'c' THEN 'composite_type' \
                      ELSE 'relation_' || relkind::text END AS kind FROM rel \
               UNION ALL SELECT CASE p.prokind WHEN 'f' THEN 'function' WHEN 'p' THEN 'procedure' \
                      WHEN 'a' THEN 'aggregate' ELSE 'window_function' END \
                 FROM pg_catalog.pg_proc p JOIN n ON n.oid = p.pronamespace WHERE NOT EXISTS(SELECT FROM ext \
                   WHERE classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND objid = p.oid) \
               UNION ALL SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END \
                 FROM pg_catalog.pg_type t JOIN n ON n.oid = t.typnamespace \
                 WHERE t.typtype IN ('d', 'e', 'r') AND NOT EXISTS(SELECT FROM ext \
                   WHERE classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND objid = t.oid) \
               UNION ALL SELECT CASE k.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign_key' WHEN 'p' THEN 'primary_key' \
                      WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion' WHEN 'n' THEN 'not_null' \
                      ELSE 'constraint_' || k.contype::text END \
                 FROM pg_catalog.pg_constraint k JOIN rel ON rel.oid = k.conrelid \
               UNION ALL SELECT 'trigger' FROM pg_catalog.pg_trigger g JOIN rel ON rel.oid = g.tgrelid WHERE NOT g.tgisinternal \
               UNION ALL SELECT 'policy' FROM pg_catalog.pg_policy o JOIN rel ON rel.oid = o.polrelid \
               UNION ALL SELECT 'rule' FROM pg_catalog.pg_rewrite w JOIN rel ON rel.oid = w.ev_class WHERE w.rulename <> '_RETURN' \
               UNION ALL SELECT 'statistics' FROM pg_catalog.pg_statistic_ext s JOIN n ON n.oid = s.stxnamespace \
               UNION ALL SELECT 'schema' FROM n WHERE NOT EXISTS(SELECT FROM ext \
                   WHERE classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND objid = n.oid) \
               UNION ALL SELECT 'event_trigger' FROM pg_catalog.pg_event_trigger e WHERE NOT EXISTS(SELECT FROM ext \
                   WHERE classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND objid = e.oid) \
               UNION ALL SELECT 'publication' FROM pg_catalog.pg_publication \
               UNION ALL SELECT 'subscription' FROM (SELECT subname FROM pg_catalog.pg_subscription b JOIN pg_catalog.pg_database d \
                   ON d.oid = b.subdbid WHERE d.datname = pg_catalog.current_database()) b \
               UNION ALL SELECT 'foreign_server' FROM pg_catalog.pg_foreign_server f WHERE NOT EXISTS(SELECT FROM ext \
                   WHERE classid = 'pg_catalog.pg_foreign_server'::pg_catalog.regclass AND objid = f.oid) \
               UNION ALL SELECT 'default_acl' FROM pg_catalog.pg_default_acl) k GROUP BY kind"
        ),
        &[],
    )
    .await?;
    Ok(list.iter().map(|r| (r.get(0), r.get::<_, i64>(1).unsigned_abs())).collect())
}

/// Names of the sequences that tables own, by the table's number.
pub async fn owned_sequences(session: &impl Ask) -> Result<BTreeMap<u32, Vec<ObjectName>>> {
    let list = rows(
        session,
        "the owned sequences",
        "SELECT n.nspname::text, s.relname::text, d.refobjid FROM pg_catalog.pg_depend d \
         JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
         JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace \
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')",
        &[],
    )
    .await?;
    let mut out: BTreeMap<u32, Vec<ObjectName>> = BTreeMap::new();
    for row in &list {
        out.entry(row.get(2)).or_default().push(name(row));
    }
    Ok(out)
}
