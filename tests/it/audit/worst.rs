//! A cluster with every sin: each check finds what it is there for, in the live audit
//! and in the drills, and nothing else does; and its backups are good all the same.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use pgseal::exposure::catalogue;
use serde_json::Value;

use crate::audit::expected::{self, ELSEWHERE, WORST};
use crate::audit::fixture::Client;
use crate::audit::pg::{PgServer, bindir, free_port, own, put};
use crate::audit::world::World;

const LOG: &str =
    "2026-11-20 04:00:00.001 UTC [4711] LOG:  statement: ALTER ROLE app PASSWORD 'T7-vanilla-orchard-91';\n";

fn server() -> PgServer {
    let port = free_port().to_string();
    let settings = [
        // A name for loopback that is no address: nobody from outside reaches the test.
        ("listen_addresses", "127.1"),
        ("port", port.as_str()),
        ("unix_socket_permissions", "0777"),
        ("log_connections", "off"),
        ("log_statement", "none"),
        ("log_min_duration_statement", "0"),
        ("log_line_prefix", "%p "),
        ("log_replication_commands", "off"),
        ("allow_system_table_mods", "on"),
        ("restore_command", "curl -u backup:zH47xWq02mRt -o %p https://wal.example.com/%f"),
        ("wal_level", "logical"),
        ("authentication_timeout", "120s"),
    ];
    let pg = PgServer::start_with(&bindir(), &settings, &[], |data| {
        put(&data.join("pg_hba.conf"), include_str!("worst.hba"));
        put(&data.join("pg_ident.conf"), "anyone /^.*$ admin2\n");
        put(&data.join("deploy.key"), &private_key());
        std::fs::create_dir(data.join("log")).unwrap();
        own(&data.join("log"));
        let failed = "2026-11-20 04:01:00.001 UTC [4712] app@shop 203.0.113.7 FATAL:  password authentication failed for user \"app\"\n";
        put(&data.join("log/postgresql.log"), &format!("{LOG}{}", failed.repeat(60)));
    });
    pg.psql("postgres", include_str!("worst_roles.sql"));
    pg.psql("postgres", "CREATE DATABASE shop");
    pg.psql("shop", include_str!("worst.sql"));
    pg.psql("postgres", "ALTER DATABASE shop SET app.token = 'ghp_9kQw3ZxV7bN1mLs5TyR8pJd2HfGc4AuE6oXi'");
    pg.psql("postgres", "ALTER DATABASE shop SET session_preload_libraries = 'auto_explain'");
    pg.psql("postgres", "SELECT pg_create_physical_replication_slot('left_behind')");
    if crate::audit::pg::major() >= 15 {
        pg.psql("postgres", "GRANT SET ON PARAMETER log_statement TO support");
    }
    pg
}

fn private_key() -> String {
    let out = std::process::Command::new("/usr/bin/openssl").args(["genrsa", "2048"]).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

fn declarations(world: &World) -> String {
    let text = "[[waiver]]\ncheck = \"EXP-HBA-001\"\nmatch = { object = \"gone\" }\nreason = \"r\"\nowner = \"o\"\nexpires = 2026-01-01\n\
                [[waiver]]\ncheck = \"EXP-HBA-007\"\nmatch = { object = \"rule host shop app 10.0.0.0/8 password\" }\nreason = \"r\"\nexpires = 2999-01-01\n\
                [expect]\nadmins = [\"postgres\", \"gone\"]\nreplicas = [\"10.1.0.9/32\"]\n";
    let path = world.path("declared.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("[source.NAME.exposure]\ndeclarations = [\"{}\"]\n", path.display())
}

#[test]
fn every_check_is_set_off_by_the_worst_cluster_or_has_a_reason_not_to_be() {
    let here: BTreeSet<&str> = WORST.iter().map(|w| w.0).chain(ELSEWHERE.iter().map(|e| e.0)).collect();
    let all: BTreeSet<&str> = catalogue::all().map(|c| c.about.id).collect();
    assert_eq!(here, all);
    assert_eq!(WORST.len() + ELSEWHERE.len(), all.len(), "one is told twice");
}

#[test]
fn every_sin_is_found_and_the_backups_are_good_all_the_same() {
    let pg = server();
    let world = World::new(&pg);
    world.configure("", &declarations(&world));
    // One role, used by a person and by a service.
    let clients = ["psql", "billing"].map(|application| Client::connect(&pg, "app", "shop", application));
    for source in ["shop", "cluster"] {
        world.ok(&["backup", source]);
    }
    let live = world.pgseal(&["audit", "shop", "--plane", "live", "--json"]);
    assert_eq!(live.code, 52, "{live:?}");
    drop(clients);
    let live: Value = serde_json::from_str(&live.out).unwrap();

    let drills = [("shop", 'd'), ("cluster", 'p')].map(|(source, place)| {
        let (code, report) = world.drill(source);
        // It is exposed, and nothing else is wrong with it.
        for check in report["checks"].as_array().unwrap() {
            assert!(["pass", "not_applicable"].contains(&check["outcome"].as_str().unwrap()), "{check:#}");
        }
        assert_eq!(code, 52, "{:#} {:#}", report["reasons"], report["errors"]);
        assert_eq!((&report["proof_level"], &report["proven"]), (&"data".into(), &true.into()));
        (report, place)
    });
    // The backups are proven, and found when they are needed.
    for source in ["shop", "cluster"] {
        let shown = world.ok(&["show", &format!("{source}@latest-proven")]).out;
        assert!(shown.contains("exposed (data)"), "{shown}");
        assert!(world.ok(&["list", source]).out.contains("exposed"));
    }
    expected::worst(&live["exposure"], 'l');
    for (report, place) in &drills {
        expected::worst(&report["exposure"], *place);
    }
    // What lies there, who reads it and from where, in one sentence.
    for (report, _) in &drills {
        let checks = report["exposure"]["checks"].as_array().unwrap();
        let data = checks.iter().find(|c| c["id"] == "EXP-DATA-001").unwrap();
        let table = "database shop: table public.customers";
        let found = data["findings"].as_array().unwrap().iter().find(|f| f["object"] == table).unwrap();
        let message = found["message"].as_str().unwrap();
        let joined =
            "by every role (PUBLIC), who enter from as far away as global addresses, and not all of them over TLS: ";
        assert!(
            message.contains(joined) && message.contains("phone (contact: phone numbers in 200 of 200 values)"),
            "{message}"
        );
    }
    // What a logical copy does not have was not looked at, and that is no pass.
    for id in ["EXP-REPL-003", "EXP-SECR-002"] {
        let checks = drills[0].0["exposure"]["checks"].as_array().unwrap();
        assert_eq!(checks.iter().find(|c| c["id"] == id).unwrap()["outcome"], "not_evaluated");
    }

    // The store and the host.
    let store = world.path("store");
    std::fs::write(store.join("s/shop/dump.sql"), "--\n-- PostgreSQL database dump\n--\n").unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_hours(72);
    std::fs::File::options().write(true).open(store.join("s/shop/dump.sql")).unwrap().set_modified(old).unwrap();
    std::fs::copy(world.path("keys/identity"), store.join("s/shop/identity.txt")).unwrap();
    std::fs::set_permissions(store.join("s"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let trail = world.pgseal(&["audit", "shop", "--plane", "trail", "--json"]);
    assert_eq!(trail.code, 52, "{trail:?}");
    let trail: Value = serde_json::from_str(&trail.out).unwrap();
    expected::worst(&trail["exposure"], 't');

    let home = world.path("tmp");
    std::fs::write(home.join(".bash_history"), "psql postgres://app:T7-vanilla-orchard-91@db/shop\n").unwrap();
    std::fs::write(home.join(".profile"), "export PGPASSWORD=T7-vanilla-orchard-91\n").unwrap();
    std::fs::write(home.join("dump.sql"), "--\n-- PostgreSQL database dump\n--\n").unwrap();
    let house = world.pgseal(&["audit", "shop", "--plane", "house", "--json"]);
    assert_eq!(house.code, 52, "{house:?}");
    let house: Value = serde_json::from_str(&house.out).unwrap();
    expected::worst(&house["exposure"], 'h');
    for (what, told) in [("live", &live), ("trail", &trail), ("house", &house)] {
        assert!(!told.to_string().contains("vanilla-orchard"), "{what} tells a secret");
    }
}
