//! Logical streams of a standby, and of a database in which objects come and go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pgseal::source::{PgBin, Snapshot, catalog, coverage, logical};

use crate::source::dump::{archives, conn};
use crate::source::pg::{PgServer, bindir, done, major};

#[tokio::test]
async fn what_is_unlogged_is_left_out_of_a_standbys_dump_and_named() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql(
        "postgres",
        "CREATE TABLE kept AS SELECT 1 a; CREATE UNLOGGED TABLE cache (k text PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY);
         INSERT INTO cache VALUES ('a'); CREATE SEQUENCE kept_seq",
    );
    if major() >= 15 {
        server.psql("postgres", "CREATE UNLOGGED SEQUENCE counter");
    }
    let copy = server.make_dir("copy").join("d");
    let mut base = server.as_owner("pg_basebackup");
    base.args([
        "-h",
        server.socket_dir().to_str().unwrap(),
        "-U",
        "postgres",
        "-D",
        copy.to_str().unwrap(),
        "-R",
        "-c",
        "fast",
    ]);
    done(&mut base, "pg_basebackup");
    let mut standby = PgServer::start_with(&bindir(), &[], &[], |data| {
        done(std::process::Command::new("/bin/rm").arg("-r").arg(data), "rm");
        done(std::process::Command::new("/bin/cp").arg("-a").arg(&copy).arg(data), "cp");
    });
    let conn = conn(&standby, "postgres");
    let bin = PgBin::find(Some(&bindir()), major()).await.unwrap();
    let private = tempfile::tempdir().unwrap();
    let snapshot = Snapshot::open(&conn).await.unwrap();
    let (tables, mut facts) = (snapshot.tables().await.unwrap(), snapshot.facts().await.unwrap());
    assert!(snapshot.hold(&tables).await.unwrap());
    let sizes = snapshot.table_sizes().await.unwrap();
    let (left, sequences) = catalog::not_here(snapshot.session()).await.unwrap();
    assert_eq!(left.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["cache"]);
    assert_eq!(sequences.iter().any(|s| s.name == "counter"), major() >= 15);
    let wait = Duration::from_secs(5);
    let streams = logical::database(&bin, &conn, private.path(), &snapshot, &sizes, &sequences, 2, wait).unwrap();
    let got = archives(streams).await;
    let all: Vec<_> = got.iter().map(|a| &a.1).collect();
    coverage::fill(&mut facts, &tables, &all).unwrap();
    let rows: Vec<_> = facts.tables.iter().map(|t| (t.name.name.as_str(), t.rows)).collect();
    assert_eq!(rows, [("cache", Some(0)), ("kept", Some(1))]);
    assert!(facts.sequences.iter().any(|s| s.name.name == "kept_seq"));
    standby.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_gone_is_noticed_and_one_that_is_held_stays() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql(
        "postgres",
        "CREATE TABLE a (); CREATE TABLE b (); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    let conn = conn(&server, "postgres");
    let snapshot = Snapshot::open(&conn).await.unwrap();
    let (tables, objects) = (snapshot.tables().await.unwrap(), snapshot.objects().await.unwrap());
    assert!(!objects.have_changed(&conn).await.unwrap());
    server.psql("postgres", "DROP TABLE b");
    assert!(!snapshot.hold(&tables).await.unwrap(), "b is gone");
    assert!(objects.have_changed(&conn).await.unwrap());
    // The snapshot itself is whole, and another one is held.
    assert_eq!(snapshot.tables().await.unwrap().len(), 2);
    drop(snapshot);
    let snapshot = Snapshot::open(&conn).await.unwrap();
    assert!(snapshot.hold(&snapshot.tables().await.unwrap()).await.unwrap());
    let dropped = AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            server.psql("postgres", "DROP TABLE a");
            dropped.store(true, Ordering::SeqCst);
        });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let give_up = std::time::Instant::now() + Duration::from_secs(20);
        while server.psql("postgres", waits) != "1" {
            assert!(std::time::Instant::now() < give_up, "nobody waits");
        }
        assert!(!dropped.load(Ordering::SeqCst));
        drop(snapshot);
    });
    assert!(dropped.load(Ordering::SeqCst));
}
