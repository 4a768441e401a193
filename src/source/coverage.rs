//! Whether the data streams of a database hold what its catalog had.

use std::collections::BTreeMap;

use super::archive::ArchiveContents;
use super::catalog::CatalogTable;
use super::facts::{DatabaseFacts, ObjectName};
use crate::error::{Code, Error, Result, Stage};

/// Puts what the taps read into the facts of the database.
///
/// `tables` are the catalog's in the same snapshot. Each must be in exactly one
/// archive with the columns it has; only tables of extensions may be absent.
/// Names are the catalog's: an archive has them in the database's own encoding.
///
/// # Errors
/// Dump failed (21) where a table or large object is missing or there twice.
pub fn fill(facts: &mut DatabaseFacts, tables: &[CatalogTable], archives: &[&ArchiveContents]) -> Result<()> {
    let fault = |what: &str, name: &ObjectName| {
        Error::new(Code::DumpFailed, Stage::Dump, what).on(format!("{}: {}", facts.name, name.quoted()))
    };
    let mut by_oid = BTreeMap::new();
    for table in archives.iter().flat_map(|a| &a.tables) {
        if by_oid.insert(table.oid, table).is_some() {
            return Err(fault("the table is in two streams", &table.facts.name));
        }
    }
    let mut out = Vec::with_capacity(by_oid.len());
    for expected in tables {
        match by_oid.remove(&expected.oid) {
            Some(found) => {
                if found.facts.columns.len() != expected.columns.len() {
                    return Err(fault("the dump has other columns than the table", &expected.name));
                }
                let mut table = found.facts.clone();
                table.name = expected.name.clone();
                table.columns.clone_from(&expected.columns);
                out.push(table);
            }
            None if expected.from_extension => (),
            None => return Err(fault("the table is in no stream of the dump", &expected.name)),
        }
    }
    if let Some(unknown) = by_oid.values().next() {
        return Err(fault("the dump has a table that the catalog has not", &unknown.facts.name));
    }
    let mut sequences: Vec<_> = archives.iter().flat_map(|a| &a.sequences).cloned().collect();
    sequences.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(twice) = sequences.windows(2).find(|w| w[0].name == w[1].name) {
        return Err(fault("the sequence is in two streams", &twice[0].name));
    }
    let large_objects: u64 = archives.iter().map(|a| a.large_objects).sum();
    if large_objects != facts.large_objects {
        let what = format!("the dump has {large_objects} large objects, the catalog {}", facts.large_objects);
        return Err(Error::new(Code::DumpFailed, Stage::Dump, what).on(facts.name.clone()));
    }
    facts.tables = out;
    facts.sequences = sequences;
    facts.contents_known = true;
    Ok(())
}
