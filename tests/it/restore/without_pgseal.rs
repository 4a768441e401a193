//! `scripts/restore-without-pgseal` on what pgseal itself made: the way out must
//! not need the program that led in.

use std::process::Command;

use crate::restore::directory::starts_and_holds;
use crate::restore::pg::{PgServer, bindir, done, own};
use crate::restore::world::{Host, Said, said, sorted};

/// The script with nothing but stock tools on its path.
pub fn script(host: &Host, server: &PgServer, source: &str, args: &[&str]) -> Said {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/restore-without-pgseal"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", host.path("home"));
    command.env("PGHOST", server.socket_dir()).env("PGUSER", "postgres").env("PG_BINDIR", bindir());
    command.current_dir(host.path("")).args([
        "--store",
        "store",
        "--allowed-signers",
        "allowed",
        "--identity",
        "identity",
    ]);
    said(command.args(["--source", source]).args(args))
}

fn names(server: &PgServer) -> String {
    server.psql("postgres", "select string_agg(datname, ' ' order by datname) from pg_database where not datistemplate")
}

#[test]
fn databases_come_back_by_stock_tools_alone() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create role app password 'x'");
    for db in ["shop", "host=evil \"db\""] {
        server.psql("postgres", &format!("create database \"{}\"", db.replace('"', "\"\"")));
        server.psql(
            db,
            "create schema s authorization app; create table s.\"t 1\" (id bigserial primary key, doc text);
             insert into s.\"t 1\" (doc) select repeat(md5(g::text), 1 + g % 9) from generate_series(1, 20000) g;
             create index on s.\"t 1\" (doc); grant select on s.\"t 1\" to app; select lo_from_bytea(0, 'large')",
        );
    }
    let host = Host::new(&server);
    host.configure("databases = [\"shop\"]\njobs = 3", "databases = \"all\"\njobs = 3");
    host.ok(&["backup", "tables"]);
    script(&host, &server, "tables", &["--target-db", "back"]).is(1, &["3 databases", "--database"]);

    let target = PgServer::start(&bindir(), &[]);
    for db in ["shop", "host=evil \"db\""] {
        script(&host, &target, "tables", &["--target-db", db, "--database", db, "--with-globals"]).is(0, &[]);
        assert!(sorted(&server.pg_dump_text(db)) == sorted(&target.pg_dump_text(db)), "{db} differs");
    }
    assert_eq!(names(&target), "host=evil \"db\" postgres shop");
    let password = "select rolpassword from pg_authid where rolname = 'app'";
    assert_eq!(target.psql("postgres", password), server.psql("postgres", password));

    let mut other = host.path("other-identity").display().to_string();
    script(&host, &target, "tables", &["--target-db", "no", "--database", "shop", "--identity", &other])
        .is(1, &["does not open"]);
    other.push_str("-missing");
    script(&host, &target, "tables", &["--target-db", "no", "--identity", &other]).is(1, &["cannot read the identity"]);
    assert_eq!(names(&target), "host=evil \"db\" postgres shop");
}

#[test]
fn a_cluster_of_many_parts_comes_back_by_stock_tools_alone() {
    let server = PgServer::start(&bindir(), &[("max_wal_size", "64MB")]);
    server.psql("postgres", "create database shop");
    // Enough for more parts than a manifest lists.
    server.psql("shop", "create table t as select g, repeat(md5(g::text), 20) doc from generate_series(1, 36000) g");
    let host = Host::new(&server);
    host.configure("[source.cluster]\n", "[source.cluster]\npart_bytes = \"64KiB\"\n");
    let id = host.ok(&["backup", "cluster"]).out.trim().to_owned();
    let parts = host.path("store/s/cluster/d").join(&id).join("parts.json");
    assert!(parts.exists(), "too few parts for this test: {}", host.ok(&["--json", "show", &id]).out);

    let home = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    own(home.path());
    let at = |name: &str| home.path().join(name);
    let restore = |name: &str| script(&host, &server, "cluster", &["--target-dir", &at(name).display().to_string()]);
    restore("data").is(0, &["every file is as it was"]);
    done(Command::new("/usr/bin/chown").args(["-R", "--reference"]).arg(home.path()).arg(at("data")), "chown");
    starts_and_holds(&server, &at("data"), home.path(), "36000");
    // pgseal reads the same.
    host.ok(&["restore", "cluster@latest", "--target-dir", &at("again").display().to_string()]);
    assert!(at("again/PG_VERSION").exists());

    // The list of parts is as good as the manifest that names it.
    let whole = std::fs::read(&parts).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for (bytes, expected) in [(&changed[..], "parts.json is corrupt"), (&whole[1..], "parts.json has")] {
        std::fs::write(&parts, bytes).unwrap();
        restore("never").is(1, &[expected, "the backup is damaged"]);
    }
    std::fs::remove_file(&parts).unwrap();
    restore("never").is(1, &["missing in the store: s/cluster/d/", "parts.json"]);
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains("never")), "{left:?}");
}
