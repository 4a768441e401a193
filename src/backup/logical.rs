//! A logical backup: globals, then each database in one exported snapshot.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::try_join_all;

use super::streams::{Done, Taken, Work, reference};
use super::{Job, Ready};
use crate::config::schema::Databases;
use crate::error::{Code, Error, Result, Stage};
use crate::source::archive::ArchiveContents;
use crate::source::catalog::CatalogTable;
use crate::source::facts::ObjectName;
use crate::source::{ConnParams, Session, Snapshot, Tapped, coverage, logical, probe};

/// The databases of the set with their sizes.
pub(super) async fn databases(job: &Job<'_>, conn: &ConnParams, session: &Session) -> Result<Vec<(String, u64)>> {
    let all = probe::database_sizes(session).await?;
    let wanted: Vec<String> = match &job.source.databases {
        Databases::All => return Ok(all),
        Databases::Connected => vec![conn.dbname.clone()],
        Databases::Named(names) => names.clone(),
    };
    wanted
        .into_iter()
        .map(|name| {
            all.iter().find(|d| d.0 == name).cloned().ok_or_else(|| {
                Error::new(
                    Code::SourceUnusable,
                    Stage::Source,
                    "there is no such database, or it accepts no connections",
                )
                .on(name)
                .hint("Check source.*.databases.")
            })
        })
        .collect()
}

/// Takes everything.
pub(super) async fn take(job: &Job<'_>, ready: &Ready, work: &Work<'_>, private: &Path) -> Result<Taken> {
    let mut taken = Taken::default();
    for program in ["pg_dump", "pg_dumpall"] {
        taken.producer.insert(program.into(), ready.bin.version_line(program).await?);
    }
    let mut number = 1;
    let globals = logical::globals(&ready.bin, &ready.conn, private, job.source.role_passwords)?;
    taken.streams.push(work.run(reference(number), globals).await?);
    let session = ready.conn.connect_read_only("pgseal backup").await?;
    taken.server(&session, work.progress).await?;
    drop(session);

    for (name, _) in &ready.databases {
        let conn = ready.conn.with_database(name);
        // Held open until every child that imports it has finished.
        let snapshot = Snapshot::open(&conn).await?;
        let mut facts = snapshot.facts().await?;
        let tables = snapshot.tables().await?;
        let sizes = snapshot.table_sizes().await?;
        let streams = logical::database(
            &ready.bin,
            &conn,
            private,
            snapshot.id(),
            &sizes,
            job.source.jobs,
            job.source.lock_wait,
        )?;
        let mut done = try_join_all(streams.into_iter().map(|s| {
            number += 1;
            work.run(reference(number), s)
        }))
        .await?;
        drop(snapshot);
        // Every table of the snapshot is in exactly one stream, or there is no backup.
        coverage::fill(&mut facts, &tables, &archives(&done)?)?;
        name_tables(&mut done, &tables);
        taken.databases.push(facts);
        taken.streams.extend(done);
    }
    Ok(taken)
}

/// Gives the tables of each stream the catalog's names: an archive has them in
/// the database's own encoding.
fn name_tables(done: &mut [Done], tables: &[CatalogTable]) {
    let by_oid: BTreeMap<u32, &ObjectName> = tables.iter().map(|t| (t.oid, &t.name)).collect();
    for d in done {
        if let Tapped::Archive(contents) = &d.tapped {
            let named = contents.tables.iter().map(|t| by_oid.get(&t.oid).map_or(&t.facts.name, |n| *n).clone());
            d.facts.tables = named.collect();
        }
    }
}

fn archives(done: &[Done]) -> Result<Vec<&ArchiveContents>> {
    done.iter()
        .map(|d| match &d.tapped {
            Tapped::Archive(contents) => Ok(contents),
            _ => Err(Error::internal("a dump stream was not read as an archive")),
        })
        .collect()
}
