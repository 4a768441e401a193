//! Whether the data streams of a database hold what its catalog had.

use std::collections::BTreeMap;

use super::archive::ArchiveContents;
use super::catalog::CatalogTable;
use super::counting::{Count, Counts};
use super::facts::{Counted, DatabaseFacts, ObjectName, SequenceFacts, TableFacts};
use crate::error::{Code, Error, Result, Stage};
use crate::types::RowsHasher;

/// Tables that one warning names.
const NAMED: usize = 5;

/// Puts what the taps read into the facts of the database.
///
/// `facts` and `tables` are the catalog's in the same snapshot. Each table must
/// be in exactly one archive with the columns it has, each sequence and large
/// object too; only what belongs to extensions may be absent. Tables *of*
/// extensions are left out of the facts: a dump holds only some of their rows.
/// Names are the catalog's: an archive has them in the database's own encoding.
///
/// # Errors
/// Dump failed (21) where a table, sequence or large object is missing or there twice.
pub fn fill(facts: &mut DatabaseFacts, tables: &[CatalogTable], archives: &[&ArchiveContents]) -> Result<()> {
    let mut by_oid = BTreeMap::new();
    for table in archives.iter().flat_map(|a| &a.tables) {
        if by_oid.insert(table.oid, table).is_some() {
            return Err(fault(facts, "the table is in two streams", &table.facts.name));
        }
    }
    let mut out = Vec::with_capacity(by_oid.len());
    for expected in tables {
        match by_oid.remove(&expected.oid) {
            Some(_) if expected.extension_member => (),
            Some(found) => {
                if found.facts.columns.len() != expected.columns.len() {
                    return Err(fault(facts, "the dump has other columns than the table", &expected.name));
                }
                let mut table = found.facts.clone();
                table.name = expected.name.clone();
                table.columns.clone_from(&expected.columns);
                table.loaded_through.clone_from(&expected.loaded_through);
                out.push(table);
            }
            None if expected.from_extension => (),
            // A standby has no rows of it, so the backup has the table without rows.
            None if expected.unreadable => out.extend(facts.tables.iter().find(|t| t.name == expected.name).map(empty)),
            None => return Err(fault(facts, "the table is in no stream of the dump", &expected.name)),
        }
    }
    if let Some(unknown) = by_oid.values().next() {
        return Err(fault(facts, "the dump has a table that the catalog has not", &unknown.facts.name));
    }
    let large_objects: u64 = archives.iter().map(|a| a.large_objects).sum();
    if large_objects != facts.large_objects {
        let what = format!("the dump has {large_objects} large objects, the catalog {}", facts.large_objects);
        return Err(Error::new(Code::DumpFailed, Stage::Dump, what).on(facts.name.clone()));
    }
    // All of them are in one stream: sums of several could be added, but need not be.
    let mut digests = archives.iter().filter_map(|a| a.large_object_digest);
    facts.large_object_digest = digests.next();
    if digests.next().is_some() {
        return Err(
            Error::new(Code::DumpFailed, Stage::Dump, "large objects are in two streams").on(facts.name.clone())
        );
    }
    facts.sequences = sequences(facts, archives)?;
    facts.tables = out;
    facts.contents_known = true;
    Ok(())
}

/// A table that is dumped without rows.
fn empty(table: &TableFacts) -> TableFacts {
    let (rows, bytes, digest) = RowsHasher::default().finish();
    TableFacts { rows: Some(rows), bytes: Some(bytes), digest: Some(digest), ..table.clone() }
}

/// Compares the archives with what the server counted, and notes in the facts
/// who counted. Gives a warning where nobody counted some tables.
///
/// # Errors
/// Dump failed (21) where a table has other rows in the dump than in the server:
/// such a backup is none.
pub fn counted(
    facts: &mut DatabaseFacts,
    tables: &[CatalogTable],
    archives: &[&ArchiveContents],
    counts: &Counts,
) -> Result<Option<String>> {
    let found: BTreeMap<u32, _> = archives.iter().flat_map(|a| &a.tables).map(|t| (t.oid, t)).collect();
    let mut said = BTreeMap::new();
    let mut unknown_of = Vec::new();
    for table in tables.iter().filter(|t| !t.extension_member) {
        let Some(dumped) = found.get(&table.oid) else { continue };
        let rows = dumped.facts.rows.unwrap_or_default();
        let unknown = Count::Unknown("connection".to_owned());
        let by = match (counts.get(&table.oid).unwrap_or(&unknown), &dumped.sample) {
            (Count::Rows(n), _) if *n == rows => Counted::Server,
            (Count::Rows(n), _) => {
                let what = format!("the dump has {rows} rows, but the server counts {n} in the same snapshot");
                return Err(lost(facts, &what, &table.name));
            }
            (Count::Sampled, Some(sample)) if sample.missing() == 0 => Counted::Sample(sample.rows()),
            (Count::Sampled, Some(sample)) => {
                let what = format!(
                    "the dump lacks {} of {} rows that the server has in the same snapshot",
                    sample.missing(),
                    sample.rows()
                );
                return Err(lost(facts, &what, &table.name));
            }
            (Count::Sampled, None) => return Err(crate::Error::internal("a sample was not looked for")),
            (Count::Unknown(why), _) => {
                unknown_of.push(format!("{} ({why}; the dump has {rows})", table.name.quoted()));
                Counted::Nobody(why.clone())
            }
        };
        said.insert(table.name.clone(), by);
    }
    for table in &mut facts.tables {
        table.counted = said.remove(&table.name);
    }
    let number = unknown_of.len();
    unknown_of.truncate(NAMED);
    Ok((number > 0).then(|| {
        let more = if number > NAMED { ", …" } else { "" };
        let names = unknown_of.join(", ");
        format!(
            "{}: the server could not count the rows of {number} table(s) beside the dump: {names}{more}",
            facts.name
        )
    }))
}

fn lost(facts: &DatabaseFacts, what: &str, name: &ObjectName) -> Error {
    fault(facts, what, name).hint(
        "Nothing was committed. Run the backup again: a table that is truncated while a backup begins looks like \
         this. Where it stays, check the pg_dump in tools.pg_bindir, and the table with pg_amcheck.",
    )
}

fn fault(facts: &DatabaseFacts, what: &str, name: &ObjectName) -> Error {
    Error::new(Code::DumpFailed, Stage::Dump, what).on(format!("{}: {}", facts.name, name.quoted()))
}

/// The catalog's sequences with the archives' values.
///
/// The archive has no number for a sequence, only its name in the database's
/// encoding; what is not ASCII in it is compared as "something".
fn sequences(facts: &DatabaseFacts, archives: &[&ArchiveContents]) -> Result<Vec<SequenceFacts>> {
    let utf8 = facts.encoding == "UTF8";
    let key = |n: &ObjectName| if utf8 { n.clone() } else { ascii_only(n) };
    let mut found = BTreeMap::new();
    for sequence in archives.iter().flat_map(|a| &a.sequences) {
        if found.insert(key(&sequence.name), sequence).is_some() {
            let what = "the sequence is in two streams, or its name differs too little from another";
            return Err(fault(facts, what, &sequence.name));
        }
    }
    let mut out = Vec::with_capacity(facts.sequences.len());
    for expected in &facts.sequences {
        let Some(value) = found.remove(&key(&expected.name)) else {
            return Err(fault(facts, "the sequence is in no stream of the dump", &expected.name));
        };
        let (last_value, is_called) = (value.last_value, value.is_called);
        out.push(SequenceFacts { name: expected.name.clone(), last_value, is_called, until: None });
    }
    // What is left belongs to extensions.
    Ok(out)
}

/// Holds the archives' sequences against what the server told sooner and later than they
/// were dumped: one that stood still meanwhile has the same value there.
///
/// # Errors
/// Dump failed (21).
pub fn sequences_fit(facts: &DatabaseFacts, sooner: &[SequenceFacts], later: &[SequenceFacts]) -> Result<()> {
    let later: BTreeMap<_, _> = later.iter().map(|s| (&s.name, s)).collect();
    let still: BTreeMap<_, _> =
        sooner.iter().filter(|s| s.is_called && later.get(&s.name) == Some(s)).map(|s| (&s.name, s)).collect();
    match facts.sequences.iter().find(|s| still.get(&s.name).is_some_and(|was| was != s)) {
        Some(other) => Err(fault(facts, "the dump has another value of the sequence than the server", &other.name)),
        None => Ok(()),
    }
}

/// Every run of other characters becomes one U+FFFD.
fn ascii_only(name: &ObjectName) -> ObjectName {
    let fold = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            if c.is_ascii() {
                out.push(c);
            } else if !out.ends_with('\u{fffd}') {
                out.push('\u{fffd}');
            }
        }
        out
    };
    ObjectName { schema: fold(&name.schema), name: fold(&name.name) }
}
