//! What a restored data directory would do once it is started.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::restore::directory::started_and_asked;
use crate::restore::pg::{PgServer, bindir, done, own};
use crate::restore::world::Host;

/// A standby of `primary`, with its settings in several files.
fn standby_of(primary: &PgServer) -> PgServer {
    let take = |data: &Path| {
        std::fs::remove_dir_all(data).unwrap();
        let mut copy = primary.as_owner("pg_basebackup");
        copy.arg("-h").arg(primary.socket_dir()).args(["-p", &primary.port().to_string(), "-U", "postgres", "-R"]);
        done(copy.args(["-c", "fast", "-D"]).arg(data), "pg_basebackup");
        let auto = std::fs::read_to_string(data.join("postgresql.auto.conf")).unwrap();
        let conninfo = auto.lines().find(|l| l.starts_with("primary_conninfo")).unwrap();
        std::fs::create_dir(data.join("conf.d")).unwrap();
        std::fs::write(data.join("conf.d/follow.conf"), format!("{conninfo}\n")).unwrap();
        let mut conf = std::fs::read_to_string(data.join("postgresql.conf")).unwrap();
        writeln!(conf, "include_dir 'conf.d'\narchive_mode = on\narchive_command = 'false # hush'").unwrap();
        std::fs::write(data.join("postgresql.conf"), conf).unwrap();
        own(data);
        own(&data.join("conf.d"));
        own(&data.join("conf.d/follow.conf"));
    };
    PgServer::start_with(&bindir(), &[], &[], take)
}

#[test]
fn a_standbys_backup_becomes_a_server_of_its_own() {
    let primary = PgServer::start(&bindir(), &[("full_page_writes", "on")]);
    primary.psql("postgres", "create database shop");
    primary.psql("shop", "create table t as select generate_series(1, 1000) a");
    let standby = standby_of(&primary);
    assert_eq!(standby.psql("postgres", "select pg_is_in_recovery()"), "t");
    let host = Host::new(&standby);
    primary.psql("postgres", "checkpoint");
    host.ok(&["backup", "cluster"]);
    let home = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    own(home.path());
    let at = |name: &str| home.path().join(name);
    let restore = |name: &str, more: &[&str]| {
        let dir = at(name).display().to_string();
        let all: Vec<&str> = ["restore", "cluster@latest", "--target-dir", &dir].iter().chain(more).copied().collect();
        host.ok(&all)
    };

    restore("alone", &["--dry-run"])
        .is(0, &["standby.signal and primary_conninfo are removed", "--as-standby", "archive_mode"]);
    let said = restore("alone", &[]);
    said.is(
        0,
        &["removed standby.signal, primary_conninfo", "archive_command in postgresql.conf line", "archive_mode = off"],
    );
    assert!(!said.err.contains("hush"), "what a command says may be a secret: {said:?}");
    assert!(!at("alone/standby.signal").exists());
    let sql = "select pg_is_in_recovery(), current_setting('primary_conninfo') = '', (select count(*) from t)";
    assert_eq!(started_and_asked(&primary, &at("alone"), home.path(), sql), "f|t|1000");
    // The one that follows is the standby itself.
    assert_eq!(primary.psql("postgres", "select count(*) from pg_stat_replication"), "1");

    restore("again", &["--as-standby", "--dry-run"]).is(0, &["it follows the server that primary_conninfo names"]);
    restore("again", &["--as-standby"]).is(0, &["the directory is a standby's"]);
    assert!(at("again/standby.signal").exists());
    for file in ["postgresql.auto.conf", "postgresql.conf", "conf.d/follow.conf"] {
        let source = std::fs::read(standby.data_dir().join(file)).unwrap();
        assert_eq!(std::fs::read(at("again").join(file)).unwrap(), source, "{file}");
    }
}

#[test]
fn a_primarys_settings_are_left_alone_and_told() {
    let reaching = |data: &Path| {
        let path = data.join("postgresql.conf");
        let text = std::fs::read_to_string(&path).unwrap();
        let more = "shared_preload_libraries = 'auto_explain'\nrestore_command = 'false'\narchive_command = 'false'\n";
        std::fs::write(&path, text + more).unwrap();
    };
    let server = PgServer::start_with(&bindir(), &[], &[], reaching);
    server.psql("postgres", "alter system set work_mem = '5MB'");
    let host = Host::new(&server);
    host.ok(&["backup", "cluster"]);
    std::fs::create_dir(host.path("home/pg")).unwrap();
    own(&host.path("home/pg"));
    let data = host.path("home/pg/data");
    let dir = data.display().to_string();
    host.ok(&["restore", "cluster@latest", "--target-dir", &dir, "--dry-run"]).is(0, &["auto_explain"]);
    let said = host.ok(&["--json", "restore", "cluster@latest", "--target-dir", &dir]);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["removed"], serde_json::json!([]), "{said:?}");
    // Nothing is archived where archive_mode is off.
    assert_eq!(json["settings"], serde_json::json!(["restore_command", "shared_preload_libraries"]), "{said:?}");
    let auto = |dir: &Path| std::fs::read_to_string(dir.join("postgresql.auto.conf")).unwrap();
    assert_eq!(auto(&data), auto(&server.data_dir()));
}
