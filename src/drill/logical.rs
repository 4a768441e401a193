//! A logical backup: a fresh sealed cluster, proven to have no way out before
//! the first statement of the source runs in it.

use std::sync::Arc;
use std::time::Instant;

use super::record::Record;
use super::run::{Work, could_not_run};
use crate::checks;
use crate::error::{Code, Error, Result, Stage};
use crate::report::model::ProofLevel;
use crate::restore::globals::Existing;
use crate::restore::{LogicalTarget, Said};
use crate::scratch::probe::{Sightings, Watch};
use crate::scratch::{ClusterOptions, Instance, Origin, failure, init_cluster};
use crate::source::ConnParams;
use crate::source::builtin::Builtin;

/// Starts, probes, restores, checks, probes again.
pub(super) async fn prove(work: &Work<'_>, slot: &mut Option<Instance>, record: &mut Record) -> Result<()> {
    let facts = &work.opened.facts;
    let start = Instant::now();
    let options = ClusterOptions::new(&facts.server.bootstrap_superuser);
    init_cluster(&work.scratch, work.bin.dir(), &options).await.map_err(could_not_run)?;
    let instance = slot.insert(work.start(Origin::Fresh).await?);
    record.timings.start = record.stage("start", start);
    work.probe(instance, Sightings::default(), record).await?;

    // Before anything of the backup runs in it.
    let fresh = async { Builtin::read(&instance.connect("template1").await?).await }.await;

    let restore = Instant::now();
    // What the restored roles want of their sessions must neither load anything
    // nor stop the restore.
    let mut maintenance =
        ConnParams::for_socket(instance.socket_dir(), instance.port(), instance.superuser(), "template1")
            .with_peer(Arc::clone(instance.door().peer()))
            .with_setting("session_preload_libraries", "")
            .with_setting("local_preload_libraries", "")
            .with_setting("default_transaction_read_only", "off");
    if instance.major() >= 17 {
        // A restored database may have set it for itself, which outranks the command line.
        maintenance = maintenance.with_setting("event_triggers", "off");
    }
    // In the scratch directory, so that nothing else is left when we are killed.
    let private = work.scratch.conf_dir();
    let target = LogicalTarget {
        conn: &maintenance,
        bin: &work.bin,
        // The programs run the source's statements too: in the same jail.
        under: work.jail.prefix(&work.bin.dir().join("pg_restore")),
        private: &private,
        jobs: work.job.jobs,
        // Under their own names. The fresh cluster's `postgres` takes the source's.
        databases: facts.databases.iter().map(|d| (d.name.clone(), d.name.clone())).collect(),
        tables: Vec::new(),
        globals: Some(Existing::Scratch),
        owners: true,
        scratch: true,
        keep_going: false,
        said: Said::default(),
        progress: work.job.progress.clone(),
    };
    let watch = Watch::begin();
    let restored = target.restore(&work.opened).await.map_err(|e| blame(e, &instance.log(), target.said.take()));
    record.timings.restore = record.stage("restore", restore);
    let dumping = Instant::now();
    let dumped = match &restored {
        Ok(_) => Some(super::dumped::compare(&target, &work.opened).await),
        Err(_) => None,
    };
    let watched = watch.end();
    record.checks.push(checks::restored::of(&restored));
    record.checks.extend(dumped);
    restored?;
    record.reached = ProofLevel::Booted;
    let names: Vec<&str> = facts.databases.iter().map(|d| d.name.as_str()).collect();
    record.checks.push(checks::builtin::run(instance, &names, &fresh).await);
    let dumped = record.stage("checks", dumping);
    work.check(instance, record).await;
    record.timings.checks += dumped;
    work.expose(instance, record).await;
    work.probe(instance, watched, record).await
}

/// Adds what the server's log tells: the SQLSTATE, and that the server itself
/// died, which is no word against the backup.
fn blame(e: Error, log: &str, said: Option<String>) -> Error {
    if e.stage() != Stage::Restore || !matches!(e.code(), Code::RestoreFailed | Code::CouldNotRun | Code::NoSpace) {
        // The server was not reached, say: it is ours, and so is the fault.
        return if matches!(e.code(), Code::SourceUnreachable | Code::SourceUnusable | Code::Usage) {
            could_not_run(e)
        } else {
            e
        };
    }
    let died = failure::explain(log);
    if died.severity == "PANIC" {
        return Error::new(Code::CouldNotRun, Stage::Restore, format!("the scratch server died: {}", died.class))
            .hint("Nothing was learned about the backup; see what this host lacks and drill again.");
    }
    // Other statements may have failed because of this one: its own words find it.
    let state = said.and_then(|words| failure::state_of(log, &words)).or_else(|| failure::last_error(log));
    let Some(state) = state.filter(|_| e.sqlstate().is_none()) else { return e };
    // Class 53 is a lack of resources, 58030 a disk that fails.
    if e.code() == Code::RestoreFailed && (state.starts_with("53") || state == "58030") {
        let what = if state == "53100" { "out of space" } else { "the host lacks resources" };
        return Error::new(Code::CouldNotRun, Stage::Restore, format!("{what} (SQLSTATE {state})"))
            .on(e.object().unwrap_or("pg_restore"))
            .hint(
                "Nothing was learned about the backup: set scratch.dir to a larger file system, or use a larger host.",
            );
    }
    let mut said =
        Error::new(e.code(), Stage::Restore, format!("{} (SQLSTATE {state})", e.text())).with_sqlstate(Some(&state));
    if let Some(object) = e.object() {
        said = said.on(object);
    }
    if let Some(hint) = e.next_step() {
        said = said.hint(hint);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_died_is_not_the_backups_fault() {
        let refused = || Error::new(Code::RestoreFailed, Stage::Restore, "the server refused").on("table t").hint("h");
        let e = blame(refused(), "pgseal:23505:ERROR:  duplicate key (a@b.c)\n", None);
        assert_eq!(format!("{e:?}"), "[50] restore: table t: the server refused (SQLSTATE 23505) (hint: h)");
        let e = blame(refused(), "pgseal:53100:PANIC:  could not write to file \"x\": No space left on device\n", None);
        assert_eq!(e.code(), Code::CouldNotRun);
        assert!(e.text().contains("out of space"), "{e}");
        let e = blame(
            refused(),
            "pgseal:53100:ERROR:  could not extend file: wrote only 1 of 2\npgseal:08006:ERROR:  x\n",
            None,
        );
        assert_eq!((e.code(), e.text().as_str()), (Code::CouldNotRun, "out of space (SQLSTATE 53100)"));
        let log =
            "pgseal:23505:ERROR:  duplicate key\npgseal:42P01:ERROR:  x\npgseal:57014:ERROR:  canceling statement\n";
        let e = blame(refused(), log, Some("duplicate key".to_owned()));
        assert!(e.text().contains("SQLSTATE 23505"), "{e}");
        assert!(blame(refused(), log, None).text().contains("SQLSTATE 42P01"), "a cancelled one is no cause");
        let e = blame(Error::new(Code::SourceUnreachable, Stage::Source, "no"), "", None);
        assert_eq!(e.code(), Code::CouldNotRun);
        let e = blame(Error::new(Code::Corrupt, Stage::Fetch, "bad"), "pgseal:23505:ERROR:  x\n", None);
        assert_eq!((e.code(), e.text()), (Code::Corrupt, "bad".to_owned()));
    }
}
