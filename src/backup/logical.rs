//! A logical backup: globals, then each database in one exported snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::{try_join, try_join_all};

use super::streams::{Done, Taken, Work, reference};
use super::{Job, Ready, unwritten};
use crate::config::schema::Databases;
use crate::error::{Code, Error, Result, Stage};
use crate::source::archive::ArchiveContents;
use crate::source::catalog::{self, CatalogTable};
use crate::source::computed::Computing;
use crate::source::counting::Counter;
use crate::source::facts::{ComputedFacts, DatabaseFacts, ObjectName};
use crate::source::left_out::{Part, Why};
use crate::source::probe::Listed;
use crate::source::{ConnParams, LeftOut, Session, Snapshot, Tapped, computed, coverage, logical, misdumped, probe};
use crate::types::{Event, shown};

/// How often a database is begun in which something vanishes while it is read.
const TRIES: u32 = 5;

/// The databases of the set with their sizes, and what the set leaves out.
pub(super) async fn databases(
    job: &Job<'_>,
    conn: &ConnParams,
    session: &Session,
) -> Result<(Vec<(String, u64)>, Vec<LeftOut>)> {
    let all = probe::listed(session).await?;
    let wanted: Vec<String> = match &job.source.databases {
        Databases::All => return everything(conn, all).await,
        Databases::Connected => vec![conn.dbname.clone()],
        Databases::Named(names) => names.clone(),
    };
    let find = |name: String| {
        let refuse = |what: &str| {
            let e = Error::new(Code::SourceUnusable, Stage::Source, what).on(name.clone());
            Err(e.hint("Check source.*.databases."))
        };
        match all.iter().find(|d| d.name == name) {
            None => refuse("there is no such database"),
            Some(d) => match d.why {
                Some(Why::NoConnections) => refuse("the database accepts no connections"),
                Some(Why::Invalid) => refuse("the database is invalid: its DROP DATABASE was interrupted"),
                // A template that is named is wanted.
                _ => Ok((d.name.clone(), d.bytes)),
            },
        }
    };
    Ok((wanted.into_iter().map(find).collect::<Result<_>>()?, Vec::new()))
}

/// What `databases = "all"` means. A `template1` in which nobody made anything is
/// not worth a word.
async fn everything(conn: &ConnParams, all: Vec<Listed>) -> Result<(Vec<(String, u64)>, Vec<LeftOut>)> {
    let (mut set, mut left_out) = (Vec::new(), Vec::new());
    for d in all {
        let Some(why) = d.why else {
            set.push((d.name, d.bytes));
            continue;
        };
        if why == Why::Template && d.name == "template1" {
            let pristine = match conn.with_database(&d.name).connect_read_only("pgseal backup").await {
                Ok(session) => probe::is_pristine(&session).await?,
                // Not allowed to look: then it may hold something.
                Err(_) => false,
            };
            if pristine {
                continue;
            }
        }
        left_out.push(LeftOut::database(&d.name, why));
    }
    Ok((set, left_out))
}

/// Tables of extensions with rows that no dump holds, as far as it is known: made by
/// the extension's script, or lost.
fn undumped(computing: &[Computing], values: &[ComputedFacts]) -> Vec<ObjectName> {
    let empty = |c: &Computing| values.iter().any(|v| v.name == c.name && v.rows == 0);
    computing.iter().filter(|c| c.extension.is_some() && !c.dumped && !empty(c)).map(|c| c.name.clone()).collect()
}

/// Takes everything.
pub(super) async fn take(job: &Job<'_>, ready: &Ready, work: &Work<'_>, private: &Path) -> Result<Taken> {
    let mut taken = Taken::default();
    for program in ["pg_dump", "pg_dumpall"] {
        taken.producer.insert(program.into(), ready.bin.version_line(program).await?);
    }
    let (mut number, mut last) = (1, None);
    let globals = logical::globals(&ready.bin, &ready.conn, private, job.source.role_passwords)?;
    taken.streams.push(work.run(reference(number), globals).await?);
    let session = ready.conn.connect_read_only("pgseal backup").await?;
    taken.server(&session, work.progress).await?;
    drop(session);
    if !taken.settings_of_all.is_empty() {
        // Values may be secrets.
        let names: Vec<&str> = taken.settings_of_all.iter().filter_map(|s| s.split('=').next()).collect();
        let text = format!(
            "pg_dumpall does not write what ALTER ROLE ALL SET set, so this is not in the backup: {}",
            shown(&names.join(", "))
        );
        let hint = "Set it in postgresql.conf, for a database (ALTER DATABASE … SET) or for roles, or keep the statement elsewhere.";
        taken.warn(work.progress, text, Some(hint));
    }

    let all = job.source.databases == Databases::All;
    for (name, _) in &ready.databases {
        match database(job, ready, work, private, name, &mut number).await {
            Ok(one) => {
                unwritten::tell(&mut taken, work.progress, &one);
                if one.facts.inventory.is_none() {
                    taken.no_inventory(work.progress, name);
                }
                if let Some(text) = one.warnings {
                    taken.warn(work.progress, text, None);
                }
                taken.databases.push(one.facts);
                taken.streams.extend(one.done);
                taken.left_out.extend(one.left_out);
            }
            Err(e) => {
                // One that was asked for by name must be had. Of all that there are, one
                // that nobody can read must not take the others with it.
                let why = if is_there(ready, name).await? { Why::of(&e) } else { Some(Why::Dropped) };
                let Some(why) = why.filter(|_| all) else { return Err(e) };
                tracing::warn!(error = %e, database = name, "a database is left out");
                taken.left_out.push(LeftOut::database(name, why));
                last = Some(e);
            }
        }
    }
    match last {
        Some(e) if taken.databases.is_empty() => Err(e),
        _ => {
            taken.heed(&BTreeMap::new(), &BTreeSet::new(), work.progress);
            Ok(taken)
        }
    }
}

async fn is_there(ready: &Ready, name: &str) -> Result<bool> {
    let session = ready.conn.connect_read_only("pgseal backup").await?;
    Ok(probe::listed(&session).await?.iter().any(|d| d.name == name))
}

/// What was taken of one database.
pub(super) struct One {
    pub(super) facts: DatabaseFacts,
    done: Vec<Done>,
    left_out: Option<LeftOut>,
    warnings: Option<String>,
    /// Subscriptions that the dump does not hold.
    pub(super) subscriptions: u64,
    /// Tables of extensions with rows that the dump does not hold.
    pub(super) undumped: Vec<ObjectName>,
}

/// One database, in a new snapshot for each try: what vanished since the last one
/// is not in the next one.
async fn database(
    job: &Job<'_>,
    ready: &Ready,
    work: &Work<'_>,
    private: &Path,
    name: &str,
    number: &mut usize,
) -> Result<One> {
    let conn = ready.conn.with_database(name);
    let mut left = TRIES;
    loop {
        left -= 1;
        let snapshot = Snapshot::open(&conn).await?;
        let objects = snapshot.objects().await?;
        let e = match in_snapshot(job, ready, work, private, &conn, snapshot, number).await {
            Ok(Some(one)) => return Ok(one),
            Ok(None) => None,
            Err(e) => Some(e),
        };
        let again = match &e {
            // The last try goes without locks; pg_dump tells what is gone.
            None => true,
            Some(e) if left == 0 || !matches!(e.code(), Code::SourceUnusable | Code::DumpFailed) => false,
            Some(_) => objects.have_changed(&conn).await?,
        };
        match e {
            Some(e) if !again => return Err(e),
            _ if left == 0 => {
                let what = format!("tables are dropped faster than they can be read ({TRIES} tries)");
                return Err(Error::new(Code::SourceUnusable, Stage::Dump, what)
                    .on(name)
                    .hint("Run the backup at a quieter time."));
            }
            _ => {
                let text = format!("database {name}: objects were dropped meanwhile; beginning again");
                work.progress.event(Event::Note(text));
            }
        }
    }
}

/// All of it; nothing where a table of the snapshot is gone already.
async fn in_snapshot(
    job: &Job<'_>,
    ready: &Ready,
    work: &Work<'_>,
    private: &Path,
    conn: &ConnParams,
    snapshot: Snapshot,
    number: &mut usize,
) -> Result<Option<One>> {
    // Held open until every child that imports it has finished.
    let mut conn = conn.clone();
    for (setting, safe) in snapshot.session().refuse_lossy_reads().await? {
        conn = conn.with_setting(setting, safe);
    }
    let tables = snapshot.tables().await?;
    if !snapshot.hold(&tables).await? {
        return Ok(None);
    }
    let mut facts = snapshot.facts().await?;
    let sizes = snapshot.table_sizes().await?;
    let not_here = catalog::not_here(snapshot.session()).await?;
    let (jobs, lock_wait) = (job.source.jobs, job.source.lock_wait);
    // The rows of what a standby does not have cannot be counted there.
    let here = tables.iter().filter(|t| !not_here.0.contains(&t.name));
    facts.misdumped = misdumped::read(snapshot.session()).await?;
    let subscriptions = catalog::subscriptions_left_out(snapshot.session()).await?;
    let computing = computed::list(snapshot.session()).await?;
    let server = Counter::new(&conn, &snapshot, here, &sizes, computing.clone(), job.source.count_rows_to, lock_wait);
    let (samples, mut counts) = server.samples().await;
    let streams = logical::database(&ready.bin, &conn, private, &snapshot, &sizes, &not_here.1, jobs, lock_wait)?;
    let dumping = try_join_all(streams.into_iter().map(|mut s| {
        *number += 1;
        s.tap.look_for(&samples);
        work.run(reference(*number), s)
    }));
    let reading = async { Ok((server.count().await, server.computed().await)) };
    let (mut done, (counted, values)) = try_join(dumping, reading).await?;
    counts.extend(counted);
    let undumped = undumped(&computing, &values);
    facts.computed = Some(values);
    facts.computed_unread = server.never_read();
    // What was dropped since cannot be asked for any more.
    let later = catalog::sequences(snapshot.session()).await.unwrap_or_default();
    drop(snapshot);
    let sooner = facts.sequences.clone();
    // Every table of the snapshot is in exactly one stream, or there is no backup.
    coverage::fill(&mut facts, &tables, &archives(&done)?)?;
    coverage::sequences_fit(&facts, &sooner, &later)?;
    // And with all its rows.
    let warnings = coverage::counted(&mut facts, &tables, &archives(&done)?, &counts)?;
    name_tables(&mut done, &tables);
    let objects = [not_here.0, not_here.1].concat();
    let left_out = (!objects.is_empty()).then(|| LeftOut {
        database: conn.dbname.clone(),
        part: Part::Content,
        why: Why::UnloggedOnStandby,
        objects,
        files: Vec::new(),
    });
    Ok(Some(One { facts, done, left_out, warnings, subscriptions, undumped }))
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
