//! `restore --dry-run`.

use crate::restore::pg::{PgServer, bindir};
use crate::restore::world::Host;

#[test]
fn a_dry_run_says_what_would_be_done_and_what_stops_it() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create role boss");
    server.psql("postgres", "create database shop owner boss");
    server.psql("shop", "create table t as select generate_series(1, 1000) a");
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    host.ok(&["backup", "cluster"]);
    let dry = |server: &PgServer, args: &[&str]| {
        let all: Vec<&str> = ["tables@latest", "--dry-run", "--target-db"].iter().chain(args).copied().collect();
        host.restore(server, &all)
    };

    let said = dry(&server, &["new"]);
    said.is(0, &["fetch       ", "objects, ", "needs       about ", "target      database new", "identity    x25519:"]);
    assert!(!said.out.contains("OBSTACLE"), "{said:?}");
    dry(&server, &["shop"]).is(13, &["OBSTACLE", "is not empty"]);
    dry(&server, &["new", "--database", "x"]).is(2, &["It holds: shop"]);
    server.psql("postgres", "create role weak login");
    let weak = format!("host={} user=weak dbname=postgres", server.socket_dir().display());
    dry(&server, &["new", "--connection", &weak]).is(13, &["the role weak may not create databases"]);

    let other = PgServer::start(&bindir(), &[]);
    dry(&other, &["new"]).is(13, &["OBSTACLE", "roles of the backup are missing", "boss", "--globals"]);
    dry(&other, &["new", "--globals"]).is(0, &[]);
    dry(&other, &["new", "--no-owner"]).is(0, &[]);
    drop(other);
    dry(&server, &["new", "--connection", "host=/nonexistent dbname=postgres"]).is(13, &["OBSTACLE", "cannot connect"]);
    assert_eq!(server.psql("postgres", "select count(*) from pg_database where not datistemplate"), "2");

    let target = host.path("data").display().to_string();
    let physical = |target: &str| host.run(&["restore", "cluster@latest", "--dry-run", "--target-dir", target]);
    let said = physical(&target);
    said.is(
        0,
        &[
            "fetch       ",
            "needs       about ",
            &format!("target      directory {target}"),
            "identity    x25519:",
            "free        ",
        ],
    );
    assert!(!host.path("data").exists());
    physical(&host.path("home").join("..").display().to_string()).is(13, &["OBSTACLE", "not empty"]);
    let json = host.ok(&["--json", "restore", "cluster@latest", "--dry-run", "--target-dir", &target]);
    let plan: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(plan["objects"].as_u64() >= Some(2) && plan["plain_bytes"].as_u64() > Some(10_000_000), "{plan}");
    assert_eq!(plan["obstacles"], serde_json::json!([]));
}

#[test]
fn a_dry_run_looks_whether_the_backup_is_all_there() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table t as select i, md5(i::text) a from generate_series(1, 9000) i");
    let host = Host::new(&server);
    let id = host.ok(&["backup", "tables"]).out.trim().to_owned();
    let dry = || host.restore(&server, &["tables@latest", "--target-db", "new", "--dry-run"]);
    dry().is(0, &[]);
    // The largest part is one of the rows.
    let parts = crate::support::world::files(&host.path("store/s/tables/d").join(&id)).into_keys();
    let parts: Vec<_> =
        parts.filter(|p| p.to_str().unwrap().ends_with(".zst.age") && !p.ends_with("facts.zst.age")).collect();
    let part = parts.iter().max_by_key(|p| std::fs::metadata(p).unwrap().len()).unwrap();
    let bytes = std::fs::read(part).unwrap();
    let name = part.file_name().unwrap().to_str().unwrap();
    std::fs::write(part, &bytes[..bytes.len() - 1]).unwrap();
    dry().is(40, &["OBSTACLE", name, "bytes are stored"]);
    std::fs::remove_file(part).unwrap();
    dry().is(40, &["OBSTACLE", name, "is not in the store"]);
    host.run(&["verify", &id]).is(40, &[name]);
    std::fs::write(part, &bytes).unwrap();
    dry().is(0, &[]);
}
