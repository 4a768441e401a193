//! The streams of a logical backup.
//!
//! `globals` once, and per database `schema` and one or more `data` streams of
//! the same snapshot. Every name reaches pg_dump quoted or by environment.

use std::path::Path;
use std::time::Duration;

use super::conninfo;
use super::facts::ObjectName;
use super::snapshot::{Snapshot, TableSize};
use super::{ArchiveTap, ConnParams, DumpStream, GlobalsTap, PgBin, Purpose, StreamRole};
use crate::error::Result;
use crate::process::{Stdout, Tool};
use crate::types::text::quote_ident;

/// Smaller tables are not worth a place of their own in a stream.
const LARGE: u64 = 32 * 1024 * 1024;

/// Most tables that are named on a command line.
const MOST_NAMED: usize = 256;

/// `pg_dumpall --globals-only`: roles, memberships, tablespaces, and settings per role.
pub fn globals(bin: &PgBin, conn: &ConnParams, private_dir: &Path, role_passwords: bool) -> Result<DumpStream> {
    let mut tool = bin
        .tool("pg_dumpall")?
        .args(["--globals-only", "--no-password", "--no-sync", "--encoding=UTF8"])
        // It would go to `postgres` or `template1`, which the role may not be allowed to
        // enter or which are not there. As a connection string: a name like "host=evil"
        // is obeyed otherwise.
        .arg(format!("--database=dbname={}", conninfo::quoted(&conn.dbname)))
        .envs(conn.child_env(private_dir, Purpose::Read)?)
        .stdout(Stdout::Piped);
    if !role_passwords {
        tool = tool.arg("--no-role-passwords");
    }
    Ok(DumpStream {
        role: StreamRole::Globals,
        database: None,
        tool,
        tap: Box::<GlobalsTap>::default(),
        tables: Vec::new(),
    })
}

/// The streams of one database: `schema` first, then 1 to `jobs` of `data`.
///
/// The largest tables are spread over all but the last data stream; that one
/// takes everything else with the large objects and all sequence values, without
/// those that `unreadable` names.
#[allow(clippy::too_many_arguments)]
pub fn database(
    bin: &PgBin,
    conn: &ConnParams,
    private_dir: &Path,
    snapshot: &Snapshot,
    sizes: &[TableSize],
    unreadable: &[ObjectName],
    jobs: usize,
    lock_wait: Duration,
) -> Result<Vec<DumpStream>> {
    let base = |section: &[&str]| -> Result<Tool> {
        Ok(bin
            .tool("pg_dump")?
            .args(["--format=custom", "--compress=0", "--no-password", "--no-sync"])
            .arg(format!("--snapshot={}", snapshot.id()))
            // Not what `ALTER DATABASE … SET client_encoding` says: no conversion can fail,
            // and the rows have the bytes that their digests are of.
            .arg(format!("--encoding={}", snapshot.encoding()))
            .arg(format!("--lock-wait-timeout={}", lock_wait.as_millis()))
            .args(section.iter().map(|s| format!("--section={s}")))
            .envs(conn.child_env(private_dir, Purpose::Read)?)
            .stdout(Stdout::Piped))
    };
    let stream = |role, tool, tables: Vec<ObjectName>| DumpStream {
        role,
        database: Some(conn.dbname.clone()),
        tool,
        tap: Box::new(ArchiveTap::new()),
        tables,
    };
    // pg_dump reads the names of its command line in the encoding of the dump.
    let can_be_named = |t: &&TableSize| snapshot.encoding() == "UTF8" || t.is_ascii();
    let spread = spread(sizes.iter().filter(can_be_named), jobs);
    let mut streams = vec![stream(StreamRole::Schema, base(&["pre-data", "post-data"])?, Vec::new())];
    for group in &spread {
        let mut tool = base(&["data"])?;
        for table in group {
            tool = tool.arg(format!("--table={}", pattern(&table.name)));
            // pg_dump adds owned sequences by itself; they come with the last stream.
            for sequence in &table.owned_sequences {
                tool = tool.arg(format!("--exclude-table-data={}", pattern(sequence)));
            }
        }
        streams.push(stream(StreamRole::Data, tool, group.iter().map(|t| t.name.clone()).collect()));
    }
    let mut rest = base(&["data"])?;
    for table in spread.iter().flatten() {
        rest = rest.arg(format!("--exclude-table-data={}", pattern(&table.name)));
    }
    // pg_dump passes over unlogged tables of a standby by itself, not over such sequences.
    for sequence in unreadable {
        rest = rest.arg(format!("--exclude-table-data={}", pattern(sequence)));
    }
    let named = |t: &TableSize| spread.iter().flatten().any(|s| s.name == t.name);
    let others = sizes.iter().filter(|t| !t.from_extension && !named(t)).map(|t| t.name.clone()).collect();
    streams.push(stream(StreamRole::Data, rest, others));
    Ok(streams)
}

/// Large tables for `jobs - 1` streams, the largest first to the lightest
/// stream; the stream of everything else starts with its own weight.
fn spread<'a>(sizes: impl Iterator<Item = &'a TableSize> + Clone, jobs: usize) -> Vec<Vec<&'a TableSize>> {
    let mut large: Vec<&TableSize> = sizes.clone().filter(|t| !t.from_extension && t.bytes >= LARGE).collect();
    large.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    large.truncate(MOST_NAMED);
    let small = sizes.map(|t| t.bytes).sum::<u64>() - large.iter().map(|t| t.bytes).sum::<u64>();
    let mut groups: Vec<(u64, Vec<&TableSize>)> = vec![(0, Vec::new()); jobs.saturating_sub(1)];
    let mut rest = small;
    for table in large {
        match groups.iter_mut().min_by_key(|g| g.0) {
            // What fits best beside the small ones stays with them.
            Some(group) if group.0 <= rest => {
                group.0 += table.bytes;
                group.1.push(table);
            }
            _ => rest += table.bytes,
        }
    }
    groups.into_iter().map(|g| g.1).filter(|g| !g.is_empty()).collect()
}

/// A pattern that matches this one name: in double quotes everything is literal
/// (PostgreSQL manual, psql, "Patterns").
fn pattern(name: &ObjectName) -> String {
    format!("{}.{}", quote_ident(&name.schema), quote_ident(&name.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, mb: u64) -> TableSize {
        TableSize {
            name: ObjectName { schema: "s".into(), name: name.into() },
            bytes: mb << 20,
            from_extension: false,
            owned_sequences: Vec::new(),
        }
    }

    fn names(sizes: &[TableSize], jobs: usize) -> Vec<Vec<&str>> {
        spread(sizes.iter(), jobs).into_iter().map(|g| g.into_iter().map(|t| t.name.name.as_str()).collect()).collect()
    }

    #[test]
    fn large_tables_are_spread_and_small_ones_stay_together() {
        let sizes = [table("a", 100), table("b", 90), table("c", 80), table("d", 31), table("e", 1)];
        assert_eq!(names(&sizes, 3), [vec!["a"], vec!["b"]]);
        assert_eq!(names(&sizes, 4), [vec!["a"], vec!["b"], vec!["c"]]);
        assert!(names(&sizes, 1).is_empty());
        assert!(names(&sizes, 0).is_empty());
        assert!(names(&sizes[3..], 8).is_empty());
    }

    #[test]
    fn tables_of_extensions_are_never_named() {
        let mut t = table("x", 500);
        t.from_extension = true;
        assert!(names(&[t], 4).is_empty());
    }
}
