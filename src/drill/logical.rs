//! A logical backup: a fresh sealed cluster, proven empty of ways out before
//! the first statement of the source runs in it.

use std::time::Instant;

use super::record::{Record, seconds};
use super::run::{Work, could_not_run};
use crate::checks::integrity;
use crate::error::Result;
use crate::report::model::ProofLevel;
use crate::restore::LogicalTarget;
use crate::restore::globals::Existing;
use crate::scratch::{ClusterOptions, Instance, Origin, StartOptions, init_cluster};
use crate::source::ConnParams;

/// Starts, probes, restores, checks, probes again.
pub(super) async fn prove(work: &Work<'_>, slot: &mut Option<Instance>, record: &mut Record) -> Result<()> {
    let facts = &work.opened.facts;
    let start = Instant::now();
    let options = ClusterOptions::new(&facts.server.bootstrap_superuser);
    init_cluster(&work.scratch, work.bin.dir(), &options).await.map_err(could_not_run)?;
    let started = work
        .scratch
        .start(&StartOptions {
            bindir: work.bin.dir().to_path_buf(),
            superuser: facts.server.bootstrap_superuser.clone(),
            origin: Origin::Fresh,
            deadline: work.start_deadline(),
        })
        .await?;
    let instance = slot.insert(started);
    record.timings.start = seconds(start);
    work.probe(instance, record).await?;

    let restore = Instant::now();
    let maintenance = ConnParams::for_socket(instance.socket_dir(), instance.port(), instance.superuser(), "template1");
    let private = tempfile::tempdir().map_err(|e| could_not_run(crate::Error::internal("no temporary directory").because(e)))?;
    // The maintenance database `postgres` exists in a fresh cluster; a source's
    // own one of that name is restored into it, as long as it is empty.
    let databases = facts.databases.iter().map(|d| (d.name.clone(), d.name.clone())).collect();
    let target = LogicalTarget {
        conn: &maintenance,
        bin: &work.bin,
        under: work.jail.prefix(),
        private: private.path(),
        jobs: work.job.jobs,
        databases,
        tables: Vec::new(),
        globals: Some(Existing::Scratch),
        owners: true,
        scratch: true,
        progress: work.job.progress.clone(),
    };
    target.restore(&work.opened).await?;
    record.timings.restore = seconds(restore);
    record.reached = ProofLevel::Booted;

    let checks = Instant::now();
    let looked = integrity::logical(&maintenance, facts, work.job.jobs).await;
    record.checks.extend(looked);
    work.finish_checks(&maintenance, record).await;
    record.timings.checks = seconds(checks);
    work.probe(instance, record).await
}
