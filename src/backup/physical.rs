//! A physical backup: one pg_basebackup tar stream while a slot keeps the WAL.

use std::path::Path;

use super::streams::{Taken, Work, reference};
use super::{Job, Ready};
use crate::error::{Error, Result};
use crate::source::{Snapshot, Tapped, physical, snapshot};

/// Takes everything.
pub(super) async fn take(_job: &Job<'_>, ready: &Ready, work: &Work<'_>, private: &Path) -> Result<Taken> {
    let mut taken = Taken::default();
    taken.producer.insert("pg_basebackup".into(), ready.bin.version_line("pg_basebackup").await?);
    let session = ready.conn.connect("pgseal backup").await?;
    taken.roles = snapshot::roles(&session).await?;
    for (name, _) in &ready.databases {
        let snapshot = Snapshot::open(&ready.conn.with_database(name)).await?;
        taken.databases.push(snapshot.facts().await?);
    }
    // The slot must exist before the checkpoint whose WAL it keeps.
    let hold = physical::hold_wal(&ready.conn).await?;
    let stream = physical::stream(&ready.bin, &ready.conn, private)?;
    let done = work.run(reference(1), stream).await?;
    drop(hold);
    let Tapped::Base(facts) = &done.tapped else {
        return Err(Error::internal("the base backup was not read as a tar"));
    };
    taken.physical = Some(facts.clone());
    taken.streams.push(done);
    Ok(taken)
}
