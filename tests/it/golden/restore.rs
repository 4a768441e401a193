//! `pgseal restore`: plans, answers, refusals and failures.

use crate::golden::pg::{self, PgServer};
use crate::golden::world::{Said, World};

fn golden(world: &World, server: &PgServer, name: &str, said: &Said) {
    crate::golden::snapshot::golden(world, server, file!(), name, &said.to_string());
}

#[test]
fn into_a_database() {
    let server = PgServer::start(&pg::bindir(), &[]);
    for statement in ["CREATE ROLE clerk", "CREATE DATABASE shop", "CREATE DATABASE mine"] {
        server.psql("postgres", statement);
    }
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 1000) i; ALTER TABLE t OWNER TO clerk");
    let source = "databases = [\"shop\"]\n";
    let world = World::new(&server, source);
    world.backup();
    let target = server.conninfo();
    let run = |code: i32, more: &[&str]| {
        let all = ["restore", "shop@latest", "--connection", &target];
        world.run(&[&all[..], more].concat()).expect(code)
    };
    golden(&world, &server, "database", &run(0, &["--target-db", "copy"]));
    golden(&world, &server, "database-json", &run(0, &["--target-db", "copy2", "--json"]));
    golden(&world, &server, "database-not-empty", &run(13, &["--target-db", "copy"]));
    golden(&world, &server, "database-plan", &run(0, &["--target-db", "new", "--dry-run"]));
    golden(&world, &server, "database-plan-json", &run(0, &["--target-db", "new", "--dry-run", "--json"]));
    golden(&world, &server, "database-plan-obstacle", &run(13, &["--target-db", "copy", "--dry-run"]));

    world.fake(&server, source, "pg_restore", "*--section=data*", "echo 'pg_restore: error: boom' >&2; exit 1");
    golden(&world, &server, "database-failed", &run(50, &["--target-db", "new"]));
    golden(&world, &server, "database-failed-mine", &run(50, &["--target-db", "mine"]));
}

#[test]
fn into_a_directory() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server, "kind = \"physical\"\n");
    world.backup();
    let to = world.path("place");
    std::fs::create_dir(&to).unwrap();
    pg::own(&to);
    let run = |code: i32, more: &[&str]| {
        let all = ["restore", "shop@latest", "--target-dir", "place/data"];
        world.run(&[&all[..], more].concat()).expect(code)
    };
    golden(&world, &server, "directory-plan", &run(0, &["--dry-run"]));
    golden(&world, &server, "directory-plan-json", &run(0, &["--dry-run", "--json"]));
    golden(&world, &server, "directory", &run(0, &[]));
    golden(&world, &server, "directory-not-empty", &run(13, &[]));
    golden(&world, &server, "directory-plan-obstacle", &run(13, &["--dry-run"]));
    std::fs::remove_dir_all(to.join("data")).unwrap();
    golden(&world, &server, "directory-json", &run(0, &["--json"]));
}
