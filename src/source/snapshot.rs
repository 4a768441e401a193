//! One snapshot of a database, held open and shared with every pg_dump child.

use std::collections::HashSet;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::catalog::{self, CatalogTable};
use super::facts::{DatabaseFacts, ObjectName};
use super::left_out::sqlstate;
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
    encoding: String,
}

/// How often the objects of a database are asked for.
const INVENTORY_TRIES: u32 = 6;

/// How long a lock is waited for that keeps the server from writing a definition: one of a
/// prepared transaction may never go.
const INVENTORY_LOCK: &str = "10s";

/// What makes or drops things all the time leaves a gap sooner or later.
const BETWEEN_TRIES: Duration = Duration::from_millis(150);

/// Tables that one statement locks.
const LOCKED_AT_ONCE: usize = 500;

/// A relation of the objects of a database, each with the transaction that wrote its row
/// last; without what sessions make for themselves.
pub const WRITTEN: &str = "( \
    SELECT oid, xmin AS writer FROM pg_class WHERE relpersistence <> 't' AND relkind <> 't' \
    UNION ALL SELECT oid, xmin FROM pg_proc UNION ALL SELECT oid, xmin FROM pg_type WHERE typrelid = 0 AND typelem = 0 \
    UNION ALL SELECT oid, xmin FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_' \
    UNION ALL SELECT oid, xmin FROM pg_constraint UNION ALL SELECT oid, xmin FROM pg_trigger \
    UNION ALL SELECT oid, xmin FROM pg_rewrite UNION ALL SELECT oid, xmin FROM pg_policy \
    UNION ALL SELECT oid, xmin FROM pg_statistic_ext UNION ALL SELECT oid, xmin FROM pg_extension) written";

/// Numbers of a database's objects, and which transaction wrote each of their rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects(Vec<(u32, String)>);

impl Objects {
    /// What users made: numbers from 16384 on (PostgreSQL source, `FirstNormalObjectId`).
    /// The same number in two catalogues is rare, and a try too many then.
    async fn read(session: &Session) -> Result<Self> {
        let sql = format!("SELECT oid, writer::text FROM {WRITTEN} WHERE oid >= 16384 ORDER BY 1, 2");
        let rows = session.client().query(&sql, &[]).await;
        let rows = rows.map_err(|e| Session::failed("cannot list the objects", e))?;
        Ok(Self(rows.iter().map(|r| (r.get(0), r.get(1))).collect()))
    }

    /// Whether something of it is not there any more.
    pub async fn have_changed(&self, conn: &ConnParams) -> Result<bool> {
        let now = Self::read(&conn.connect_read_only("pgseal snapshot").await?).await?;
        let now: HashSet<u32> = now.0.into_iter().map(|(oid, _)| oid).collect();
        Ok(self.0.iter().any(|(oid, _)| !now.contains(oid)))
    }
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

impl TableSize {
    /// Whether the name is the same in every encoding.
    pub(super) fn is_ascii(&self) -> bool {
        self.name.schema.is_ascii()
            && self.name.name.is_ascii()
            && self.owned_sequences.iter().all(|s| s.schema.is_ascii() && s.name.is_ascii())
    }
}

/// Begins a transaction of another session in the snapshot of this name
/// (PostgreSQL manual, "SET TRANSACTION").
pub(super) fn import(id: &str) -> String {
    format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}", quote_literal(id))
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
            .query_one("SELECT pg_catalog.pg_export_snapshot(), pg_catalog.getdatabaseencoding()::text", &[])
            .await
            .map_err(|e| Session::failed("cannot export a snapshot", e))?;
        Ok(Self { conn: conn.clone(), id: row.get(0), encoding: row.get(1), session })
    }

    /// Keeps the tables of the snapshot from being dropped or changed until it ends,
    /// as pg_dump does: what comes after looks at the newest catalogue now and then,
    /// and fails where it has changed meanwhile. Gives false where a table is gone
    /// already; another snapshot will not have it.
    ///
    /// A lock that another session holds off, or that the role may not take, is left
    /// to pg_dump, which needs the same one and tells.
    pub async fn hold(&self, tables: &[CatalogTable]) -> Result<bool> {
        let client = self.session.client();
        let failed = |e| Session::failed("cannot keep the tables", e);
        client.batch_execute("SAVEPOINT held; SET LOCAL lock_timeout = '2s'").await.map_err(failed)?;
        let own: Vec<String> = tables.iter().filter(|t| !t.from_extension).map(|t| t.name.quoted()).collect();
        for names in own.chunks(LOCKED_AT_ONCE) {
            let lock = format!("LOCK TABLE ONLY {} IN ACCESS SHARE MODE", names.join(", ONLY "));
            let Err(e) = client.batch_execute(&lock).await else { continue };
            if e.is_closed() || e.as_db_error().is_none() {
                return Err(failed(e));
            }
            let gone =
                matches!(e.code(), Some(s) if *s == SqlState::UNDEFINED_TABLE || *s == SqlState::INVALID_SCHEMA_NAME);
            client.batch_execute("ROLLBACK TO SAVEPOINT held").await.map_err(failed)?;
            return Ok(!gone);
        }
        client.batch_execute("SET LOCAL lock_timeout = 0").await.map_err(failed)?;
        Ok(true)
    }

    /// The first transaction that it does not see, with its epoch.
    pub async fn horizon(&self) -> Result<i64> {
        const SQL: &str = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::int8";
        let row = self.session.client().query_one(SQL, &[]).await;
        Ok(row.map_err(|e| Session::failed("cannot ask for the snapshot", e))?.get(0))
    }

    /// Numbers of what the snapshot has of each catalogue that a dump asks the
    /// newest state of.
    pub async fn objects(&self) -> Result<Objects> {
        Objects::read(&self.session).await
    }

    /// Its name, for `pg_dump --snapshot`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The database's encoding.
    pub fn encoding(&self) -> &str {
        &self.encoding
    }

    /// The session that holds it; what it reads is in the snapshot.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Facts of the database in the snapshot.
    pub async fn facts(&self) -> Result<DatabaseFacts> {
        let mut facts = catalog::database(&self.session).await?;
        // What the session reads of it went through the database's encoding, in which
        // the name need not be: the catalog that all databases share has bytes of any.
        facts.name.clone_from(&self.conn.dbname);
        facts.inventory = self.inventory().await?;
        Ok(facts)
    }

    /// Every object in the snapshot; nothing where there are too many, or where the
    /// role may not see them all.
    ///
    /// The server's functions that write definitions look at the newest catalogue
    /// and refuse what was dropped since the snapshot. That would end its
    /// transaction, so another session asks, and asks again.
    async fn inventory(&self) -> Result<Option<Inventory>> {
        for left in (0..INVENTORY_TRIES).rev() {
            let conn = self.conn.with_setting("lock_timeout", INVENTORY_LOCK);
            let session = conn.connect_read_only("pgseal inventory").await?;
            let failed = |e| Session::failed("cannot share the snapshot", e);
            session.client().batch_execute(&import(&self.id)).await.map_err(failed)?;
            match inventory::read(&session).await {
                Ok(inventory) => return Ok(Some(inventory)),
                // Who does not let go of a lock for so long will not in the next try.
                Err(e)
                    if e.code() == Code::SourceUnusable
                        && left > 0
                        && sqlstate(&e) != Some(SqlState::LOCK_NOT_AVAILABLE.code()) =>
                {
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
                // A backup that proves less is better than none; its drills will say so.
                Err(e) if matches!(e.code(), Code::Limit | Code::SourceUnusable) => {
                    tracing::warn!(error = %e, "the backup will hold no inventory of the objects of a database");
                    return Ok(None);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(None)
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
