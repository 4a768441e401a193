//! A logical backup: globals, then each database in one exported snapshot.

use std::path::Path;

use futures_util::future::try_join_all;

use super::streams::{Done, Taken, Work, reference};
use super::{Job, Ready};
use crate::config::schema::Databases;
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::Role;
use crate::source::facts::{DatabaseFacts, TableFacts};
use crate::source::{ConnParams, Session, Snapshot, Tapped, logical, snapshot};

/// The databases of the set with their sizes.
pub(super) async fn databases(job: &Job<'_>, conn: &ConnParams, session: &Session) -> Result<Vec<(String, u64)>> {
    let all = snapshot::database_sizes(session).await?;
    let wanted: Vec<String> = match &job.source.databases {
        Databases::All => return Ok(all),
        Databases::Connected => vec![conn.dbname.clone()],
        Databases::Named(names) => names.clone(),
    };
    wanted
        .into_iter()
        .map(|name| {
            all.iter().find(|d| d.0 == name).cloned().ok_or_else(|| {
                Error::new(Code::SourceUnusable, Stage::Source, "there is no such database, or it accepts no connections")
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
    let session = ready.conn.connect("pgseal backup").await?;
    taken.roles = snapshot::roles(&session).await?;

    for (name, _) in &ready.databases {
        let conn = ready.conn.with_database(name);
        // Held open until every child that imports it has finished.
        let snapshot = Snapshot::open(&conn).await?;
        let mut facts = snapshot.facts().await?;
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
        let done = try_join_all(streams.into_iter().map(|s| {
            number += 1;
            work.run(reference(number), s)
        }))
        .await?;
        drop(snapshot);
        facts = with_contents(facts, &done)?;
        taken.databases.push(facts);
        taken.streams.extend(done);
    }
    Ok(taken)
}

/// Replaces what the catalog said of tables and sequences by what the streams hold.
///
/// Every table of the catalog must be in exactly one stream: a table that no
/// stream holds is a backup that lacks it.
fn with_contents(mut facts: DatabaseFacts, done: &[Done]) -> Result<DatabaseFacts> {
    let failed = |m: String| {
        Error::new(Code::DumpFailed, Stage::Dump, m)
            .on(facts.name.clone())
            .hint("This backup would be incomplete and was not committed; please report it with the server's version.")
    };
    let mut tables: Vec<TableFacts> = Vec::new();
    let mut large_objects = 0;
    let mut sequences = std::collections::BTreeMap::new();
    for d in done {
        let Tapped::Archive(contents) = &d.tapped else {
            return Err(Error::internal("a dump stream was not read as an archive"));
        };
        if d.role == Role::Data {
            for t in &contents.tables {
                if tables.iter().any(|o| o.name == t.name) {
                    return Err(failed(format!("table {} is in two streams", t.name.quoted())));
                }
                tables.push(t.clone());
            }
            large_objects += contents.large_objects;
            // An owned sequence is set by every stream whose table owns it, alike.
            sequences.extend(contents.sequences.iter().map(|s| (s.name.clone(), s.clone())));
        }
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(missing) = facts.tables.iter().find(|t| tables.binary_search_by(|o| o.name.cmp(&t.name)).is_err()) {
        return Err(failed(format!("no stream holds the rows of table {}", missing.name.quoted())));
    }
    if large_objects != facts.large_objects {
        return Err(failed(format!(
            "the streams hold {large_objects} large objects, the snapshot has {}",
            facts.large_objects
        )));
    }
    facts.tables = tables;
    for s in &mut facts.sequences {
        if let Some(set) = sequences.remove(&s.name) {
            *s = set;
        }
    }
    facts.contents_known = true;
    Ok(facts)
}
