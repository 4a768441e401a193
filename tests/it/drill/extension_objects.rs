//! What belongs to extensions: changed or attached by users, it is in no dump.

use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, check, outcome};

/// Two of the postgres role, one of somebody who is no superuser.
const EXTENSIONS: &str = "create extension cube; create extension earthdistance; create role app login;
    grant create on database postgres to app; set role app; create extension hstore; reset role";

/// Each is lost by a logical backup.
const CHANGES: &str = "create table kept (id int primary key, name text); insert into kept values (1, 'a'), (2, 'b');
    create index kept_name on kept (name); alter extension cube add table kept;
    create function mine() returns int language sql as 'select 1'; alter extension cube add function mine();
    create or replace function earth() returns float8 language sql immutable parallel safe as 'select 1::float8';
    alter extension earthdistance drop function sec_to_gc(float8); drop function sec_to_gc(float8)";

fn findings<'r>(report: &'r serde_json::Value, id: &str) -> Vec<(&'r str, &'r str)> {
    let all = check(report, id)["findings"].as_array().unwrap();
    all.iter().map(|f| (f["object"].as_str().unwrap(), f["message"].as_str().unwrap())).collect()
}

#[test]
fn what_users_change_of_an_extension_is_told_and_is_in_a_physical_backup() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", EXTENSIONS);
    let world = World::new(&server);
    let said = world.pgseal(&["backup", "shop"]);
    assert_eq!((said.code, said.err.contains("belong to extensions")), (0, false), "{}", said.err);
    let (code, report) = world.drill("shop");
    assert_eq!((code, outcome(&report, "INT-EXT-OBJECTS")), (0, "pass"), "{report:#}");
    // hstore was app's, and is the restoring superuser's.
    let reason = check(&report, "INT-EXT-OBJECTS")["reason"].as_str().unwrap();
    assert!(reason.starts_with("1 extensions and objects of them have other owners"), "{reason}");

    server.psql("postgres", CHANGES);
    let said = world.pgseal(&["backup", "shop"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("1 tables belong to extensions") && said.err.contains("\"kept\""), "{}", said.err);
    let (code, report) = world.drill("shop");
    assert_eq!(code, 51, "{report:#}");
    let found = findings(&report, "INT-EXT-OBJECTS");
    for (object, message) in [
        ("extension cube, table: public.kept", "it is missing"),
        ("extension cube, index: public.kept_name", "it is missing"),
        ("extension cube, table constraint: kept_pkey on public.kept", "it is missing"),
        ("extension cube, function: public.mine()", "it is missing"),
        ("extension earthdistance, function: public.earth()", "it differs: "),
        ("extension earthdistance, function: public.sec_to_gc(double precision)", "it was not in the backup"),
    ] {
        let fits = |f: &&(&str, &str)| f.0 == format!("postgres: {object}") && f.1.starts_with(message);
        assert!(found.iter().any(|f| fits(&f)), "{object}: {found:?}");
    }
    let rows = findings(&report, "INT-COMPUTED");
    assert!(rows.len() == 1 && rows[0].0 == "postgres: public.kept" && rows[0].1.starts_with("its 2 rows"), "{rows:?}");

    // A base backup has all of it.
    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    assert_eq!((code, outcome(&report, "INT-EXT-OBJECTS")), (0, "pass"), "{report:#}");
}

#[test]
fn foreign_keys_that_were_turned_off_are_told() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql(
        "postgres",
        "create table p (id int primary key); create table c (id int references p); insert into p values (1);
         insert into c values (1)",
    );
    let world = World::new(&server);
    let said = world.pgseal(&["backup", "shop"]);
    assert!(said.code == 0 && !said.err.contains("turned off"), "{}", said.err);
    let (code, report) = world.drill("shop");
    assert_eq!((code, &check(&report, "INT-SCHEMA")["reason"]), (0, &serde_json::Value::Null), "{report:#}");

    server.psql("postgres", "alter table c disable trigger all");
    let said = world.pgseal(&["backup", "shop"]);
    assert!(said.code == 0 && said.err.contains("foreign keys of 1 tables are turned off"), "{}", said.err);
    let (code, report) = world.drill("shop");
    let reason = check(&report, "INT-SCHEMA")["reason"].as_str().unwrap();
    assert!(code == 0 && reason.starts_with("foreign keys of 1 tables were not enforced"), "{code} {reason}");
}
