//! Signals, kill -9 and a second run while a backup is under way.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::backup::pg::{self, PgServer};
use crate::backup::world::{Said, World, send, until};

const LOGICAL: &str = "databases = [\"shop\"]\n";
const PHYSICAL: &str = "kind = \"physical\"\n";

fn server() -> PgServer {
    let settings = [("wal_level", "replica"), ("max_wal_senders", "4"), ("max_replication_slots", "4")];
    let server = PgServer::start(&pg::bindir(), &settings);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT i, md5(i::text) AS m FROM generate_series(1, 1000) i");
    server
}

/// Starts a backup whose `program` hangs after some bytes; returns once it does.
fn stuck(world: &World, server: &PgServer, source: &str, program: &str, when: &str) -> Child {
    let mark = world.path("stuck");
    let _ = std::fs::remove_file(&mark);
    let script = format!("$real \"$@\" 2>/dev/null | head -c 2000; touch {}; exec sleep 1000", mark.display());
    world.fake(server, source, program, when, &script);
    let child = world.start(&["backup", "shop"]);
    until("the program does not start", || mark.exists());
    assert!(!world.children().is_empty());
    child
}

#[test]
fn a_signal_ends_a_backup_at_every_stage() {
    let server = server();
    let world = World::new(&server, LOGICAL);
    world.backup();
    let before = world.manifests();
    let stages = [
        (LOGICAL, "pg_dumpall", "*", Signal::INT, 130, "SIGINT"),
        (LOGICAL, "pg_dump", "*--section=pre-data*", Signal::HUP, 129, "SIGHUP"),
        (LOGICAL, "pg_dump", "*--section=data*", Signal::TERM, 143, "SIGTERM"),
        (PHYSICAL, "pg_basebackup", "*", Signal::TERM, 143, "SIGTERM"),
    ];
    for (source, program, when, signal, code, name) in stages {
        let child = stuck(&world, &server, source, program, when);
        let started = Instant::now();
        send(&child, signal);
        let said = Said::new(&child.wait_with_output().unwrap()).expect(code);
        assert!(started.elapsed() < Duration::from_secs(5), "{program}: {:?}", started.elapsed());
        let said = said.says(&["error: ", name, "hint: "]);
        assert_eq!(said.out, "");
        world.nothing_came_of_it(&before, program);
    }
    // A slot of an interrupted base backup would keep WAL until the disk is full.
    until("a replication slot stayed", || server.psql("postgres", "SELECT count(*) FROM pg_replication_slots") == "0");
    world.real(LOGICAL);
    world.backup();
    world.run(&["verify", "shop", "--open"]).expect(0);
}

#[test]
fn waiting_for_a_lock_can_be_interrupted_and_has_an_end() {
    let server = server();
    let world = World::new(&server, LOGICAL);
    world.backup();
    let before = world.manifests();
    let mut holder = server.client("psql", "shop");
    let mut holder = holder
        .args(["-XAtq", "-c", "BEGIN; LOCK TABLE t; SELECT pg_sleep(1000)"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("no lock", || server.psql("shop", "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'") != "0");
    let child = world.start(&["backup", "shop"]);
    until("pg_dump does not wait", || server.psql("shop", "SELECT count(*) FROM pg_locks WHERE NOT granted") != "0");
    send(&child, Signal::INT);
    Said::new(&child.wait_with_output().unwrap()).expect(130);
    world.nothing_came_of_it(&before, "waiting for a lock");

    // And without an interrupt the wait has an end, and the lock is named.
    world.configure("databases = [\"shop\"]\nlock_wait = \"1s\"\n");
    let said = world.run(&["backup", "shop"]).expect(21).says(&[
        "lock",
        "database shop",
        "hint: Another session holds a lock",
    ]);
    assert_eq!(said.out, "");
    world.nothing_came_of_it(&before, "lock_wait");
    holder.kill().unwrap();
    holder.wait().unwrap();
    server.psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1000)%' AND pid <> pg_backend_pid()");
}

#[test]
fn the_deadline_ends_a_backup() {
    let server = server();
    let world = World::new(&server, LOGICAL);
    world.backup();
    let before = world.manifests();
    let source = "databases = [\"shop\"]\ndeadline = \"3s\"\n";
    world.fake(&server, source, "pg_dump", "*--section=data*", "exec sleep 1000");
    world.run(&["backup", "shop"]).expect(124).says(&[
        "error: dump: shop: ",
        "longer than 3 s",
        "hint: Nothing was committed",
    ]);
    world.nothing_came_of_it(&before, "deadline");
}

#[test]
fn a_second_run_is_refused_and_kill_9_leaves_nothing_running() {
    let server = server();
    let world = World::new(&server, LOGICAL);
    world.backup();
    let before = world.manifests();
    let mut first = stuck(&world, &server, LOGICAL, "pg_dump", "*--section=data*");

    let started = Instant::now();
    let second = world.run(&["backup", "shop", "--json"]).expect(11);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(second.json()["errors"][0]["class"], "busy");
    assert_eq!(second.json()["errors"][0]["retryable"], true);

    send(&first, Signal::KILL);
    first.wait().unwrap();
    until("children outlive a killed pgseal", || world.children().is_empty());
    assert_eq!(world.manifests(), before);
    // What it could not remove is for nobody else.
    for left in world.temporary() {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&left).unwrap());
        assert_eq!(mode & 0o7777, 0o700, "{}", left.display());
        std::fs::remove_dir_all(left).unwrap();
    }
    world.real(LOGICAL);
    world.backup();
    world.run(&["verify", "shop", "--open"]).expect(0);
}

#[test]
fn a_lost_server_is_a_failed_backup() {
    let mut server = server();
    let world = World::new(&server, LOGICAL);
    world.backup();
    let before = world.manifests();
    let child = stuck(&world, &server, LOGICAL, "pg_dumpall", "*");
    send(&child, Signal::INT);
    drop(child.wait_with_output());

    // A backend that is terminated while pg_dump reads.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'";
    let script = format!(
        "( sleep 1; PGOPTIONS= PGDATABASE=postgres ${{real%/*}}/psql -XAtqc \"{end}\" >/dev/null ) & \
         $real \"$@\" | {{ head -c 1000; sleep 2; cat; }}; exit 1"
    );
    world.fake(&server, LOGICAL, "pg_dump", "*--section=data*", &script);
    world.run(&["backup", "shop"]).expect(21).says(&["pg_dump of database shop"]);
    world.nothing_came_of_it(&before, "terminated");

    server.stop();
    world.run(&["backup", "shop"]).expect(20).says(&["error: source: ", "cannot connect", "hint: "]);
    world.nothing_came_of_it(&before, "stopped");
}

#[test]
fn closed_standard_streams_are_no_reason_to_fail() {
    let server = server();
    let world = World::new(&server, LOGICAL);
    let mut command = std::process::Command::new("/bin/sh");
    let inner = world.command(&[]);
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap());
    }
    command.current_dir(world.path("")).arg("-c");
    command.arg(format!("exec {} backup shop <&- >&- 2>&-", crate::backup::world::PGSEAL));
    assert_eq!(command.status().unwrap().code(), Some(0));
    assert_eq!(world.manifests().len(), 1);
    world.run(&["verify", "shop", "--open"]).expect(0);
}
