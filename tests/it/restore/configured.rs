//! A server whose configuration lies outside of its data directory, as Debian has it.

use std::path::Path;

use serde_json::Value;

use super::directory::started_and_asked;
use crate::restore::pg::{PgServer, bindir, own};
use crate::restore::world::Host;

/// Moves the files of the configuration to `etc`.
fn as_debian(data: &Path, etc: &Path) {
    for name in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"] {
        std::fs::rename(data.join(name), etc.join(name)).unwrap();
    }
    let named = |name: &str| etc.join(name).display().to_string();
    let conf = etc.join("postgresql.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    let more = format!(
        "data_directory = '{}'\nhba_file = '{}'\nident_file = '{}'\n",
        data.display(),
        named("pg_hba.conf"),
        named("pg_ident.conf")
    );
    std::fs::write(&conf, text + &more).unwrap();
}

#[test]
fn what_no_server_starts_without_is_told_where_it_is_missing() {
    let home = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    own(home.path());
    let etc = home.path().join("etc");
    std::fs::create_dir(&etc).unwrap();
    own(&etc);
    let config = format!("{}/postgresql.conf", etc.display());
    let server = PgServer::start_with(&bindir(), &[("config_file", &config)], &[], |data| as_debian(data, &etc));
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table t as select generate_series(1, 1000) a");
    let host = Host::new(&server);
    host.ok(&["backup", "cluster"]);
    let at = |name: &str| home.path().join(name);
    let dir = at("new").display().to_string();
    let told = ["no postgresql.conf in the directory", "no pg_hba.conf in the directory", "/etc/postgresql", "Copy it"];
    host.ok(&["restore", "cluster@latest", "--target-dir", &dir, "--dry-run"]).is(0, &told);
    let said = host.ok(&["--json", "restore", "cluster@latest", "--target-dir", &dir]);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["missing"], serde_json::json!(["postgresql.conf", "pg_hba.conf"]), "{said:?}");
    said.is(0, &told);
    // And with what was said to do, it starts.
    let conf = std::fs::read_to_string(etc.join("postgresql.conf")).unwrap();
    let own_only = |l: &&str| !["data_directory", "hba_file", "ident_file"].iter().any(|n| l.starts_with(n));
    let conf: String = conf.lines().filter(own_only).flat_map(|l| [l, "\n"]).collect();
    std::fs::write(at("new/postgresql.conf"), conf).unwrap();
    std::fs::copy(etc.join("pg_hba.conf"), at("new/pg_hba.conf")).unwrap();
    own(&at("new/postgresql.conf"));
    own(&at("new/pg_hba.conf"));
    assert_eq!(started_and_asked(&server, &at("new"), home.path(), "select count(*) from t"), "1000");

    // A usual one says nothing of it.
    let usual = PgServer::start(&bindir(), &[]);
    usual.psql("postgres", "create database shop");
    let host = Host::new(&usual);
    host.ok(&["backup", "cluster"]);
    for more in [&["--dry-run"][..], &[]] {
        let dir = at("usual").display().to_string();
        let said = host.ok(&[&["restore", "cluster@latest", "--target-dir", &dir], more].concat());
        assert!(!format!("{said:?}").contains("in the directory, and without it"), "{said:?}");
    }
    // Where a link was left out, that is told instead.
    let conf = usual.data_dir().join("pg_hba.conf");
    std::fs::rename(&conf, at("hba")).unwrap();
    std::os::unix::fs::symlink(at("hba"), &conf).unwrap();
    host.run(&["backup", "cluster"]).is(3, &["pg_hba.conf is not in the backup"]);
    let dir = at("linked").display().to_string();
    let said = host.run(&["restore", "cluster@latest", "--target-dir", &dir]);
    said.is(3, &["warning: pg_hba.conf is not in the backup: a link", "no pg_hba.conf in the directory"]);
}
