//! Values that no dump holds, because a restore computes them: rows of
//! materialized views, generated columns that are stored, and rows of extensions'
//! tables, which their scripts insert.
//!
//! They are read in the dump's snapshot, so that a restore can be held against
//! them (PostgreSQL manual, "pg_dump": it writes `REFRESH MATERIALIZED VIEW`;
//! "Generated Columns"; and "Extension Configuration Tables": of an extension's table
//! a dump holds what the extension says, which is nothing but for the few that it names).

use tokio_postgres::Client;

use super::ask::{Ask, rows};
use super::catalog::{MOVING, NOT_HERE, USER_SCHEMA};
use super::copy_text;
use super::facts::ObjectName;
use crate::error::Result;
use crate::types::text::{quote_ident, quote_literal};
use crate::types::{Digest, RowsHasher};

/// A relation with computed values, as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computing {
    /// Its name.
    pub name: ObjectName,
    /// Whether it is a materialized view; else a table.
    pub matview: bool,
    /// The extension that the table belongs to; else it has generated columns.
    pub extension: Option<String>,
    /// Whether a dump holds some of its rows, or all.
    pub dumped: bool,
    /// All columns, the generated ones too.
    pub columns: Vec<String>,
    /// Bytes with those that are out of line, without indexes.
    pub bytes: u64,
    /// How it may be read.
    pub reading: Reading,
}

/// How the rows of a relation may be read at the source.
///
/// A query over a relation is planned, and the planner evaluates what is constant in
/// the expressions and predicates of its indexes and statistics (`eval_const_expressions()`
/// in PostgreSQL's relcache.c and plancat.c): code of whoever owns it, with the rights of
/// the role that asks. `COPY relation TO` plans nothing, as pg_dump knows, but it writes no
/// generated columns, and before PostgreSQL 18 no materialized views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// By `COPY` of the relation.
    Direct,
    /// By a query: only superusers or the role itself own it and its schema.
    Query,
    /// Not at all.
    Never,
}

/// Populated materialized views, tables with stored generated columns, and tables of
/// extensions, in (schema, name) order.
///
/// # Errors
/// Those of the session.
pub async fn list(session: &impl Ask) -> Result<Vec<Computing>> {
    // Citus keeps its tables in pg_catalog. 16384 is the first number of what users make.
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, c.relkind = 'm', \
                ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 \
                      AND NOT a.attisdropped AND a.attgenerated IN ('', 's') ORDER BY a.attnum), \
                pg_catalog.pg_table_size(c.oid::regclass), e.extname::text, COALESCE(c.oid = ANY (e.extconfig), false), \
                CASE WHEN c.relkind = 'm' THEN pg_catalog.current_setting('server_version_num')::int >= 180000 \
                     ELSE NOT EXISTS(SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 's' \
                                     AND NOT a.attisdropped) END, \
                (SELECT pg_catalog.bool_and(o.rolsuper OR o.rolname = CURRENT_USER) FROM pg_catalog.pg_roles o \
                 WHERE o.oid = c.relowner OR o.oid = CASE WHEN pg_catalog.pg_get_userbyid(n.nspowner) = 'pg_database_owner' \
                   THEN (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) \
                   ELSE n.nspowner END) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_depend x ON x.deptype = 'e' AND x.classid = 'pg_class'::regclass AND x.objid = c.oid \
              AND x.refclassid = 'pg_extension'::regclass \
         LEFT JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid \
         WHERE c.relpersistence <> 't' AND NOT {NOT_HERE} AND CASE WHEN e.oid IS NOT NULL THEN c.relkind = 'r' AND c.oid >= 16384 \
               ELSE {USER_SCHEMA} AND (c.relkind = 'm' AND c.relispopulated OR c.relkind = 'r' AND NOT (c.relispartition AND {MOVING}) \
               AND EXISTS(SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 's')) END \
         ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
    );
    let list = rows(session, "computed values", &sql, &[]).await?;
    Ok(list
        .iter()
        .map(|r| Computing {
            name: ObjectName { schema: r.get(0), name: r.get(1) },
            matview: r.get(2),
            columns: r.get(3),
            bytes: r.get::<_, Option<i64>>(4).unwrap_or(0).unsigned_abs(),
            extension: r.get(5),
            dumped: r.get(6),
            reading: match (r.get(7), r.get::<_, Option<bool>>(8)) {
                (true, _) => Reading::Direct,
                (false, Some(true)) => Reading::Query,
                (false, _) => Reading::Never,
            },
        })
        .collect())
}

/// Number and digest of the rows of a relation of the source, as [`Reading`] allows;
/// nothing where it allows nothing.
///
/// # Errors
/// The server's.
pub async fn read_safely(
    client: &Client,
    it: &Computing,
    encoding: &str,
) -> std::result::Result<Option<(u64, Digest)>, tokio_postgres::Error> {
    match it.reading {
        Reading::Direct => {
            let copy = copy_text::of_relation(&it.name, &it.columns, encoding);
            let (rows, _, digest) = copy_text::read(client, &copy, RowsHasher::default()).await?.finish();
            Ok(Some((rows, digest)))
        }
        Reading::Query => read(client, &it.name, &it.columns, encoding).await.map(Some),
        Reading::Never => Ok(None),
    }
}

/// Number and digest of the rows of a relation. `encoding` is the database's, in
/// which rows of tables are hashed, too.
///
/// # Errors
/// The server's.
pub async fn read(
    client: &Client,
    name: &ObjectName,
    columns: &[String],
    encoding: &str,
) -> std::result::Result<(u64, Digest), tokio_postgres::Error> {
    read_from(client, &format!("ONLY {}", name.quoted()), columns, encoding).await
}

/// The same of anything that stands behind FROM.
///
/// # Errors
/// The server's.
pub async fn read_from(
    client: &Client,
    from: &str,
    columns: &[String],
    encoding: &str,
) -> std::result::Result<(u64, Digest), tokio_postgres::Error> {
    let columns: Vec<String> = columns.iter().map(|c| quote_ident(c)).collect();
    let (columns, encoding) = (columns.join(", "), quote_literal(encoding));
    let sql = format!("COPY (SELECT {columns} FROM {from}) TO STDOUT WITH (ENCODING {encoding})");
    let (rows, _, digest) = copy_text::read(client, &sql, RowsHasher::default()).await?.finish();
    Ok((rows, digest))
}
