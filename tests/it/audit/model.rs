//! A cluster as it should be: nothing is open, and that is said by checks that looked.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use pgseal::keys::Identities;
use serde_json::Value;

use crate::audit::expected;
use crate::audit::pg::{PgServer, bindir, done, free_port, own, put};
use crate::audit::world::World;

/// Who runs the tests is who runs the backups; PostgreSQL's own user restarts the server.
fn ident() -> String {
    let me = if rustix::process::geteuid().is_root() { "root" } else { "postgres" };
    let mut text = format!("ops {me} backup\nown {me} postgres\n");
    if me != "postgres" {
        text.push_str("own postgres postgres\n");
    }
    text
}

fn server() -> PgServer {
    let port = free_port().to_string();
    let settings = [
        ("listen_addresses", "127.0.0.1"),
        ("port", port.as_str()),
        ("unix_socket_permissions", "0700"),
        ("ssl", "on"),
        ("ssl_ciphers", "HIGH:!aNULL:!MD5:!3DES"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("log_connections", "on"),
        ("log_disconnections", "on"),
        ("log_statement", "ddl"),
        ("log_line_prefix", "%m [%p] user=%u,db=%d,client=%h "),
        ("log_replication_commands", "on"),
        ("shared_preload_libraries", "passwordcheck,auth_delay"),
    ];
    let pg = PgServer::start_with(&bindir(), &settings, &["--data-checksums"], |data| {
        put(&data.join("pg_hba.conf"), include_str!("model.hba"));
        put(&data.join("pg_ident.conf"), &ident());
        let line =
            "req -x509 -newkey rsa:2048 -nodes -keyout ../server.key -out server.crt -days 300 -subj /CN=localhost";
        done(Command::new("/usr/bin/openssl").args(line.split(' ')).current_dir(data), "openssl");
        let key = data.parent().unwrap().join("server.key");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        own(&key);
        own(&data.join("server.crt"));
        let settings = std::fs::read_to_string(data.join("postgresql.conf")).unwrap();
        put(&data.join("postgresql.conf"), &format!("{settings}\nssl_key_file = '{}'\n", key.display()));
    });
    pg.psql("postgres", include_str!("model_roles.sql"));
    for sql in [
        "CREATE DATABASE shop OWNER shop_owner",
        "REVOKE ALL ON DATABASE shop FROM PUBLIC",
        "GRANT CONNECT ON DATABASE shop TO app, worker, billing, support, stock, backup",
        "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
        "GRANT CONNECT ON DATABASE postgres TO backup",
        "REVOKE ALL ON DATABASE template1 FROM PUBLIC",
    ] {
        pg.psql("postgres", sql);
    }
    for database in ["postgres", "template1"] {
        pg.psql(database, "REVOKE ALL ON SCHEMA public FROM PUBLIC");
    }
    pg.psql("shop", include_str!("model.sql"));
    pg
}

fn declarations(world: &World) -> String {
    let text = "[expect]\nadmins = [\"postgres\"]\ndump_role = \"backup\"\n\
                services = [\"app\", \"worker\", \"billing\", \"stock\", \"backup\"]\nextensions = [\"plpgsql\", \"pgcrypto\"]\nreplicas = []\n";
    let path = world.path("declared.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("[source.NAME.exposure]\nfail_on = \"low\"\ndeclarations = [\"{}\"]\n", path.display())
}

/// What is told of every cluster that has passwords and a backup role, as information.
const INHERENT: [&str; 2] = ["EXP-SECR-008", "EXP-ROLE-006"];
/// A directory keeps nobody from deleting who may write into it; a bucket can.
const DIRECTORY: &str = "EXP-STO-007";

/// Nothing is open, and at least this many checks passed after having looked.
#[track_caller]
fn model(exposure: &Value, at_least: usize) {
    let mut open = expected::open(exposure);
    open.retain(|id, _| id != DIRECTORY && ![&INHERENT[..], expected::OUTSIDE].concat().contains(&id.as_str()));
    assert!(open.is_empty(), "{open:#?}");
    let checks = exposure["checks"].as_array().unwrap();
    for check in checks.iter().filter(|c| INHERENT.contains(&c["id"].as_str().unwrap())) {
        assert_eq!(check["severity"], "info", "{check:#}");
    }
    let errors: Vec<&Value> = checks.iter().filter(|c| c["outcome"] == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let passed = checks.iter().filter(|c| c["outcome"] == "pass").count();
    let others: Vec<String> = checks
        .iter()
        .filter(|c| c["outcome"] != "pass")
        .map(|c| format!("{} {} {}", c["id"], c["outcome"], c["reason"]))
        .collect();
    assert!(passed >= at_least, "{passed} passed: {others:#?}");
}

#[test]
fn nothing_is_found_on_a_cluster_as_it_should_be() {
    let pg = server();
    let world = World::new(&pg);
    world.configure("", &declarations(&world));
    world.edit("user=postgres", "user=backup");
    // A second recipient, proven by a drill, whose identity then leaves this host.
    let (second, recipient) = Identities::generate();
    world.edit("recipients = [", &format!("recipients = [\"{recipient}\", "));
    for source in ["shop", "cluster"] {
        world.ok(&["backup", source]);
    }
    let file = world.path("keys/identity");
    let first = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{first}\n{}\n", *second)).unwrap();
    for (source, at_least) in [("shop", 60), ("cluster", 70)] {
        let said = world.pgseal(&["drill", source, "--all-recipients", "--json"]);
        let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        world.nothing_left();
        model(&report["exposure"], at_least);
        assert!(said.code == 0 || report["reasons"].to_string().contains("EXP-VER-"), "{:#}", report["reasons"]);
    }

    std::fs::remove_file(&file).unwrap();
    let config = std::fs::read_to_string(world.path("pgseal.toml")).unwrap();
    let without: String = config.split_inclusive('\n').filter(|l| !l.starts_with("identity = ")).collect();
    std::fs::write(world.path("pgseal.toml"), without).unwrap();
    for (plane, at_least) in [("live", 55), ("trail", 10), ("house", 3)] {
        if plane == "house" {
            // The tests want names, which are not for reports that are kept.
            world.edit("redact = \"none\"", "redact = \"names\"");
        }
        let said = world.pgseal(&["audit", "shop", "--plane", plane, "--json"]);
        let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        model(&report["exposure"], at_least);
        assert!(said.code == 0 || report["reasons"].to_string().contains("EXP-"), "{said:?}");
    }
}
