//! A copied data directory that wants out.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pgseal::scratch::probe::{Outside, ProbeOutcome};
use pgseal::scratch::{Origin, sanitise};

use crate::scratch::support::{Unsealed, fresh, options, probes, sealed, top, within};

/// A listener that counts who comes.
fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    std::thread::spawn(move || {
        for c in listener.incoming() {
            drop(c);
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, seen)
}

#[tokio::test]
async fn a_sealed_start_of_a_hostile_copy_touches_nothing() {
    let top = top();
    let (port, seen) = canary();
    let scratch = fresh(top.path(), "postgres").await;
    let data = scratch.data_dir();
    let outside = tempfile::Builder::new().prefix("pgs").tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(outside.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let archived = outside.path().join("archived");

    // The source: archives, has a subscription, listens, includes foreign files.
    let auto = format!(
        "archive_mode = on\narchive_command = 'touch {0}'\nlisten_addresses = '127.0.0.1'\nwal_level = logical\n\
         primary_conninfo = 'host=127.0.0.1 port={port}'\nrestore_command = 'touch {0}; false'\n\
         archive_cleanup_command = 'touch {0}'\nrecovery_end_command = 'touch {0}'\n",
        archived.display()
    );
    let set_up = ["max_logical_replication_workers=0"];
    let server = Unsealed::start(&data, &scratch.path().join("tmp"), 23457, &set_up).await;
    let session = server.connect().await;
    for sql in [
        format!(
            "create subscription s connection 'host=127.0.0.1 port={port} dbname=x' publication p \
             with (connect = false, slot_name = 'x')"
        ),
        "alter subscription s enable".to_owned(),
        "alter database postgres set session_preload_libraries = 'no_such_library'".to_owned(),
        "alter role postgres set local_preload_libraries = 'no_such_library'".to_owned(),
    ] {
        session.client().batch_execute(&sql).await.unwrap();
    }
    drop(session);
    server.stop().await;
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    std::fs::write(data.join("postgresql.auto.conf"), &auto).unwrap();

    // The canaries work: an ordinary start sets both off.
    let server = Unsealed::start(&data, &scratch.path().join("tmp"), 23457, &[]).await;
    assert!(within(Duration::from_secs(20), || seen.load(Ordering::SeqCst) > 0).await, "the subscription dials");
    server.stop().await;
    assert!(archived.exists(), "the shutdown archives");
    std::fs::remove_file(&archived).unwrap();

    // As a copy would arrive, and with more that must not matter.
    std::fs::write(data.join("standby.signal"), "").unwrap();
    std::fs::write(data.join("postmaster.opts"), "x").unwrap();
    let conf = std::fs::read_to_string(data.join("postgresql.conf")).unwrap();
    let more = "include '/nonexistent/foreign.conf'\nshared_preload_libraries = 'no_such_library'\n";
    std::fs::write(data.join("postgresql.conf"), conf + more).unwrap();
    let before = seen.load(Ordering::SeqCst);

    let cleaned = sanitise(&data, &scratch.evidence_dir(), scratch.jail()).unwrap();
    assert!(cleaned.removed.iter().any(|r| r == "standby.signal"));
    assert!(cleaned.evidence.iter().any(|r| r == "postgresql.auto.conf"));
    // Even with the hostile settings back in place the command line wins.
    std::fs::write(data.join("postgresql.auto.conf"), &auto).unwrap();
    let instance = scratch.start(&options("postgres", Origin::Backup)).await.unwrap();
    let session = instance.connect_writable("postgres").await.unwrap();
    // Which is no way to hand over a configuration, and is told.
    let outside = Outside { source: Some(("127.0.0.1".to_owned(), port)), key_files: vec![] };
    let told = probes(&scratch, &instance, &outside).await;
    let failed: Vec<&str> = told.iter().filter(|p| p.outcome == ProbeOutcome::Fail).map(|p| p.id.as_str()).collect();
    assert_eq!(failed, ["ISO-002"], "{told:?}");
    std::fs::write(data.join("postgresql.auto.conf"), "").unwrap();
    sealed(&scratch, &probes(&scratch, &instance, &outside).await);
    // Work that would archive and dial if anything were left to do so.
    session
        .client()
        .batch_execute("create table public.work as select generate_series(1, 1000); checkpoint")
        .await
        .unwrap();
    session.client().query_one("select pg_switch_wal()", &[]).await.unwrap();
    let ready = std::fs::read_dir(data.join("pg_wal/archive_status"))
        .unwrap()
        .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().ends_with(".ready"))
        .count();
    assert_eq!(ready, 0);
    let dialled =
        session.client().batch_execute(&format!("create subscription t connection 'host=127.0.0.1 port={port} connect_timeout=3 user=x password=x' publication p")).await;
    assert!(dialled.is_err(), "there is no network to dial over");
    drop(session);
    assert!(scratch.teardown(Some(instance)).await.is_clean());
    assert!(!archived.exists());
    assert_eq!(seen.load(Ordering::SeqCst), before, "nobody dialled");
}
