//! What `initdb` made in a database: the rows of the system's catalogs with numbers
//! below 16384 (PostgreSQL source, `FirstNormalObjectId`).
//!
//! No dump writes them, so a restored database has them as a fresh one has. They are
//! read by `COPY (SELECT columns FROM catalog) TO`, which calls no operator and no function
//! but the output functions of types: what is asked about must not answer.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::StreamExt as _;

use super::ask::{Ask, rows};
use crate::error::{Code, Error, Result, Stage};
use crate::types::text::quote_ident;
use crate::types::{Digest, RowsHasher};

/// First number of what users make.
const FIRST_OF_USERS: u32 = 16_384;

/// Most bytes of one row that are kept until its end; a view's rule may have some MiB.
const LONGEST: usize = 64 << 20;

/// Catalogs whose rows say what there is. The others hold statistics, dependences,
/// comments, and what only users make.
const LEFT: &str = "'pg_statistic', 'pg_statistic_ext_data', 'pg_depend', 'pg_description', 'pg_init_privs', 'pg_seclabel', \
    'pg_largeobject', 'pg_largeobject_metadata', 'pg_default_acl', 'pg_namespace', 'pg_inherits'";

/// Columns that change by themselves, by a dump's `GRANT`, or by what users make of
/// their own: an operator of theirs becomes the commutator of a built-in one.
const MOVING: &str = "'relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid', 'relfilenode', \
    'relhasindex', 'relhasrules', 'relhastriggers', 'relhassubclass', 'indcheckxmin', 'oprcom', 'oprnegate', \
    'attcacheoff', 'collversion'";

/// Rows by catalog and the number of the object that each belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builtin {
    catalogs: Vec<Catalog>,
    rows: BTreeMap<(usize, u32), Digest>,
}

/// A catalog, and the columns that are read; the first one is the number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Catalog {
    name: String,
    columns: Vec<String>,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The catalog's name.
    pub catalog: String,
    /// The object's number.
    pub number: u32,
    /// `missing`, `new` or `changed`.
    pub how: &'static str,
}

impl Builtin {
    /// Reads a database that nobody has touched.
    ///
    /// # Errors
    /// Those of the session.
    pub async fn read(session: &impl Ask) -> Result<Self> {
        let sql = format!(
            "SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
             WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared AND c.oid < 16384 \
               AND c.relname NOT IN ({LEFT}) AND a.attname NOT IN ({MOVING}) AND a.atttypid <> 'aclitem[]'::regtype \
               AND EXISTS(SELECT FROM pg_catalog.pg_attribute k WHERE k.attrelid = c.oid AND k.attnum = 1 \
                          AND k.atttypid IN ('oid'::regtype, 'regproc'::regtype)) \
             GROUP BY c.relname ORDER BY c.relname COLLATE \"C\""
        );
        let list = rows(session, "the system's catalogs", &sql, &[]).await?;
        let catalogs = list.iter().map(|r| Catalog { name: r.get(0), columns: r.get(1) }).collect();
        Self { catalogs, rows: BTreeMap::new() }.again(session).await
    }

    /// Reads the same columns of the same catalogs of another database.
    ///
    /// # Errors
    /// Those of the session.
    pub async fn again(&self, session: &impl Ask) -> Result<Self> {
        let mut seen: BTreeMap<(usize, u32), RowsHasher> = BTreeMap::new();
        for (n, catalog) in self.catalogs.iter().enumerate() {
            let failed = |e| session.refused("the system's catalogs", e);
            let mut columns: Vec<String> = catalog.columns.iter().map(|c| quote_ident(c)).collect();
            // A `regproc` is written as a name; as a number it stays what it is, no function is called.
            if let Some(first) = columns.first_mut() {
                *first += "::pg_catalog.oid";
            }
            let (columns, name) = (columns.join(", "), quote_ident(&catalog.name));
            let copy = format!("COPY (SELECT {columns} FROM pg_catalog.{name}) TO STDOUT");
            let mut stream = pin!(session.client().copy_out(&copy).await.map_err(failed)?);
            let mut line: Vec<u8> = Vec::new();
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(failed)?;
                for part in piece.split_inclusive(|b| *b == b'\n') {
                    if line.len() + part.len() > LONGEST {
                        return Err(unreadable(&catalog.name));
                    }
                    line.extend_from_slice(part);
                    if part.ends_with(b"\n") {
                        let number = number(&line).ok_or_else(|| unreadable(&catalog.name))?;
                        if number < FIRST_OF_USERS {
                            seen.entry((n, number)).or_default().update(&line);
                        }
                        line.clear();
                    }
                }
            }
        }
        let rows = seen.into_iter().map(|(key, hasher)| (key, hasher.finish().2)).collect();
        Ok(Self { catalogs: self.catalogs.clone(), rows })
    }

    /// How many objects of a catalog were read.
    pub fn of(&self, catalog: &str) -> usize {
        self.rows.keys().filter(|(n, _)| self.catalogs.get(*n).is_some_and(|c| c.name == catalog)).count()
    }

    /// What `other`, which was read by [`Self::again`], has differently.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let named = |(catalog, number): (usize, u32), how| {
            let catalog = self.catalogs.get(catalog).map(|c| c.name.clone()).unwrap_or_default();
            Difference { catalog, number, how }
        };
        let lost = self.rows.iter().filter_map(|(key, digest)| match other.rows.get(key) {
            None => Some(named(*key, "missing")),
            Some(now) if now != digest => Some(named(*key, "changed")),
            Some(_) => None,
        });
        let new = other.rows.keys().filter(|key| !self.rows.contains_key(key)).map(|key| named(*key, "new"));
        lost.chain(new).collect()
    }
}

fn unreadable(catalog: &str) -> Error {
    Error::new(Code::CouldNotRun, Stage::Checks, "a row of the catalog cannot be read").on(catalog)
}

/// The first column's value.
fn number(line: &[u8]) -> Option<u32> {
    let end = line.iter().position(|b| matches!(b, b'\t' | b'\n'))?;
    std::str::from_utf8(&line[..end]).ok()?.parse().ok()
}
