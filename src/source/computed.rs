//! Values that no dump holds, because a restore computes them: rows of
//! materialized views, and generated columns that are stored.
//!
//! They are read in the dump's snapshot, so that a restore can be held against
//! them (PostgreSQL manual, "pg_dump": it writes `REFRESH MATERIALIZED VIEW`; and
//! "Generated Columns").

use tokio_postgres::Client;

use super::ask::{Ask, rows};
use super::catalog::USER_SCHEMA;
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
    /// Whether it is a materialized view; else a table with generated columns.
    pub matview: bool,
    /// All columns, the generated ones too.
    pub columns: Vec<String>,
    /// Bytes with those that are out of line, without indexes.
    pub bytes: u64,
}

/// Populated materialized views and tables with stored generated columns, in
/// (schema, name) order; not those of extensions.
///
/// # Errors
/// Those of the session.
pub async fn list(session: &impl Ask) -> Result<Vec<Computing>> {
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, c.relkind = 'm', \
                ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 \
                      AND NOT a.attisdropped AND a.attgenerated IN ('', 's') ORDER BY a.attnum), \
                pg_catalog.pg_table_size(c.oid::regclass) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE {USER_SCHEMA} AND c.relpersistence <> 't' AND (c.relkind = 'm' AND c.relispopulated OR c.relkind = 'r' \
               AND EXISTS(SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 's')) \
           AND NOT EXISTS(SELECT FROM pg_catalog.pg_depend x WHERE x.deptype = 'e' \
               AND x.classid = 'pg_class'::regclass AND x.objid = c.oid) \
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
        })
        .collect())
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
