//! What no dump, or no base backup, holds: told by the backup, sealed, and told again.

use crate::backup::pg::{self, PgServer};
use crate::backup::world::World;

const SHOP: &str = "databases = [\"shop\"]\nrole_passwords = false\n";

fn shop(sql: &str) -> PgServer {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", sql);
    server
}

/// A version that gets no corrections any more is exposed for that alone.
fn fine(code: i32) -> bool {
    code == 0 || code == 52 && pg::major() < 14
}

/// The exit code of a drill, and why a check said what it said.
fn drilled(world: &World, id: &str) -> (i32, String) {
    let said = world.run(&["drill", "shop", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said}"));
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|c| c["id"] == id).unwrap_or_else(|| panic!("no {id}: {report}"));
    (said.code, check["reason"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn options_of_mappings_that_the_role_may_not_see() {
    let server = shop(
        "create role app; create role keeper login bypassrls; create foreign data wrapper w; create server far foreign data wrapper w;
         create user mapping for app server far options (user 'u', password 'p');
         create server own foreign data wrapper w; alter server own owner to keeper; grant usage on foreign data wrapper w to keeper;
         create user mapping for keeper server own; create user mapping for public server own;
         create table t as select generate_series(1, 10) i; grant select on t to keeper",
    );
    server.psql("postgres", &pg::predefined("grant pg_read_all_settings, pg_monitor to keeper"));
    let mut world = World::new(&server, SHOP);
    world.run(&["backup", "shop"]).expect(0);
    world.connection =
        server.conninfo().replace("user=postgres", "user=keeper").replace("dbname=postgres", "dbname=shop");
    world.configure(SHOP);
    world.run(&["backup", "shop"]).expect(3).says(&[
        "may not see the options of 1 user mappings",
        "app on server far",
        "CREATE USER MAPPING",
    ]);
    let (code, why) = drilled(&world, "INT-SCHEMA");
    assert!(fine(code) && why.contains("the options of 1 user mappings are not in the backup"), "{code} {why}");
}

#[test]
fn a_partition_that_is_half_detached() {
    if pg::major() < 14 {
        return;
    }
    let server = shop(
        "create table p (a int) partition by range (a); create table p1 partition of p for values from (0) to (10);
         create table p2 partition of p for values from (10) to (20); insert into p values (1), (11);
         set allow_system_table_mods = on; update pg_inherits set inhdetachpending = true where inhrelid = 'p2'::regclass",
    );
    let world = World::new(&server, SHOP);
    world.run(&["backup", "shop"]).expect(3).says(&["half detached", "\"public\".\"p2\" (of \"p\")", "FINALIZE"]);
    let (code, why) = drilled(&world, "INT-SCHEMA");
    assert!(fine(code) && why.contains("1 partitions were half detached"), "{code} {why}");
    let target = PgServer::start(&pg::bindir(), &[]);
    let to = |args: &[&str]| {
        let connection = target.conninfo();
        world.run(&[&["restore", "shop@latest", "--target-db", "new", "--connection", &connection], args].concat())
    };
    let told = "half detached are attached: \"public\".\"p2\" (of \"p\")";
    assert!(to(&["--dry-run"]).expect(0).out.contains(told));
    to(&[]).expect(0).says(&[told]);
    server.psql("shop", "alter table p detach partition p2 finalize");
    world.run(&["backup", "shop"]).expect(0);
}

#[test]
fn a_child_that_accepts_null_where_its_parent_does_not() {
    let server = shop("create table up (a int not null); create table c () inherits (up)");
    let world = World::new(&server, SHOP);
    world.run(&["backup", "shop"]).expect(0);
    if pg::major() >= 18 {
        // There each table has a constraint of its own for it.
        assert!(server.try_psql("shop", "alter table c alter a drop not null").is_err());
        return;
    }
    server.psql("shop", "alter table c alter a drop not null; insert into c values (null)");
    world.run(&["backup", "shop"]).expect(3).says(&["accept NULL", "\"public\".\"c\" (column \"a\")", "SET NOT NULL"]);
}

/// The name of an inherited column's constraint is SQL that runs when it is restored.
#[test]
fn names_that_a_restore_would_run() {
    if pg::major() < 18 {
        return;
    }
    let server = shop(
        "create role j login; create schema m authorization j;
         set session authorization j;
         create table m.up (a int, b int); create table m.plain (constraint \"Upper\" not null b) inherits (m.up);
         create table m.usual (constraint usual_b_not_null not null b) inherits (m.up);
         create table m.\"Usual\" (constraint \"Usual_b_not_null\" not null b) inherits (m.up)",
    );
    let world = World::new(&server, SHOP);
    world.run(&["backup", "shop"]).expect(3).says(&["without quotes", "\"m\".\"plain\" (constraint \"Upper\")"]);
    let target = PgServer::start(&pg::bindir(), &[]);
    target.psql("postgres", "create role j login");
    let to = |name: &str, args: &[&str]| {
        let connection = target.conninfo();
        world.run(&[&["restore", "shop@latest", "--target-db", name, "--connection", &connection], args].concat())
    };
    to("harmless", &[]).expect(0).says(&["become others: \"m\".\"plain\""]);
    server.psql(
        "shop",
        "set session authorization j;
         create table m.c (constraint \"n NOT NULL b,b int);ALTER ROLE j SUPERUSER;CREATE TEMP TABLE z(\" not null b) inherits (m.up)",
    );
    world.run(&["backup", "shop"]).expect(3);
    let plan = to("evil", &["--dry-run"]).expect(13).out;
    assert!(plan.contains("would run them as SQL") && plan.contains("ALTER ROLE j SUPERUSER"), "{plan}");
    to("evil", &[]).expect(13).says(&["would run them as SQL", "ALTER ROLE j SUPERUSER", "--accept-names"]);
    let power = || target.psql("postgres", "select rolsuper from pg_roles where rolname = 'j'");
    assert_eq!(power(), "f");
    // The hole is there: else nothing needs to be refused.
    to("evil", &["--accept-names", "--keep-going"]);
    assert_eq!(power(), "t", "pg_dump writes such names with quotes now");
}

#[test]
fn rows_of_unlogged_tables_in_a_base_backup() {
    let server = shop("create unlogged table cart as select generate_series(1, 10) i; create table t (a int)");
    let world = World::new(&server, "kind = \"physical\"\n");
    let told = "the content of 1 relation(s) is not in the backup (\"public\".\"cart\"): unlogged";
    world.run(&["backup", "shop"]).expect(0).says(&[told]);
    let dir = world.path("restored").display().to_string();
    assert!(world.run(&["restore", "shop@latest", "--target-dir", &dir, "--dry-run"]).expect(0).out.contains(told));
    world.run(&["restore", "shop@latest", "--target-dir", &dir]).expect(0).says(&[told]);
    let (code, why) = drilled(&world, "INT-COMPLETE");
    assert!(fine(code) && why.contains("the content of 1 relation(s) is not in the backup"), "{code} {why}");
    server.psql("shop", "alter table cart set logged");
    assert!(!world.run(&["backup", "shop"]).expect(0).err.contains("cart"));
}
