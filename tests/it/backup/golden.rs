//! What the commands say, word for word.

use crate::backup::pg::{self, PgServer};
use crate::backup::world::{Said, World};

fn golden(world: &World, server: &PgServer, name: &str, said: &Said) {
    crate::backup::snapshot::golden(world, server, file!(), name, &said.to_string());
}

#[test]
fn every_answer() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 1000) i");
    let source = "databases = [\"shop\"]\n";
    let world = World::new(&server, source);
    let answer = |name: &str, code: i32, args: &[&str]| {
        golden(&world, &server, name, &world.run(args).expect(code));
        golden(&world, &server, &format!("{name}-json"), &world.run(&[args, &["--json"]].concat()).expect(code));
    };
    answer("list-empty", 0, &["list"]);
    answer("verify-empty", 3, &["verify", "shop"]);
    answer("backup-dry-run", 0, &["backup", "shop", "--dry-run"]);
    answer("backup", 0, &["backup", "shop", "--label", "before upgrade"]);
    answer("list", 0, &["list"]);
    answer("list-one", 0, &["list", "shop"]);
    answer("show", 0, &["show", "shop@latest"]);
    answer("verify", 0, &["verify", "shop"]);
    answer("verify-open", 0, &["verify", "shop", "--open"]);
    let target = server.conninfo();
    answer(
        "restore-dry-run",
        0,
        &["restore", "shop@latest", "--target-db", "copy", "--connection", &target, "--dry-run"],
    );
    answer("restore-wrong-target", 2, &["restore", "shop@latest", "--target-dir", "x"]);
    answer("no-such-source", 2, &["backup", "shpo"]);
    answer("no-such-backup", 2, &["show", "shop@2001-01-01"]);

    world.fake(&server, source, "pg_dump", "*--section=data*", "echo 'pg_dump: error: boom' >&2; exit 1");
    answer("backup-failed", 21, &["backup", "shop"]);
    golden(&world, &server, "backup-quiet", &world.run(&["-q", "backup", "shop"]).expect(21));
    golden(&world, &server, "backup-log-json", &world.run(&["--log-format", "json", "backup", "shop"]).expect(21));
    let said = world.run(&["--log-format", "json", "-vv", "backup", "shop"]).expect(21);
    for line in said.err.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "no JSON: {line}");
    }
    world.real(source);

    // One part of the newest is gone, another has other bytes.
    let newest = world.run(&["show", "shop@latest", "--json"]).expect(0).json()["id"].as_str().map(str::to_owned);
    let newest = newest.unwrap_or_default();
    let parts: Vec<String> = world
        .objects()
        .into_iter()
        .filter(|k| !newest.is_empty() && k.contains(&newest) && k.contains("/s0"))
        .collect();
    assert!(parts.len() >= 3, "{parts:?}");
    std::fs::remove_file(world.path("store").join(&parts[0])).unwrap();
    let broken = world.path("store").join(&parts[1]);
    let mut bytes = std::fs::read(&broken).unwrap();
    bytes[300] ^= 1;
    std::fs::write(&broken, bytes).unwrap();
    answer("verify-missing", 40, &["verify", "shop"]);
    answer("verify-deep-broken", 40, &["verify", "shop", "--deep"]);
}
