//! A physical backup: unpacked, compared with its own manifest, made harmless,
//! recovered, probed.

use std::time::Instant;

use super::record::{Record, seconds};
use super::run::Work;
use crate::checks::integrity;
use crate::error::Result;
use crate::report::model::ProofLevel;
use crate::restore::PhysicalTarget;
use crate::scratch::{Instance, Origin, StartOptions, sanitise};
use crate::source::ConnParams;

/// Unpacks, verifies, starts, probes, checks, probes again.
pub(super) async fn prove(work: &Work<'_>, slot: &mut Option<Instance>, record: &mut Record) -> Result<()> {
    let facts = &work.opened.facts;
    let data = work.scratch.data_dir();
    let restore = Instant::now();
    let target =
        PhysicalTarget { dir: data.clone(), durable: false, owner: None, progress: work.job.progress.clone() };
    target.restore(&work.opened).await?;
    record.timings.restore = seconds(restore);
    record.reached = ProofLevel::Restored;

    // Files are looked at before anything is changed in them or started on them.
    let checks = Instant::now();
    let files = integrity::files(&work.jail, &work.bin, &data, facts).await;
    record.checks.extend(files);
    let mut checked = seconds(checks);

    let start = Instant::now();
    sanitise(&data, &work.scratch.evidence_dir(), &work.jail)?;
    let started = work
        .scratch
        .start(&StartOptions {
            bindir: work.bin.dir().to_path_buf(),
            superuser: facts.server.bootstrap_superuser.clone(),
            origin: Origin::Backup,
            deadline: work.start_deadline(),
        })
        .await?;
    let instance = slot.insert(started);
    record.timings.start = seconds(start);
    record.reached = ProofLevel::Booted;
    work.probe(instance, record).await?;

    let checks = Instant::now();
    let conn = ConnParams::for_socket(instance.socket_dir(), instance.port(), instance.superuser(), "template1");
    let looked = integrity::physical(&work.jail, &work.bin, &conn, facts, work.job.jobs).await;
    record.checks.extend(looked);
    work.finish_checks(&conn, record).await;
    checked += seconds(checks);
    record.timings.checks = checked;
    work.probe(instance, record).await
}
