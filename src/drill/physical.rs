//! A physical backup: unpacked, compared with its own manifest, made harmless,
//! recovered, probed.

use std::time::Instant;

use super::record::Record;
use super::run::{Work, could_not_run};
use crate::checks::{checksums, manifest, wal};
use crate::error::{Code, Result};
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

    let start = Instant::now();
    sanitise(&data, &work.scratch.evidence_dir(), &work.jail)?;
    let started = work.start(Origin::Backup).await;
    record.checks.extend(started.as_ref().err().and_then(wal::of_failed_start));
    let instance = slot.insert(started?);
    record.timings.start = record.stage("start", start);
    record.reached = ProofLevel::Booted;
    work.probe(instance, Sightings::default(), record).await?;
    // Before pg_amcheck makes its extension in the copy, which is none of the source's.
    work.expose(instance, record).await;
    work.check(instance, record).await;
    work.probe(instance, Sightings::default(), record).await?;

    // pg_checksums wants a server that was shut down.
    let checks = Instant::now();
    if let Some(instance) = slot.take() {
        instance.stop().await?;
    }
    record.checks.push(checksums::run(&work.jail, work.bin.dir(), &data).await);
    checked += record.stage("checks", checks);
    record.timings.checks += checked;
    Ok(())
}
