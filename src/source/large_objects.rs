//! Large objects: how many, what is in them, whose they are.
//!
//! Their content is read off the dump stream at backup time and off the
//! restored copy at check time, so that the source is read only once. There may
//! be millions of them: what is sealed are sums that do not depend on their order
//! (see [`crate::types::RowsHasher`] for what such a sum is good for).

use std::pin::pin;

use futures_util::StreamExt as _;
use tokio_postgres::Row;

use super::ask::{Ask, rows};
use crate::error::Result;
use crate::types::{Digest, Hasher, RowsHasher};

/// Content of large objects, taken one after the other in pieces.
///
/// One line each: its number and the SHA-256 of its bytes.
#[derive(Debug, Default)]
pub struct ContentHasher {
    sum: RowsHasher,
    now: Option<(u32, Hasher)>,
}

impl ContentHasher {
    /// The object with this number begins.
    pub fn begin(&mut self, oid: u32) {
        self.end();
        self.now = Some((oid, Hasher::default()));
    }

    /// Its next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some((_, hasher)) = &mut self.now {
            hasher.update(bytes);
        }
    }

    fn end(&mut self) {
        if let Some((oid, hasher)) = self.now.take() {
            self.sum.update(format!("{oid} {}\n", hasher.finish()).as_bytes());
        }
    }

    /// Number of objects and their digest.
    pub fn finish(mut self) -> (u64, Digest) {
        self.end();
        let (number, _, digest) = self.sum.finish();
        (number, digest)
    }
}

/// Number of large objects.
pub async fn count(session: &impl Ask) -> Result<u64> {
    let sql = "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata";
    let list = rows(session, "the large objects", sql, &[]).await?;
    Ok(list.first().map_or(0, |r| r.get::<_, i64>(0).unsigned_abs()))
}

/// Digest of the owners and privileges of all large objects.
pub async fn rights(session: &impl Ask) -> Result<Option<Digest>> {
    const RIGHTS: &str = "SELECT oid, pg_catalog.pg_get_userbyid(lomowner)::text, \
        ARRAY(SELECT DISTINCT CASE a.grantee WHEN 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END \
                || '=' || a.privilege_type || a.is_grantable \
              FROM pg_catalog.aclexplode(COALESCE(lomacl, pg_catalog.acldefault('L', lomowner))) a ORDER BY 1) \
        FROM pg_catalog.pg_largeobject_metadata";
    let line = |row: &Row| {
        let (oid, owner, rights): (u32, String, Vec<String>) = (row.get(0), row.get(1), row.get(2));
        format!("{oid} {owner:?} {rights:?}\n")
    };
    digest(session, "the rights on large objects", RIGHTS, line).await.map(Some)
}

/// Digest of the comments and security labels of all large objects.
pub async fn labels(session: &impl Ask) -> Result<Digest> {
    const LABELS: &str = "SELECT objoid, 'comment', description FROM pg_catalog.pg_description \
          WHERE classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass \
        UNION ALL SELECT objoid, 'label of ' || provider, label FROM pg_catalog.pg_seclabel \
          WHERE classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass";
    let line = |row: &Row| {
        let (oid, what, text): (u32, String, String) = (row.get(0), row.get(1), row.get(2));
        format!("{oid} {what:?} {text:?}\n")
    };
    digest(session, "the comments on large objects", LABELS, line).await
}

/// Digest of a query's rows in any order, each as one line.
async fn digest(session: &impl Ask, what: &str, sql: &str, line: impl Fn(&Row) -> String) -> Result<Digest> {
    let failed = |e| session.refused(what, e);
    let none: [i32; 0] = [];
    let mut list = pin!(session.client().query_raw(sql, none).await.map_err(failed)?);
    let mut sum = RowsHasher::default();
    while let Some(row) = list.next().await {
        sum.update(line(&row.map_err(failed)?).as_bytes());
    }
    Ok(sum.finish().2)
}

/// Number and content of all large objects, read from the server's table; that
/// takes a superuser, or `pg_read_all_data`. A hole, which no restore leaves,
/// makes another digest.
pub async fn content(session: &impl Ask) -> Result<(u64, Digest)> {
    let failed = |e| session.refused("the large objects", e);
    let none: [i32; 0] = [];
    // Along the index: sorting would write all of it to disk again.
    session.client().batch_execute("SET enable_sort = off; SET enable_hashjoin = off").await.map_err(failed)?;
    let mut list = pin!(
        session
            .client()
            .query_raw(
                "SELECT m.oid, l.pageno, l.data FROM pg_catalog.pg_largeobject_metadata m \
                 LEFT JOIN pg_catalog.pg_largeobject l ON l.loid = m.oid ORDER BY m.oid, l.pageno",
                none
            )
            .await
            .map_err(failed)?
    );
    let (mut sum, mut before, mut page) = (ContentHasher::default(), None, 0);
    while let Some(row) = list.next().await {
        let row = row.map_err(failed)?;
        let (oid, number): (u32, Option<i32>) = (row.get(0), row.get(1));
        if before != Some(oid) {
            sum.begin(oid);
            (before, page) = (Some(oid), 0);
        }
        if let Some(number) = number {
            if number != page {
                sum.update(b"hole");
            }
            page = number.wrapping_add(1);
            sum.update(row.get(2));
        }
    }
    Ok(sum.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: &[(u32, &[&[u8]])]) -> (u64, Digest) {
        let mut sum = ContentHasher::default();
        for (oid, pieces) in all {
            sum.begin(*oid);
            pieces.iter().for_each(|p| sum.update(p));
        }
        sum.finish()
    }

    #[test]
    fn content_is_summed_without_order_and_cuts() {
        let one = of(&[(1, &[b"ab", b"c"]), (2, &[])]);
        assert_eq!(one, of(&[(2, &[b""]), (1, &[b"abc"])]));
        assert_eq!(one.0, 2);
        assert_ne!(one.1, of(&[(1, &[b"abd"]), (2, &[])]).1);
        assert_ne!(one.1, of(&[(2, &[b"abc"]), (1, &[])]).1, "the number counts");
        assert_ne!(one.1, of(&[(1, &[b"abc"])]).1, "empty ones count");
    }
}
