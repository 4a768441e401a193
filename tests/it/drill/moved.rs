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
