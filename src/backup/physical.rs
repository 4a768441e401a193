//! A physical backup: one pg_basebackup tar stream while a slot keeps the WAL.

mod steady;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Ready;
use super::streams::{Taken, Work, reference};
use crate::config::schema::FileChecksums;
use crate::error::{Code, Error, Result, Stage};
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::source::left_out::{Part, Why};
use crate::source::snapshot::Objects;
use crate::source::{LeftOut, Snapshot, Tapped, catalog, physical, probe};

/// How often the facts of a database are read in which something vanishes meanwhile.
const TRIES: u32 = 5;

/// Takes everything.
pub(super) async fn take(ready: &Ready, work: &Work<'_>, private: &Path, checksums: FileChecksums) -> Result<Taken> {
    let mut taken = Taken::default();
    taken.producer.insert("pg_basebackup".into(), ready.bin.version_line("pg_basebackup").await?);
    let session = ready.conn.connect_read_only("pgseal backup").await?;
    taken.server(&session, work.progress).await?;
    let oids = probe::oids(&session).await?;
    let conn = physical::in_english(&session, &ready.conn).await?;
    drop(session);
    let mut before = BTreeMap::new();
    for (name, _) in &ready.databases {
        match known(ready, name).await {
            Ok(known) => {
                let Known { facts, unlogged, objects, horizon } = known;
                if facts.inventory.is_none() {
                    taken.no_inventory(work.progress, name);
                }
                before.insert(name.clone(), (objects, horizon));
                if !unlogged.is_empty() {
                    taken.left_out.push(LeftOut {
                        database: name.clone(),
                        part: Part::Content,
                        why: Why::Unlogged,
                        objects: unlogged,
                        files: Vec::new(),
                    });
                }
                taken.databases.push(facts);
            }
            // Its files are copied all the same.
            Err(e) => {
                let Some(why) = Why::of(&e) else { return Err(e) };
                tracing::warn!(error = %e, database = name, "nothing is known of a database");
                taken.left_out.push(LeftOut::facts(name, why));
            }
        }
    }
    // The slot must exist before the checkpoint whose WAL it keeps.
    let hold = physical::hold_wal(&ready.conn).await?;
    let stream = physical::stream(&ready.bin, &conn, private, checksums)?;
    let done = work.run(reference(1), stream).await?;
    if !hold.is_whole().await? {
        return Err(Error::new(
            Code::SourceUnusable,
            Stage::Basebackup,
            "the server dropped WAL that the slot should have kept",
        )
        .on(hold.slot())
        .hint("Raise max_slot_wal_keep_size on the server, or run the backup at a quieter time."));
    }
    let Tapped::Base(facts) = &done.tapped else {
        return Err(Error::internal("the base backup was not read as a tar"));
    };
    let mut facts = facts.clone();
    taken.streams.push(done);
    let empty = match ready.conn.connect_read_only("pgseal backup").await {
        Ok(session) => {
            facts.steady = Some(steady::note(ready, &mut taken, &before, &session).await);
            taken.empty_files(&session).await
        }
        Err(_) => BTreeSet::new(),
    };
    taken.physical = Some(facts);
    taken.heed(&oids, &empty, work.progress);
    Ok(taken)
}

/// What is known of a database.
struct Known {
    facts: DatabaseFacts,
    unlogged: Vec<ObjectName>,
    objects: Objects,
    /// See [`Snapshot::horizon`].
    horizon: i64,
}

/// Asks a database.
async fn known(ready: &Ready, name: &str) -> Result<Known> {
    let mut left = TRIES;
    loop {
        left -= 1;
        let conn = ready.conn.with_database(name);
        let snapshot = Snapshot::open(&conn).await?;
        let (objects, horizon) = (snapshot.objects().await?, snapshot.horizon().await?);
        let read = async { Ok::<_, Error>((snapshot.facts().await?, catalog::unlogged(snapshot.session()).await?)) };
        match read.await {
            // Something vanished since the snapshot: the next one does not have it.
            Err(e) if left > 0 && e.code() == Code::SourceUnusable && objects.have_changed(&conn).await? => (),
            Err(e) => return Err(e),
            Ok((facts, unlogged)) => return Ok(Known { facts, unlogged, objects, horizon }),
        }
    }
}
