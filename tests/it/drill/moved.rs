//! What users do while a base backup runs is no damage of the copy; what nobody did is.

use crate::drill::pg::{self, PgServer};
use crate::drill::reseal::{files_of_tar, reseal};
use crate::drill::versions::{good, looks_at_indexes};
use crate::drill::world::{World, check, outcome};

/// Programs of which `pg_basebackup` is a user's statements first.
fn meanwhile(world: &World, server: &PgServer, sql: &str) -> String {
    let psql = pg::bindir().join("psql");
    world.wrapped("pg_basebackup", |_| {
        format!(
            "case \"$*\" in *pgdata=-*) {} -Xq '{} dbname=shop' -c \"{sql}\" >/dev/null ;; esac",
            psql.display(),
            server.conninfo()
        )
    })
}

const SHOP: &str = "create sequence one; select setval('one', 900); create sequence other; select setval('other', 5);
    create sequence fresh minvalue -5 start 700;
    create sequence down increment -3; select nextval('down') from generate_series(1, 50);
    create table t (id int generated always as identity, v int); insert into t(v) select generate_series(1, 40)";

#[test]
fn a_difference_is_a_warning_only_where_the_source_changed_meanwhile() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", SHOP);
    let world = World::new(&server);

    // Sequences that go on meanwhile, and as far ahead as recovery sets them.
    let used = "select nextval('one') from generate_series(1, 500); select nextval('down') from generate_series(1, 7); \
                insert into t(v) select generate_series(1, 100)";
    let tools = meanwhile(&world, &server, used);
    world.configure(&tools, "");
    world.ok(&["backup", "cluster"]);
    world.configure("", "");
    let (code, report) = world.drill("cluster");
    good("cluster", 0, code, &report);
    assert_eq!(outcome(&report, "INT-SEQ"), "pass", "{report:#}");

    // The same sequences, each in the other's file: nothing that ran meanwhile explains it.
    let path = |name: &str| server.psql("shop", &format!("select pg_relation_filepath('{name}')"));
    let (one, other) = (path("one"), path("other"));
    reseal(&world, "cluster", |_, streams| {
        let tar = &mut streams.values_mut().next().unwrap().bytes;
        let files = files_of_tar(tar);
        let ((a, length), (b, _)) = (files[&one], files[&other]);
        for i in 0..length {
            tar.swap(a + i, b + i);
        }
    });
    let (code, report) = world.drill("cluster");
    assert_eq!((code, report["verdict"].as_str()), (51, Some("failed")), "{report:#}");
    let sequences = check(&report, "INT-SEQ");
    assert_eq!((sequences["outcome"].as_str(), sequences["severity"].as_str()), (Some("finding"), Some("high")));
    let objects: Vec<&str> =
        sequences["findings"].as_array().unwrap().iter().map(|f| f["object"].as_str().unwrap()).collect();
    assert_eq!(objects, ["shop: public.one", "shop: public.other"], "{sequences:#}");
    assert!(sequences.get("reason").is_none_or(serde_json::Value::is_null), "{sequences:#}");

    // Statements that change what there is, and set a sequence back.
    let changed = "alter table t add column w int; create role newcomer; select setval('one', 1)";
    let tools = meanwhile(&world, &server, changed);
    world.configure(&tools, "");
    world.ok(&["backup", "cluster"]);
    world.configure("", "");
    let (code, report) = world.drill("cluster");
    good("cluster", 3, code, &report);
    for id in ["INT-SEQ", "INT-SCHEMA", "INT-ROLES"] {
        let c = check(&report, id);
        assert_eq!((c["outcome"].as_str(), c["severity"].as_str()), (Some("finding"), Some("low")), "{c:#}");
        assert!(c["reason"].as_str().unwrap().contains("this may have changed while it ran"), "{c:#}");
    }
}

/// What was made and dropped while the base backup ran is in neither reading of its facts.
#[test]
fn a_table_that_is_there_only_while_the_base_backup_runs_is_a_warning() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table staging (id int primary key)");
    let world = World::new(&server);
    let psql = pg::bindir().join("psql");
    let run = |sql: &str| format!("{} -Xq '{} dbname=shop' -c \"{sql}\" >/dev/null", psql.display(), server.conninfo());
    let (make, drop) = (run("create table fleeting (id int); drop table staging"), run("drop table fleeting"));
    let again = run("create table staging (id int primary key)");
    let tools = world.wrapped("pg_basebackup", |real| {
        format!("case \"$*\" in *pgdata=-*) {make}; {real} \"$@\" || exit; {drop}; {again}; exit 0 ;; esac")
    });
    world.configure(&tools, "");
    world.ok(&["backup", "cluster"]);
    world.configure("", "");
    let (code, report) = world.drill("cluster");
    good("cluster", 3, code, &report);
    let tables = check(&report, "INT-TABLES");
    assert_eq!(
        (tables["severity"].as_str(), tables["findings"].as_array().unwrap().len()),
        (Some("low"), 2),
        "{tables:#}"
    );
}

/// A database that accepts no connections is in a base backup like all others; a function
/// that does not find another one where search_path is empty is no damage of its index.
#[test]
fn a_closed_database_is_looked_at_and_a_function_that_fails_is_no_damage() {
    let server = PgServer::start(&pg::bindir(), &[]);
    for name in ["shop", "closed"] {
        server.psql("postgres", &format!("create database {name}"));
        server.psql(
            name,
            "create table t as select g as id, g::text as word from generate_series(1, 2000) g;
             create function inner_norm(text) returns text language sql immutable as 'select pg_catalog.lower($1)';
             create function norm(text) returns text language plpgsql immutable as 'begin return public.inner_norm($1); end';
             create index t_norm on t (norm(word)); create index t_hash on t using hash (norm(word));
             -- From 17 on the index could not be made like this, and still be kept.
             create or replace function norm(text) returns text language plpgsql immutable
               as 'begin return inner_norm($1); end'",
        );
    }
    let heap = server.psql("closed", "select pg_relation_filepath('t')");
    server.psql("postgres", "alter database closed allow_connections false");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    good("cluster", 0, code, &report);
    let read = check(&report, "PHY-READ");
    assert_eq!((read["present"].as_u64(), read["examined"].as_u64()), (Some(2), Some(2)), "{read:#}");
    if looks_at_indexes() {
        let reason = check(&report, "PHY-AMCHECK")["reason"].as_str().unwrap();
        assert!(reason.starts_with("2 indexes were checked without their tables"), "{reason}");
    }
    reseal(&world, "cluster", |_, streams| {
        let tar = &mut streams.values_mut().next().unwrap().bytes;
        let (at, _) = files_of_tar(tar)[&heap];
        tar[at + 8192..at + 8192 + 24].fill(0xa5);
    });
    let (code, report) = world.drill("cluster");
    assert_eq!((code, report["verdict"].as_str()), (51, Some("failed")), "{report:#}");
    let found = &check(&report, "PHY-READ")["findings"][0];
    assert_eq!(found["object"], "closed: public.t", "{report:#}");
}

/// A cluster whose bootstrap superuser was locked, as hardening guides ask for.
#[test]
fn a_bootstrap_superuser_who_may_not_log_in_stops_no_drill() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("postgres", "create role operator superuser login");
    server.psql("shop", "create table t as select 1 as id");
    let user = server.psql("postgres", "select current_user");
    let world = World::new(&server);
    server.psql("postgres", &format!("set role operator; alter role \"{user}\" nologin"));
    world.edit(&format!("user={user}"), "user=operator");
    for source in ["cluster", "shop"] {
        world.ok(&["backup", source]);
        let (code, report) = world.drill(source);
        // The tests' access rules let everybody in as this superuser, which is critical.
        assert!(code != 53 || !looks_at_indexes(), "{report:#}");
        assert_eq!(outcome(&report, "INT-ROLES"), "pass", "{report:#}");
    }
}
