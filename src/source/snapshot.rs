//! One snapshot of a database, held open and shared with every pg_dump child.

use super::catalog::{self, CatalogTable};
use super::facts::{DatabaseFacts, ObjectName};
use super::{ConnParams, Inventory, Session, inventory};
use crate::error::{Code, Result};
use crate::types::text::quote_literal;

/// A repeatable-read transaction whose snapshot is exported
/// (PostgreSQL manual, "Snapshot Synchronization Functions"). Dropping it ends it:
/// keep it until every child has ended.
#[derive(Debug)]
pub struct Snapshot {
    conn: ConnParams,
    session: Session,
    id: String,
}

/// A table and what it weighs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// Name.
    pub name: ObjectName,
    /// Bytes on disk with TOAST, without indexes.
    pub bytes: u64,
    /// Whether it, or its schema, belongs to an extension.
    pub from_extension: bool,
    /// Sequences that it owns.
    pub owned_sequences: Vec<ObjectName>,
}

impl Snapshot {
    /// Opens it.
    pub async fn open(conn: &ConnParams) -> Result<Self> {
        let session = conn.connect_read_only("pgseal snapshot").await?;
        session
            .client()
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY NOT DEFERRABLE")
            .await
            .map_err(|e| Session::failed("cannot open a snapshot", e))?;
        let row = session
            .client()
            .query_one("SELECT pg_catalog.pg_export_snapshot()", &[])
            .await
            .map_err(|e| Session::failed("cannot export a snapshot", e))?;
        Ok(Self { conn: conn.clone(), id: row.get(0), session })
    }

    /// Its name, for `pg_dump --snapshot`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The session that holds it; what it reads is in the snapshot.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Facts of the database in the snapshot.
    pub async fn facts(&self) -> Result<DatabaseFacts> {
        let mut facts = catalog::database(&self.session).await?;
        facts.inventory = self.inventory().await?;
        Ok(facts)
    }

    /// Every object in the snapshot; nothing where there are too many, or where the
    /// role may not see them all.
    ///
    /// The server's functions that write definitions look at the newest catalogue
    /// and refuse what was dropped since the snapshot. That would end its
    /// transaction, so another session asks, and asks once more.
    async fn inventory(&self) -> Result<Option<Inventory>> {
        let mut again = true;
        loop {
            let session = self.conn.connect_read_only("pgseal inventory").await?;
            let import = format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
                quote_literal(&self.id)
            );
            let failed = |e| Session::failed("cannot share the snapshot", e);
            session.client().batch_execute(&import).await.map_err(failed)?;
            match inventory::read(&session).await {
                Ok(inventory) => return Ok(Some(inventory)),
                Err(e) if e.code() == Code::SourceUnusable && again => again = false,
                // A backup that proves less is better than none; its drills will say so.
                Err(e) if matches!(e.code(), Code::Limit | Code::SourceUnusable) => {
                    tracing::warn!(error = %e, "the backup will hold no inventory of the objects of a database");
                    return Ok(None);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Tables in the snapshot.
    pub async fn tables(&self) -> Result<Vec<CatalogTable>> {
        catalog::tables(&self.session).await
    }

    /// Sizes of all tables, to spread them over streams.
    ///
    /// Exact sizes need a lock on each table, which a running migration may
    /// hold off. So another session asks, not for long, and where it gets no
    /// answer the planner's page counts must do.
    pub async fn table_sizes(&self) -> Result<Vec<TableSize>> {
        let tables = self.tables().await?;
        let mut owned = catalog::owned_sequences(&self.session).await?;
        let exact = self.exact_sizes(&tables).await.unwrap_or_default();
        Ok(tables
            .into_iter()
            .enumerate()
            .map(|(n, t)| TableSize {
                bytes: exact.get(n).copied().unwrap_or(0).max(t.estimated_bytes),
                owned_sequences: owned.remove(&t.oid).unwrap_or_default(),
                name: t.name,
                from_extension: t.from_extension,
            })
            .collect())
    }

    async fn exact_sizes(&self, tables: &[CatalogTable]) -> Result<Vec<u64>> {
        let session = self.conn.connect_read_only("pgseal sizes").await?;
        let failed = |e| Session::failed("cannot read the tables' sizes", e);
        session.client().batch_execute("SET lock_timeout = '2s'").await.map_err(failed)?;
        let numbers: Vec<u32> = tables.iter().map(|t| t.oid).collect();
        let row = session
            .client()
            .query_one(
                "SELECT ARRAY(SELECT COALESCE(pg_catalog.pg_table_size(o), 0) \
                 FROM unnest($1::oid[]) WITH ORDINALITY u(o, n) ORDER BY n)",
                &[&numbers],
            )
            .await
            .map_err(failed)?;
        Ok(row.get::<_, Vec<i64>>(0).into_iter().map(i64::unsigned_abs).collect())
    }
}
