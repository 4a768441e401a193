//! Code that database users hang on their own objects, where a backup comes by: it must
//! not run with the rights of the backup's role.

use crate::backup::pg::{self, PgServer};
use crate::backup::world::World;
use crate::support::installation::has;

/// `m.trap` says that it is immutable, and leaves a file if its caller may.
const PLANTED: &str = "
    create function m.act() returns void language plpgsql as $$ begin
      copy (select 1) to program 'touch planted-code-ran'; exception when others then null; end $$;
    create function m.trap(int) returns int language plpgsql immutable as $$ begin
      perform m.act(); return $1; end $$;
    create table m.t (a int primary key, b text, check (a >= m.trap(-9)));
    insert into m.t select g, repeat('x', 100) from generate_series(1, 2000) g;
    create index on m.t (a) where m.trap(2) = 1;
    create index on m.t ((a + m.trap(3)));
    create statistics m.s on (a + m.trap(4)), b from m.t;
    create table m.g (a int, b int generated always as (a + 1) stored);
    insert into m.g select g from generate_series(1, 2000) g;
    create index on m.g (a) where m.trap(5) = 1;
    create materialized view m.v as select * from m.t;
    create index on m.v (a) where m.trap(6) = 1;
    create table m.p (a int, b int default m.trap(7)) partition by list ((a + m.trap(0)));
    create table m.p1 partition of m.p for values in (1);
    create view m.w as select m.trap(8) as a from m.t;
    create rule r as on insert to m.g do also select m.trap(9);
    create policy p on m.t using (a > m.trap(10)); alter table m.t enable row level security;
    create sequence m.q; select nextval('m.q');
    create table m.wide (a text, b text); insert into m.wide select repeat('y', 50), null from generate_series(1, 3000);
    create index on m.wide (b) where m.trap(11) = 1;
    create table m.none (); insert into m.none default values;
    create table m.only_generated (a int generated always as (m.trap(0)) stored); insert into m.only_generated default values;
    create index on m.only_generated (a) where m.trap(12) = 1;";

fn ran(server: &PgServer) -> bool {
    server.psql("shop", "select (pg_stat_file('planted-code-ran', true)).size is not null") == "t"
}

#[test]
fn nobody_elses_code_runs_in_a_backup() {
    let server = PgServer::start(&pg::bindir(), &[]);
    for sql in ["create role mallory login", "create database shop"] {
        server.psql("postgres", sql);
    }
    server.psql("shop", "create schema m authorization mallory");
    // Statistics of expressions came with 14.
    let planted = if pg::major() < 14 { PLANTED.replace("(a + m.trap(4)), b", "a, b") } else { PLANTED.to_owned() };
    server.psql("shop", &format!("set session authorization mallory; {planted}"));
    assert!(!ran(&server), "mallory may not run programs");
    // What a superuser owns is computed values of its own.
    server.psql(
        "shop",
        "create schema own; create table own.g (a int, b int generated always as (a * 2) stored);
         insert into own.g values (1); create materialized view own.v as select 1 as a",
    );
    let world = World::new(&server, "databases = [\"shop\"]\ncount_rows_to = \"64KiB\"\n");
    world.run(&["backup", "shop"]).expect(0);
    assert!(!ran(&server), "some tables counted, some by a sample");
    world.configure("databases = [\"shop\"]\n");
    world.run(&["backup", "shop"]).expect(0);
    assert!(!ran(&server), "all counted");
    world.run(&["audit", "shop", "--fail-on", "never"]);
    assert!(!ran(&server), "audited");
    // The trap works: a query over such a table is enough.
    server.psql("shop", "select count(*) from m.wide");
    assert!(ran(&server), "the trap does not work");

    // Nothing was lost by it, and what could not be read is told.
    let said = world.run(&["drill", "shop", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let check = |id: &str| report["checks"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap().clone();
    let fine = if pg::major() < 14 { 52 } else { 0 };
    assert_eq!((said.code, check("INT-ROWS")["outcome"].as_str()), (fine, Some("pass")), "{said}");
    let computed = check("INT-COMPUTED");
    let never = if has(&pg::bindir(), "18") { "2 materialized" } else { "3 materialized" };
    assert!(computed["reason"].as_str().unwrap().contains(never), "{computed}");
    assert_eq!(computed["examined"], if has(&pg::bindir(), "18") { 3 } else { 2 }, "{computed}");
}
