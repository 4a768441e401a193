//! A function of the copy that never ends ends the drill at its deadline, and the
//! report says on which object.

use std::time::Instant;

use crate::drill::pg::{self, PgServer};
use crate::drill::world::World;

/// Sleeps in a copy, and returns its argument anywhere else.
const SLEEPER: &str = "create schema app; \
    create function app.calm(i int) returns int immutable language plpgsql as $f$ begin \
      if pg_catalog.current_setting('cluster_name') like 'pgseal-%' then perform pg_catalog.pg_sleep(100000); end if; \
      return i; end $f$; \
    create table app.t(i int); insert into app.t select generate_series(1, 10);";

/// Drills a database with `definition` in it; the deadline names `object`.
fn ends(definition: &str, object: &str) {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", &format!("{SLEEPER} {definition}"));
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    // On a busy host the copy may not have come so far within the first.
    let named = |report: &serde_json::Value| !report["errors"][0]["object"].is_null();
    let mut seconds = 12;
    let mut report = drill(&world, seconds);
    if !named(&report) {
        seconds = 60;
        report = drill(&world, seconds);
    }
    let error = &report["errors"][0];
    assert_eq!((error["object"].as_str(), error["stage"].as_str()), (Some(object), Some("restore")), "{report:#}");
    let text = error["message"].as_str().unwrap();
    assert!(text.contains(&format!("longer than {seconds} s")) && text.contains("asleep (pg_sleep)"), "{text}");
    assert!(error["hint"].as_str().unwrap().contains("source.NAME.drill.deadline"), "{error}");
}

/// Ends at its deadline, inconclusive, and leaves nothing behind.
fn drill(world: &World, seconds: u64) -> serde_json::Value {
    world.configure("", &format!("[source.NAME.drill]\ndeadline = \"{seconds}s\"\n"));
    let began = Instant::now();
    let (code, report) = world.drill("shop");
    assert_eq!((code, report["verdict"].as_str()), (124, Some("inconclusive")), "{report:#}");
    assert!(began.elapsed().as_secs() < seconds + 30, "{:?}", began.elapsed());
    assert_eq!(report["teardown"]["instance_gone"], true, "{report:#}");
    assert_eq!(report["teardown"]["directory_gone"], true, "{report:#}");
    report
}

#[test]
fn a_constraint_that_sleeps_is_named() {
    ends(
        "create table app.checked(i int check (app.calm(i) > 0)); insert into app.checked values (1)",
        "table app.checked",
    );
}

#[test]
fn a_generated_column_that_sleeps_is_named() {
    let table = "create table app.made(i int, j int generated always as (app.calm(i)) stored)";
    ends(&format!("{table}; insert into app.made(i) values (1)"), "table app.made");
}

#[test]
fn an_index_that_sleeps_is_named() {
    ends("create index on app.t(app.calm(i))", "table app.t");
}

#[test]
fn a_materialized_view_that_sleeps_is_named() {
    ends("create materialized view app.sums as select app.calm(i) from app.t", "materialized view app.sums");
}
