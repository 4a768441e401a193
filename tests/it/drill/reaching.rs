//! A copy whose source archives, follows, dials out and runs programs does
//! none of it in a drill.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::drill::installation::has;
use crate::drill::pg::{self, PgServer};
use crate::drill::versions::{best, good};
use crate::drill::world::{World, check, outcome};

/// A listener that must see nobody. It hangs up at once: from 16 on a server
/// that dials does not heed `connect_timeout`.
struct Canary(u16, Arc<AtomicUsize>);

impl Canary {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                counter.fetch_add(1, Ordering::SeqCst);
                drop(caller);
            }
        });
        Self(port, seen)
    }

    fn port(&self) -> u16 {
        self.0
    }

    /// How many came since it was asked.
    fn seen(&self) -> usize {
        // They are counted in the order in which they come: when this caller is, all before it are.
        let mut last = TcpStream::connect(("127.0.0.1", self.0)).unwrap();
        assert_eq!(last.read(&mut [0]).unwrap(), 0);
        self.1.swap(0, Ordering::SeqCst) - 1
    }
}

fn passed(world: &World, source: &str, code: i32) -> serde_json::Value {
    let (got, report) = world.drill(source);
    good(source, code, got, &report);
    report
}

#[test]
fn a_logical_copy_dials_nowhere_and_loads_nothing() {
    let server = PgServer::start(&pg::bindir(), &[("wal_level", "logical")]);
    let canary = Canary::new();
    let dial = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}' || true", canary.port());
    let dial = dial.replace('\'', "''");
    server.psql("postgres", "create database shop");
    if has(&pg::bindir(), "contrib") {
        server.psql("shop", "create extension dblink");
    }
    server.psql(
        "shop",
        &format!(
            "create table t(i int); insert into t values (1);
             create publication p for table t;
             create subscription s connection 'host=127.0.0.1 port={port} dbname=x connect_timeout=2'
               publication p with (connect = false, enabled = false, create_slot = false, slot_name = none);
             create function reach() returns int language plpgsql as $f$ begin
               begin perform public.dblink_connect('host=127.0.0.1 port={port} connect_timeout=2'); exception when others then null; end;
               execute $x$ copy (select 1) to program '{dial}' $x$; return 1; end $f$;
             create function trap() returns event_trigger language plpgsql as $f$ begin perform public.reach(); end $f$",
            port = canary.port()
        ),
    );
    server.psql("shop", "create materialized view m as select public.reach()");
    server.psql("shop", "create event trigger e on ddl_command_end execute function public.trap()");
    assert!(canary.seen() > 0, "the source itself does dial");
    server.psql("postgres", "alter database shop set session_preload_libraries = 'no_such_library'");
    server.psql("postgres", "create role app login");
    server.psql("postgres", "alter role app set local_preload_libraries = 'no_such_library'");
    let world = World::new(&server);
    // The backup itself connects to a database that wants the library.
    let said = world.pgseal(&["backup", "shop"]);
    if said.code != 0 {
        server.psql("postgres", "alter database shop reset session_preload_libraries");
        world.ok(&["backup", "shop"]);
    }
    server.psql("postgres", "alter role postgres set default_transaction_read_only = on");
    let before = canary.seen();
    let report = passed(&world, "shop", 0);
    assert_eq!(canary.seen(), 0, "after {before} of the source");
    assert_eq!(outcome(&report, "INT-MATVIEW"), "pass", "the function did run");
}

#[test]
fn a_roles_settings_do_not_stop_the_drill() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    server.psql("postgres", "alter role postgres set default_transaction_read_only = on");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    passed(&world, "shop", 0);
}

#[test]
fn a_physical_copy_archives_nothing_follows_nobody_and_loads_nothing() {
    let canary = Canary::new();
    let dir = tempfile::Builder::new().prefix("pga").tempdir_in("/var/tmp").unwrap();
    let touched = dir.path();
    std::fs::set_permissions(touched, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let archive = format!("touch {}/archived", touched.display());
    let auto = format!(
        "archive_mode = on\narchive_command = '{archive}'\nrestore_command = '{archive}'\nrecovery_end_command = '{archive}'\n\
         primary_conninfo = 'host=127.0.0.1 port={port} connect_timeout=2'\nlisten_addresses = '*'\nport = {port}\n\
         session_preload_libraries = 'no_such'\ninclude_if_exists = 'more.conf'\nssl_passphrase_command = '{archive}'\n",
        port = canary.port()
    );
    let server = PgServer::start_with(
        &pg::bindir(),
        &[("max_prepared_transactions", "7"), ("wal_level", "logical")],
        &["--data-checksums"],
        |_| (),
    );
    server.psql("postgres", "create table t as select generate_series(1, 1000) i");
    server.psql("postgres", "create publication p for table t");
    server.psql(
        "postgres",
        &format!(
            "create subscription s connection 'host=127.0.0.1 port={} dbname=x' publication p \
             with (connect = false, create_slot = false, slot_name = 's')",
            canary.port()
        ),
    );
    server.psql("postgres", "create database other");
    // A transaction that was prepared comes back, and with it its lock.
    server.psql("postgres", "create table held(i int)");
    server.psql("postgres", "begin; lock table held in share mode; prepare transaction 'x'");
    let with = [("archive_mode", "on"), ("archive_command", archive.as_str()), ("max_prepared_transactions", "7")];
    let mut server = server;
    server.restart(&with);
    // Read by no server but that of the copy, were it to read its own files.
    std::fs::write(server.data_dir().join("postgresql.auto.conf"), auto).unwrap();
    std::fs::write(server.data_dir().join("more.conf"), "shared_preload_libraries = 'no_such_library'\n").unwrap();
    server.psql("postgres", "update pg_subscription set subenabled = true");
    server.psql("postgres", "create role app login; alter role app set session_preload_libraries = 'no_such_library'");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    server.stop();
    canary.seen();
    for file in std::fs::read_dir(touched).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let report = passed(&world, "cluster", 0);
    assert_eq!(canary.seen(), 0);
    assert_eq!(std::fs::read_dir(touched).unwrap().count(), 0, "an archive or recovery command ran");
    assert_eq!(outcome(&report, "PHY-CHECKSUMS"), "pass");
    assert!(check(&report, "PHY-READ")["examined"].as_u64() >= Some(2));
}

#[test]
fn what_changed_while_a_base_backup_ran_is_a_warning() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 1000) i");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    crate::drill::reseal::reseal(&world, "cluster", |facts, _| {
        let tables = facts["databases"][0]["tables"].as_array_mut().unwrap();
        let mut other = tables[0].clone();
        other["name"] = "dropped_meanwhile".into();
        tables.push(other);
        // Nothing says that it was there all the time, as in backups of older versions.
        facts["physical"].as_object_mut().unwrap().remove("steady");
    });
    let report = passed(&world, "cluster", 3);
    assert_eq!((outcome(&report, "INT-TABLES"), report["proof_level"].as_str()), ("finding", Some(best("cluster"))));
}

#[test]
fn a_lock_that_comes_back_does_not_hang_the_drill() {
    let server = PgServer::start(&pg::bindir(), &[("max_prepared_transactions", "3")]);
    server.psql("postgres", "create table held(i int); insert into held values (1)");
    server.psql("postgres", "begin; lock table held in access exclusive mode; prepare transaction 'x'");
    let world = World::new(&server);
    let said = world.pgseal(&["backup", "cluster"]);
    assert_eq!(said.code, 0, "{said:?}");
    let (code, report) = world.drill("cluster");
    assert_eq!((code, report["verdict"].as_str()), (53, Some("inconclusive")), "{report:#}");
    let number = server.psql("postgres", "select transaction from pg_prepared_xacts");
    let reason = check(&report, "PHY-READ")["reason"].as_str().unwrap();
    for word in ["55P03", "held", &format!("(prepared transaction {number})")] {
        assert!(reason.contains(word), "{word}: {report:#}");
    }
    server.psql("postgres", "rollback prepared 'x'");
}

#[test]
fn a_standbys_backup_comes_up() {
    let primary = PgServer::start(
        &pg::bindir(),
        &[("wal_level", "replica"), ("wal_log_hints", "on"), ("full_page_writes", "on")],
    );
    primary.psql("postgres", "create table t as select generate_series(1, 1000) i");
    let copy = tempfile::Builder::new().prefix("pgr").tempdir_in("/var/tmp").unwrap();
    pg::own(copy.path());
    let data = copy.path().join("d");
    let mut base = primary.as_owner("pg_basebackup");
    base.env("PGHOST", primary.socket_dir()).env("PGPORT", primary.port().to_string()).env("PGUSER", "postgres");
    pg::done(base.arg("-D").arg(&data).args(["-R", "-X", "stream", "-c", "fast", "--no-sync"]), "pg_basebackup");
    let standby =
        PgServer::start_with(&pg::bindir(), &[("hot_standby", "on"), ("full_page_writes", "on")], &[], |fresh| {
            std::fs::remove_dir_all(fresh).unwrap();
            std::fs::rename(&data, fresh).unwrap();
        });
    assert_eq!(standby.psql("postgres", "select pg_is_in_recovery()"), "t");
    let world = World::new(&standby);
    world.ok(&["backup", "cluster"]);
    let report = passed(&world, "cluster", 0);
    assert_eq!(report["proof_level"], best("cluster"));
}
