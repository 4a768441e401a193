//! A logical backup: a fresh sealed cluster, proven to have no way out before
//! the first statement of the source runs in it.

use std::time::Instant;

use super::record::{Record, seconds};
use super::run::{Work, could_not_run};
use crate::error::Result;
use crate::process::private_dir;
use crate::report::model::ProofLevel;
use crate::restore::LogicalTarget;
use crate::restore::globals::Existing;
use crate::scratch::{ClusterOptions, Instance, Origin, init_cluster};
use crate::source::ConnParams;

/// Starts, probes, restores, checks, probes again.
pub(super) async fn prove(work: &Work<'_>, slot: &mut Option<Instance>, record: &mut Record) -> Result<()> {
    let facts = &work.opened.facts;
    let start = Instant::now();
    let options = ClusterOptions::new(&facts.server.bootstrap_superuser);
    init_cluster(&work.scratch, work.bin.dir(), &options).await.map_err(could_not_run)?;
    let instance = slot.insert(work.start(Origin::Fresh).await?);
    record.timings.start = seconds(start);
    work.probe(instance, record).await?;

    let restore = Instant::now();
    let maintenance = ConnParams::for_socket(instance.socket_dir(), instance.port(), instance.superuser(), "template1");
    let private = private_dir().map_err(could_not_run)?;
    let target = LogicalTarget {
        conn: &maintenance,
        bin: &work.bin,
        // The programs run the source's statements too: in the same jail.
        under: work.jail.prefix(),
        private: private.path(),
        jobs: work.job.jobs,
        // Under their own names. The fresh cluster's `postgres` takes the source's.
        databases: facts.databases.iter().map(|d| (d.name.clone(), d.name.clone())).collect(),
        tables: Vec::new(),
        globals: Some(Existing::Scratch),
        owners: true,
        scratch: true,
        progress: work.job.progress.clone(),
    };
    target.restore(&work.opened).await?;
    record.timings.restore = seconds(restore);
    record.reached = ProofLevel::Booted;
    work.check(instance, record).await;
    work.probe(instance, record).await
}
