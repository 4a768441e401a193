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

#[test]
fn only_roles_that_the_database_needs_stand_in_the_way() {
    let server = PgServer::start(&bindir(), &[]);
    let roles = ["stranger", "owner", "reader", "chief", "policed", "other", "settled"];
    for role in roles {
        server.psql("postgres", &format!("create role {role}"));
    }
    for db in ["shop", "free"] {
        server.psql("postgres", &format!("create database {db}"));
        server.psql(db, "create table t (a int); create table plain (a int)");
    }
    server.psql("postgres", "create database foreigners owner other");
    server.psql("postgres", "alter role settled in database shop set work_mem to '1MB'");
    server.psql(
        "shop",
        "alter table t owner to owner; grant select on t to reader; create policy p on t to policed using (true);
         alter default privileges for role chief grant select on tables to reader",
    );
    let host = Host::new(&server);
    host.ok(&["backup", "shop"]);
    let target = PgServer::start(&bindir(), &[]);
    let run = |db: &str, more: &[&str]| {
        let all: Vec<&str> =
            ["shop@latest", "--target-db", "new", "--database", db].iter().chain(more).copied().collect();
        host.restore(&target, &all)
    };
    let said = run("free", &["--dry-run"]);
    said.is(0, &[]);
    assert!(!said.out.contains("OBSTACLE"), "{said:?}");
    run("free", &[]).is(0, &[]);
    target.psql("postgres", "drop database new");
    run("shop", &["--dry-run"])
        .is(13, &["roles of the backup are missing", ": chief, owner, policed, reader, settled\n"]);
    run("shop", &["--dry-run", "--table", "plain"]).is(0, &[]);
    run("shop", &["--table", "plain"]).is(0, &[]);
    target.psql("postgres", "drop database new");
    run("shop", &["--dry-run", "--no-owner"]).is(0, &["name missing roles would be left out: policed\n"]);
    run("shop", &["--dry-run", "--keep-going"])
        .is(0, &["note ", "would not be restored: roles of the backup are missing"]);
}

#[test]
fn what_needs_a_superuser_is_foreseen_and_told() {
    let server = PgServer::start(&bindir(), &[]);
    if !server.offers("pg_buffercache") {
        return;
    }
    server.psql("postgres", "create role boss; create role mine");
    server.psql("postgres", "create database shop");
    server.psql("postgres", "create database owned");
    server.psql("shop", "create extension pg_buffercache; create table t (a int)");
    server.psql(
        "owned",
        "create table t (a int); alter table t owner to boss; create table u (a int); alter table u owner to mine",
    );
    let host = Host::new(&server);
    host.ok(&["backup", "shop"]);
    let target = PgServer::start(&bindir(), &[]);
    target
        .psql("postgres", "create role boss; create role mine; create role cloud login createdb; grant mine to cloud");
    let cloud = format!("host={} user=cloud dbname=postgres", target.socket_dir().display());
    let run = |db: &str, more: &[&str]| {
        let all: Vec<&str> = ["shop@latest", "--target-db", "new", "--database", db, "--connection", &cloud]
            .iter()
            .chain(more)
            .copied()
            .collect();
        host.restore(&target, &all)
    };
    run("shop", &["--no-owner", "--dry-run"])
        .is(13, &["the role cloud is no superuser, as these extensions need it: pg_buffercache"]);
    run("shop", &["--no-owner"]).is(50, &["Only a superuser may create this extension", "--keep-going"]);
    run("shop", &["--no-owner", "--keep-going", "--dry-run"]).is(0, &["note ", "pg_buffercache"]);
    // As it says: a superuser makes the extension first.
    target.psql("postgres", "create database new owner cloud");
    target.psql("new", "create extension pg_buffercache");
    run("shop", &["--no-owner", "--dry-run"]).is(0, &[]);
    run("shop", &["--no-owner"]).is(0, &[]);
    target.psql("postgres", "drop database new");

    run("owned", &["--dry-run"]).is(13, &["may not give objects to their owners (see --no-owner): boss, postgres\n"]);
    run("owned", &[]).is(50, &["restore with --no-owner, or as a superuser"]);
    run("owned", &["--no-owner", "--dry-run"]).is(0, &[]);
    run("owned", &["--no-owner"]).is(0, &[]);
    run("owned", &["--globals", "--dry-run"]).is(13, &["may not give objects"]);
}
