//! Rows counted beside the dump and in its snapshot.
//!
//! What a dump holds is read off the dump itself, so a pg_dump that loses rows
//! and ends well would be believed. Here each table is read a second time, on a
//! session of our own that shares the dump's snapshot: one narrow column of it,
//! of which only the lines are counted. It is read from its first page to its last:
//! an index that lacks entries must not speak against a dump that is right. Of tables
//! beyond a size only the beginning is read, and each row taken there must pass in the
//! dump.
//!
//! All by `COPY table TO`, which plans nothing: to plan `SELECT count(*)` the server
//! evaluates what is constant in the expressions and predicates of the table's indexes
//! and statistics, and so runs code of the table's owner with the rights of the backup's
//! role (see [`super::computed::Reading`]).
//!
//! A table that was truncated or rewritten after the snapshot was taken looks
//! empty to it (PostgreSQL manual, "Caveats" of MVCC). The snapshot's own session
//! holds locks against that; where it could not get them, such a table is known by
//! its file, which is another one.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::catalog::CatalogTable;
use super::computed::{self, Computing, Reading};
use super::facts::{ComputedFacts, ObjectName};
use super::snapshot::{self, TableSize};
use super::tap::Samples;
use super::{ConnParams, Session, Snapshot, copy_text};
use crate::error::Result;
use crate::types::{RowsHasher, Sample};

/// Rows of a sample: of rows lost evenly, one of a thousand is missed with a
/// probability of e^-10.
const SAMPLED: u64 = 10_000;

/// Most bytes of a table's text that are read for a sample.
const SAMPLE_BYTES: u64 = 256 << 20;

/// How long reading a MiB of a table takes at the worst.
const SLOWEST: Duration = Duration::from_secs(2);

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
        // A count says nothing until it has read its table.
        let read = |t: &CatalogTable| bytes.get(&t.name).copied().unwrap_or(t.estimated_bytes);
        let longest = whole.iter().map(read).chain(computing.iter().map(|c| c.bytes)).max().unwrap_or(0);
        let conn = conn.more_patient(lock_wait + SLOWEST * u32::try_from(1 + (longest >> 20)).unwrap_or(u32::MAX));
        let (conn, snapshot, encoding) = (conn, snapshot.id().to_owned(), snapshot.encoding().to_owned());
        Self { conn, snapshot, encoding, lock_wait, whole, large, computing }
    }

    /// Reads the values that no dump holds. What cannot be read is left out.
    pub async fn computed(&self) -> Vec<ComputedFacts> {
        let mut all = Vec::new();
        if self.computing.is_empty() {
            return all;
        }
        let Ok(session) = self.open().await else { return all };
        for it in &self.computing {
            let Computing { name, matview, columns, extension, .. } = it;
            match self.in_snapshot(&session, computed::read_safely(session.client(), it, &self.encoding)).await {
                Ok(None) => (),
                Ok(Some((rows, digest))) => {
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
        for (table, bytes) in &self.large {
            // One each: the server notices that nobody reads on when the session is closed.
            let Ok(session) = self.open().await else { return (Arc::new(samples), counts) };
            let begun = session.client().batch_execute(&snapshot::import(&self.snapshot)).await;
            let taken = match begun {
                Ok(()) => sample(&session, table, *bytes, &self.encoding).await,
                Err(e) => Err(e),
            };
            let count = match taken.map_err(|e| reason(&e)) {
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
            let count = match self.in_snapshot(&session, count(&session, table, &self.encoding)).await {
                Ok(Some(rows)) => Count::Rows(rows),
                Ok(None) => Count::Unknown("rewritten".to_owned()),
                Err(why) => Count::Unknown(why),
            };
            counts.insert(table.oid, count);
        }
        counts
    }

    /// Relations whose values only a query could read, which would run their owner's code.
    pub fn never_read(&self) -> Vec<ObjectName> {
        self.computing.iter().filter(|c| c.reading == Reading::Never).map(|c| c.name.clone()).collect()
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
        done.and_then(|t| ended.map(|()| t)).map_err(|e| reason(&e))
    }
}

/// Why something was not counted, as [`super::facts::Counted::Nobody`] says it.
fn reason(e: &tokio_postgres::Error) -> String {
    e.code().map_or_else(|| "connection".to_owned(), |c| c.code().to_owned())
}

/// The column that is written with the least work: of a number or a truth value, else of
/// a fixed length, the first of those.
const NARROWEST: &str = "SELECT ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid OPERATOR(pg_catalog.=) $1 AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
      AND a.attgenerated OPERATOR(pg_catalog.=) '' \
    ORDER BY a.atttypid OPERATOR(pg_catalog.=) ANY ('{16,18,20,21,23,26}'::pg_catalog.oid[]) DESC, \
      a.attlen OPERATOR(pg_catalog.<) 0, a.attstorage OPERATOR(pg_catalog.<>) 'p', a.attnum LIMIT 1)";

/// Whether the table is the file that it is in the snapshot.
const SAME_FILE: &str = "SELECT c.relfilenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode(c.oid::pg_catalog.regclass) \
    FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) $1";

/// Number of rows; nothing where the table is another file than in the snapshot.
async fn count(session: &Session, table: &CatalogTable, encoding: &str) -> Result<Option<u64>, tokio_postgres::Error> {
    let client = session.client();
    let columns: Vec<String> = client.query_one(NARROWEST, &[&table.oid]).await?.get(0);
    let rows = copy_text::count(client, &copy_text::of_relation(&table.name, &columns, encoding)).await?;
    // The table is locked since: it stays the file that it is.
    let same: Option<bool> = client.query_opt(SAME_FILE, &[&table.oid]).await?.and_then(|r| r.get(0));
    Ok(same.unwrap_or(false).then_some(rows))
}

/// Rows of the beginning of a table, spread over what is read of it. The session is of
/// no use afterwards.
async fn sample(
    session: &Session,
    table: &CatalogTable,
    bytes: u64,
    encoding: &str,
) -> Result<Sample, tokio_postgres::Error> {
    let client = session.client();
    let sql = "SELECT c.reltuples::pg_catalog.float8 FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) $1";
    let every = every(client.query_one(sql, &[&table.oid]).await?.get(0), bytes);
    let mut rows = RowsHasher::collecting();
    let mut stream = pin!(client.copy_out(&copy_text::of_relation(&table.name, &table.columns, encoding)).await?);
    let (mut seen, mut read, mut taken) = (0_u64, 0_u64, 0_u64);
    // One piece is one row (PostgreSQL manual, "Frontend/Backend Protocol", CopyData).
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        if seen.is_multiple_of(every) {
            rows.update(&piece);
            taken += 1;
        }
        seen += 1;
        read += piece.len() as u64;
        if taken >= SAMPLED || read >= SAMPLE_BYTES {
            break;
        }
    }
    Ok(rows.finish_with_sample().1.unwrap_or_default())
}

/// Of how many rows one is taken, of a table of this many rows (by the planner; negative
/// where it does not know) and bytes: so that the sample is full when enough was read.
fn every(tuples: f64, bytes: u64) -> u64 {
    let readable = tuples.max(0.0) * (SAMPLE_BYTES as f64 / bytes.max(1) as f64).min(1.0);
    ((readable / SAMPLED as f64) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_what_is_read() {
        // 10 million rows of 200 bytes: 1.3 million of them are in 256 MiB.
        assert_eq!(every(1e7, 2_000_000_000), 134);
        // Never analyzed, few rows, an odd estimate: each row.
        for (tuples, bytes) in [(-1.0, 8 << 30), (10.0, 10 << 30), (3.0, 0), (f64::NAN, 1 << 30)] {
            assert_eq!(every(tuples, bytes), 1, "{tuples} {bytes}");
        }
    }
}
