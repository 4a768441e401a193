//! SQLite's loop: operation N of a backup fails, for every N.

use std::sync::Arc;

use pgseal::Code;
use pgseal::store::SharedStore;
use pgseal::store::fault::{Calls, Fault, Faulty, Kind, Rule, When};
use pgseal::types::Kind as BackupKind;

use crate::tamper::flow::World;
use crate::tamper::pg::{self, PgServer};

/// Earlier backups verify, and there is no manifest or a complete one.
async fn invariant(w: &World, case: &str) -> u64 {
    let outcome = w.verify(w.with_identity()).await;
    assert_eq!(outcome.code(), Code::Done, "{case}: {:?} {:?}", outcome.problems, outcome.backups);
    assert!(outcome.backups.iter().all(|b| b.objects == b.opened && b.objects > 2), "{case}");
    outcome.backups.len() as u64
}

async fn until_untouched(fault: impl Fn(u64) -> (When, Fault)) {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i");
    let mut w = World::new(&server, BackupKind::Logical);
    w.backup().await.unwrap();
    let (mut untouched, mut committed) = (0, 1);
    for n in 1.. {
        let (when, fault) = fault(n);
        let faulty = Arc::new(Faulty::new(Arc::clone(&w.memory)));
        faulty.add(Rule::new(Calls::Any, when, fault));
        w.reading.store = Arc::clone(&faulty) as SharedStore;
        let done = w.backup().await;
        w.reading.store = Arc::clone(&w.memory) as SharedStore;
        let case = format!("operation {n}");
        let backups = invariant(&w, &case).await;
        if faulty.fired() == 0 {
            assert_eq!(done.unwrap().manifest.seq, committed + 1, "{case}");
            untouched = n;
            break;
        }
        // What is said is what happened: done means committed.
        match done {
            Ok(done) => assert_eq!((done.manifest.seq, backups), (committed + 1, committed + 1), "{case}"),
            Err(e) => {
                assert!(matches!(e.code(), Code::StoreUnavailable | Code::NoSpace), "{case}: {e}");
                assert!(e.object().is_some() && e.next_step().is_some(), "{case}: {e}");
                assert!(backups == committed || backups == committed + 1, "{case}");
            }
        }
        committed = backups;
        if n % 4 == 0 {
            // The next one succeeds.
            committed += 1;
            assert_eq!(w.backup().await.unwrap().manifest.seq, committed, "{case}");
            assert_eq!(invariant(&w, &case).await, committed);
        }
        // A longer chain is more to read before anything else: keep it short.
        keep_first(&w, &mut committed);
    }
    assert!(untouched > 12, "a backup has more operations than {untouched}");
}

/// Forgets all but the first backup, on both sides.
fn keep_first(w: &World, committed: &mut u64) {
    for key in w.memory.keys().into_iter().filter(|k| k.contains("/m/") && !k.contains("/0000000001.")) {
        w.memory.lose(&key);
    }
    let _ = std::fs::remove_dir_all(w.reading.state_dir.join("witness"));
    *committed = 1;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_operation_fails() {
    until_untouched(|n| (When::Nth(n), Fault::Fail(Kind::Other))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_from_one_on_fails() {
    until_untouched(|n| (When::From(n), Fault::Fail(Kind::NoSpace))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_operation_is_done_but_its_reply_is_lost() {
    until_untouched(|n| (When::Nth(n), Fault::LoseReply)).await;
}
