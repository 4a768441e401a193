//! The files that a physical copy must have, by its own catalogs.

use std::collections::BTreeSet;

use super::subject::{failed, query};
use crate::error::Result;
use crate::scratch::Instance;
use crate::source::facts::ObjectName;

/// What lies in a relation's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Rows of a table, a materialized view or TOAST.
    Heap,
    /// A valid B-tree index of the table with this number.
    Btree {
        /// `pg_class.oid` of the table.
        of: u32,
    },
    /// Another index of a kind of PostgreSQL's own.
    Index,
    /// A sequence.
    Sequence,
    /// Anything else with a file.
    Other,
}

impl Shape {
    /// Whether its first page is never without content: the page of an index that tells
    /// what it is, or the root; the one row of a sequence.
    pub(super) const fn begins_with_a_page(self) -> bool {
        matches!(self, Self::Btree { .. } | Self::Index | Self::Sequence)
    }
}

/// A relation with a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) database: String,
    pub(super) oid: u32,
    pub(super) name: ObjectName,
    pub(super) shape: Shape,
    /// Below the data directory.
    pub(super) path: String,
}

/// All relations with files, and what is needed to read these.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    pub(super) all: Vec<Relation>,
    /// Directories of the databases, below the data directory.
    pub(super) databases: Vec<String>,
    /// Number of databases whose catalog could not be read.
    pub(super) unread: u64,
    /// Bytes of a page.
    pub(super) page: usize,
    /// Pages of a file of a relation.
    pub(super) segment_pages: u64,
}

/// Temporary relations have no file in a base backup.
const LIST: &str = "select c.oid, n.nspname::text, c.relname::text, pg_relation_filepath(c.oid), \
     case when c.relkind in ('r', 'm', 't') and a.amname = 'heap' then 'h' when c.relkind = 'S' then 's' \
          when a.amname = 'btree' and i.indisvalid and i.indisready and i.indislive then 'b' \
          when a.amname in ('btree', 'hash', 'gist', 'gin', 'spgist', 'brin') then 'i' else 'o' end, \
     coalesce(i.indrelid, 0) \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_am a on a.oid = c.relam \
     left join pg_index i on i.indexrelid = c.oid \
     where c.relkind in ('r', 'm', 't', 'i', 'S') and c.relpersistence <> 't'";

impl Relations {
    /// Asks every database of the running copy.
    ///
    /// # Errors
    /// 53 where the copy does not answer at all. A single database that does not is noted.
    pub async fn read(instance: &Instance) -> Result<Self> {
        let session = instance.connect_any().await?;
        let sql = "select (select setting::int8 from pg_settings where name = 'block_size'), \
                   (select setting::int8 from pg_settings where name = 'segment_size')";
        let row = session.client().query_one(sql, &[]).await.map_err(|e| failed(&e))?;
        let number = |n| u64::try_from(row.get::<_, i64>(n)).unwrap_or(0);
        let page = usize::try_from(number(0).clamp(1024, 32_768)).unwrap_or(8192);
        let mut out = Self { page, segment_pages: number(1).max(1), ..Self::default() };
        let sql = "select d.oid, d.datname::text, d.datallowconn and d.datconnlimit <> -2 from pg_database d \
                   join pg_tablespace t on t.oid = d.dattablespace where t.spcname = 'pg_default' order by 2";
        let mut shared = BTreeSet::new();
        for row in query(session.client(), sql, &[]).await? {
            let (oid, name): (u32, String) = (row.get(0), row.get(1));
            out.databases.push(format!("base/{oid}"));
            if !row.get::<_, bool>(2) {
                continue;
            }
            match Self::of_database(instance, &name).await {
                Ok(list) => out.all.extend(list.into_iter().filter(|r| {
                    // What all databases share is looked at once.
                    !r.path.starts_with("global/") || shared.insert(r.path.clone())
                })),
                Err(e) => {
                    tracing::debug!(error = %e, "the relations of a database could not be listed");
                    out.unread += 1;
                }
            }
        }
        Ok(out)
    }

    async fn of_database(instance: &Instance, database: &str) -> Result<Vec<Relation>> {
        let session = instance.connect(database).await?;
        let list = query(session.client(), LIST, &[]).await?;
        Ok(list
            .iter()
            .filter_map(|r| {
                let shape = match r.get::<_, &str>(4) {
                    "h" => Shape::Heap,
                    "s" => Shape::Sequence,
                    "i" => Shape::Index,
                    "b" => Shape::Btree { of: r.get(5) },
                    _ => Shape::Other,
                };
                let name = ObjectName { schema: r.get(1), name: r.get(2) };
                let path: Option<String> = r.get(3);
                Some(Relation { database: database.to_owned(), oid: r.get(0), name, shape, path: path? })
            })
            .collect())
    }
}
