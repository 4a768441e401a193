//! Rows counted by the server, beside the dump and in its snapshot.
//!
//! What a dump holds is read off the dump itself, so a pg_dump that loses rows
//! and ends well would be believed. Here the server is asked for the number of
//! rows of each table on a session of our own that shares the dump's snapshot.
//! It reads the table from its first page to its last: an index that lacks
//! entries must not speak against a dump that is right. Tables beyond a size are
//! not read again: rows are chosen at random, and each must pass in the dump.
//!
//! A table that was truncated or rewritten after the snapshot was taken looks
//! empty to it (PostgreSQL manual, "Caveats" of MVCC). The snapshot's own session
//! holds locks against that; where it could not get them, such a table is known by
//! its file, which is another one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::catalog::CatalogTable;
use super::computed::{self, Computing};
use super::facts::ComputedFacts;
use super::snapshot::{self, TableSize};
use super::tap::Samples;
use super::{ConnParams, Session, Snapshot, copy_text};
use crate::error::Result;
use crate::types::text::{quote_ident, quote_literal};
use crate::types::{RowsHasher, Sample};

/// Rows of a sample: one row of a thousand that is lost is missed with a
/// probability of e^-10.
const SAMPLED: u64 = 10_000;

/// Most bytes of the table that a sample reads, roughly.
const SAMPLE_BYTES: u64 = 256 << 20;

/// What somebody else than the dump knows of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    /// Their number.
    Rows(u64),
    /// A sample was taken.
    Sampled,
    /// Nothing: why, as [`super::facts::Counted::Nobody`] says it.
    Unknown(String),
}

/// The counts, by the number of the table.
pub type Counts = BTreeMap<u32, Count>;

/// Counts the tables of one database.
#[derive(Debug)]
pub struct Counter {
    conn: ConnParams,
    snapshot: String,
    encoding: String,
    lock_wait: Duration,
    whole: Vec<CatalogTable>,
    large: Vec<(CatalogTable, u64)>,
    computing: Vec<Computing>,
}

impl Counter {
    /// Counts `tables` but those of extensions, of which a dump holds only some
    /// rows, and those that cannot be read; those of more than `whole_to` bytes by a sample.
    /// [`Counter::computed`] reads `computing` but what has more bytes than that. The snapshot
    /// must stay open. No lock is waited for longer than `lock_wait`.
    pub fn new<'a>(
        conn: &ConnParams,
        snapshot: &Snapshot,
        tables: impl IntoIterator<Item = &'a CatalogTable>,
        sizes: &[TableSize],
        mut computing: Vec<Computing>,
        whole_to: u64,
        lock_wait: Duration,
    ) -> Self {
        let bytes: BTreeMap<_, _> = sizes.iter().map(|s| (&s.name, s.bytes)).collect();
        let (mut whole, mut large) = (Vec::new(), Vec::new());
        for table in tables.into_iter().filter(|t| !t.extension_member && !t.unreadable) {
            match bytes.get(&table.name).copied().unwrap_or(table.estimated_bytes) {
                size if size > whole_to => large.push((table.clone(), size)),
                _ => whole.push(table.clone()),
            }
        }
        computing.retain(|c| c.bytes <= whole_to);
        let (conn, snapshot, encoding) = (conn.clone(), snapshot.id().to_owned(), snapshot.encoding().to_owned());
        Self { conn, snapshot, encoding, lock_wait, whole, large, computing }
    }

    /// Reads the values that no dump holds. What cannot be read is left out.
    pub async fn computed(&self) -> Vec<ComputedFacts> {
        let mut all = Vec::new();
        if self.computing.is_empty() {
            return all;
        }
        let Ok(session) = self.open().await else { return all };
        for Computing { name, matview, columns, extension, .. } in &self.computing {
            match self.in_snapshot(&session, computed::read(session.client(), name, columns, &self.encoding)).await {
                Ok((rows, digest)) => {
                    let (name, columns, extension) = (name.clone(), columns.clone(), extension.clone());
                    all.push(ComputedFacts { name, matview: *matview, extension, columns, rows, digest });
                }
                Err(state) => tracing::warn!(relation = %name.quoted(), state, "computed values were not read"),
            }
        }
        all
    }

    /// Samples of the large tables, to look for in the dump; and what could not
    /// be sampled.
    pub async fn samples(&self) -> (Samples, Counts) {
        let (mut samples, mut counts) = (BTreeMap::new(), Counts::new());
        if self.large.is_empty() {
            return (Arc::new(samples), counts);
        }
        // A backup that proves less is better than none: what is not counted is told.
        let Ok(session) = self.open().await else { return (Arc::new(samples), counts) };
        for (table, bytes) in &self.large {
            let count = match self.in_snapshot(&session, sample(&session, table, *bytes, &self.encoding)).await {
                Ok(sample) => {
                    samples.insert(table.oid, sample);
                    Count::Sampled
                }
                Err(why) => Count::Unknown(why),
            };
            counts.insert(table.oid, count);
        }
        (Arc::new(samples), counts)
    }

    /// Counts the other tables.
    pub async fn count(&self) -> Counts {
        let mut counts = Counts::new();
        let Ok(session) = self.open().await else { return counts };
        for table in &self.whole {
            let count = match self.in_snapshot(&session, count(&session, table)).await {
                Ok(Some(rows)) => Count::Rows(rows),
                Ok(None) => Count::Unknown("rewritten".to_owned()),
                Err(why) => Count::Unknown(why),
            };
            counts.insert(table.oid, count);
        }
        counts
    }

    /// A session that reads tables from their files, by one process.
    async fn open(&self) -> Result<Session> {
        let session = self.conn.connect_read_only("pgseal count").await?;
        let sql = format!(
            "SET lock_timeout = {}; SET enable_indexscan = off; SET enable_indexonlyscan = off; \
             SET enable_bitmapscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off",
            self.lock_wait.as_millis()
        );
        session
            .client()
            .batch_execute(&sql)
            .await
            .map_err(|e| Session::failed("cannot prepare the counting of rows", e))?;
        Ok(session)
    }

    /// Runs `ask` in a transaction of its own: what one table refuses must not
    /// stop the next, and no lock outlives its table.
    async fn in_snapshot<T>(
        &self,
        session: &Session,
        ask: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, String> {
        let done = match session.client().batch_execute(&snapshot::import(&self.snapshot)).await {
            Ok(()) => ask.await,
            Err(e) => Err(e),
        };
        let ended = session.client().batch_execute("ROLLBACK").await;
        done.and_then(|t| ended.map(|()| t))
            .map_err(|e| e.code().map_or_else(|| "connection".to_owned(), |c| c.code().to_owned()))
    }
}

/// Number of rows; nothing where the table is another file than in the snapshot.
async fn count(session: &Session, table: &CatalogTable) -> Result<Option<u64>, tokio_postgres::Error> {
    // The lock is taken before the file is asked for: it stays the same from then on.
    let sql = format!(
        "SELECT pg_catalog.count(*), (SELECT c.relfilenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode(c.oid::pg_catalog.regclass) \
         FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) $1) FROM ONLY {}",
        table.name.quoted()
    );
    let row = session.client().query_one(&sql, &[&table.oid]).await?;
    let same: Option<bool> = row.get(1);
    Ok(same.unwrap_or(false).then(|| row.get::<_, i64>(0).unsigned_abs()))
}

/// Rows of random pages.
async fn sample(
    session: &Session,
    table: &CatalogTable,
    bytes: u64,
    encoding: &str,
) -> Result<Sample, tokio_postgres::Error> {
    let sql = "SELECT c.reltuples::pg_catalog.float8, pg_catalog.pg_relation_size(c.oid::pg_catalog.regclass) \
               FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) $1";
    let row = session.client().query_one(sql, &[&table.oid]).await?;
    let (percent, limit) = share(row.get(0), row.get::<_, i64>(1).unsigned_abs(), bytes);
    let columns: Vec<String> = table.columns.iter().map(|c| quote_ident(c)).collect();
    let sql = format!(
        "COPY (SELECT {} FROM ONLY {} TABLESAMPLE SYSTEM ({percent}) LIMIT {limit}) TO STDOUT WITH (ENCODING {})",
        columns.join(", "),
        table.name.quoted(),
        // The dump has the database's encoding; the session stays in UTF-8 for the names.
        quote_literal(encoding)
    );
    let rows = copy_text::read(session.client(), &sql, RowsHasher::collecting()).await?;
    Ok(rows.finish_with_sample().1.unwrap_or_default())
}

/// Percent of the pages, and most rows, for a table of this many rows (by the
/// planner; negative where it does not know), bytes in its main file, and bytes
/// with those that are out of line.
fn share(tuples: f64, file: u64, bytes: u64) -> (f64, u64) {
    let page = 8192.0;
    let pages = (file as f64 / page).max(1.0);
    let tuples = if tuples > 0.0 { tuples } else { pages * 20.0 };
    let affordable = (SAMPLE_BYTES as f64 / (bytes as f64 / tuples).max(1.0)).max(1.0);
    let wanted = (SAMPLED as f64).min(affordable);
    // At least some pages, however many rows the planner believes to be in one.
    let percent = (100.0 * wanted / tuples).max(100.0 * 16.0 / pages).min(100.0);
    (percent, 4 * wanted as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_rows_enough_and_never_reads_everything() {
        // 10 million rows of 200 bytes.
        let (percent, limit) = share(1e7, 2 << 30, 2 << 30);
        assert!((0.09..0.11).contains(&percent) && limit == 40_000, "{percent} {limit}");
        // Never analyzed: 16 pages of a million at least.
        let (percent, _) = share(-1.0, 8 << 30, 8 << 30);
        assert!(percent >= 100.0 * 16.0 / f64::from(1 << 20), "{percent}");
        // Ten rows of 1 GiB each: few, for each is read.
        let (_, limit) = share(10.0, 8192, 10 << 30);
        assert_eq!(limit, 4);
        // An odd estimate stays a percentage.
        assert!((share(3.0, 0, 2 << 30).0 - 100.0).abs() < 1e-9);
    }
}
