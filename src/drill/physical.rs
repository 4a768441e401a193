//! A physical backup: unpacked, compared with its own manifest, made harmless,
//! recovered, probed.

use std::time::Instant;

use super::record::Record;
use super::run::{Work, could_not_run};
use crate::checks::relations::Relations;
use crate::checks::{checksums, entries, files, manifest, read, wal};
use crate::error::{Code, Error, Result, Stage};
use crate::report::model::ProofLevel;
use crate::restore::PhysicalTarget;
use crate::restore::carried::Standby;
use crate::scratch::probe::Sightings;
use crate::scratch::{Instance, Origin, sanitise};

/// Unpacks, verifies, starts, probes, checks, probes again, and looks at the
/// pages once the server is down.
pub(super) async fn prove(work: &Work<'_>, slot: &mut Option<Instance>, record: &mut Record) -> Result<()> {
    let data = work.scratch.data_dir();
    let restore = Instant::now();
    let target = PhysicalTarget {
        dir: data.clone(),
        durable: false,
        owner: Some((work.jail.uid(), work.jail.gid())),
        standby: Standby::Untouched,
        progress: work.job.progress.clone(),
    };
    // The bytes were signed and are unpacked as they are: what cannot be written
    // is this host's fault. What the tar itself is accused of has other codes.
    target.restore(&work.opened).await.map_err(|e| match e.code() {
        Code::RestoreFailed | Code::NoSpace | Code::Refused => could_not_run(e),
        _ => e,
    })?;
    record.timings.restore = record.stage("restore", restore);
    record.reached = ProofLevel::Restored;

    // Files are compared before anything is changed in them.
    let checks = Instant::now();
    record.checks.push(manifest::run(&work.jail, work.bin.dir(), &data).await);
    let mut checked = record.stage("checks", checks);

    let major = work.job.entry.manifest.pg.version_num.major();
    if let Err(e) = start_and_check(work, slot, record).await {
        // A server that does not start or answer: is it for what its directory lacks?
        // Read once nothing of the copy runs any more.
        if e.code() == Code::CouldNotRun {
            if let Some(instance) = slot.take() {
                let _ = instance.stop().await;
            }
            record.checks.extend(files::of_failed_start(&data, major));
            record.checks.extend(read::of_refused_session(&e));
        }
        return Err(e);
    }

    // What the files are to hold is asked of the running server; pg_checksums and
    // whoever reads its files want one that was shut down.
    let checks = Instant::now();
    let mut relations = None;
    if let Some(instance) = slot.take() {
        relations = Some(Relations::read(&instance).await);
        instance.stop().await?;
    }
    record.checks.push(checksums::run(&work.jail, work.bin.dir(), &data).await);
    match relations {
        Some(Ok(relations)) => {
            let dir = data.clone();
            let read = move || [files::run(&dir, major, &relations), entries::run(&dir, &relations)];
            let read = tokio::task::spawn_blocking(read).await;
            record.checks.extend(read.map_err(|e| Error::internal("the reader of files is gone").because(e))?);
        }
        Some(Err(e)) => record.checks.extend([files::RULE.error(1, 0, &e), entries::RULE.error(1, 0, &e)]),
        None => return Err(Error::internal("there is no server to shut down")),
    }
    checked += record.stage("checks", checks);
    record.timings.checks += checked;
    Ok(())
}

/// Starts what was unpacked, and does everything that a running server is for.
async fn start_and_check(work: &Work<'_>, slot: &mut Option<Instance>, record: &mut Record) -> Result<()> {
    let data = work.scratch.data_dir();
    let start = Instant::now();
    // A directory of another major than was signed is not this host's fault.
    let (named, signed) = (sanitise::major_of(&data)?, work.job.entry.manifest.pg.version_num.major());
    if named != signed {
        let what = format!("the data directory is of PostgreSQL {named}, the signed manifest says {signed}");
        return Err(Error::new(Code::RestoreFailed, Stage::Restore, what)
            .on("PG_VERSION")
            .hint("Drill an older backup, and find out why this one was stored like that."));
    }
    sanitise::sanitise(&data, &work.scratch.evidence_dir(), &work.jail)?;
    let started = work.start(Origin::Backup).await;
    record.checks.extend(started.as_ref().err().and_then(wal::of_failed_start));
    let instance = slot.insert(started?);
    record.timings.start = record.stage("start", start);
    record.reached = ProofLevel::Booted;
    work.probe(instance, Sightings::default(), record).await?;
    // Before pg_amcheck makes its extension in the copy, which is none of the source's.
    work.expose(instance, record).await;
    work.check(instance, record).await;
    work.probe(instance, Sightings::default(), record).await
}
