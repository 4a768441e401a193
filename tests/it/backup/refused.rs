//! What is refused before the dump begins, what the role may not read, and
//! settings of roles and databases that must not matter.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::backup::pg::{self, PgServer};
use crate::backup::world::{Said, World};

const SOURCE: &str = "databases = [\"shop\"]\n";

fn server(settings: &[(&str, &str)]) -> PgServer {
    let server = PgServer::start(&pg::bindir(), settings);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 1000) i");
    server
}

/// A failed backup and its dry run say the same and store nothing.
fn refused(world: &World, code: i32, says: &[&str]) -> Said {
    let objects = world.objects();
    world.run(&["backup", "shop", "--dry-run"]).expect(code).says(says);
    let said = world.run(&["backup", "shop"]).expect(code).says(says).says(&["error: ", "hint: "]);
    assert_eq!(said.out, "");
    assert_eq!(world.objects(), objects, "{said}");
    world.nothing_came_of_it(&world.manifests(), "refused");
    said
}

#[test]
fn keys_that_do_not_fit_stop_a_backup_before_it_begins() {
    let server = server(&[]);
    let world = World::new(&server, SOURCE);
    // Whoever starts pg_dump fails this test.
    let mark = world.path("started");
    world.fake(&server, SOURCE, "pg_dumpall", "*", &format!("touch {}", mark.display()));

    let list = |items: &[&str]| format!("recipients = {}", toml::Value::from(items.to_vec()));
    let secret = std::fs::read_to_string(world.path("identity")).unwrap();
    let secret = secret.lines().find(|l| l.starts_with("AGE-SECRET-KEY-")).unwrap();
    let r = world.recipient.as_str();
    for (items, says) in [
        (vec![], "recipient"),
        (vec![r, r], "twice"),
        (vec!["age1notarecipient"], "recipient"),
        (vec![r, secret], "secret"),
        (vec![secret], "secret"),
    ] {
        world.configure_with(&list(&items), "", SOURCE);
        for args in [
            &["backup", "shop"][..],
            &["backup", "shop", "-vv"],
            &["backup", "shop", "--json", "-vv"],
            &["config", "show"],
        ] {
            let said = world.run(args);
            if args[0] == "backup" {
                assert_eq!(said.code, 2, "{items:?}: {said}");
                assert!(format!("{said}").contains(says), "{says}: {said}");
            }
            assert!(!format!("{said}").contains(&secret[16..]), "the identity was shown");
        }
    }
    world.configure(SOURCE);

    // Not the pinned key, a revoked purpose, another source.
    let good = std::fs::read_to_string(world.path("allowed")).unwrap();
    world.run(&["keygen", "signer", "-o", "other"]).expect(0);
    let other = world.run(&["keygen", "signer", "-o", "other2"]).expect(0).out;
    for line in [&other, &good.replace("manifest@pgseal,", ""), &good.replacen('*', "crm", 1)] {
        assert_ne!(line, &good);
        world.write("allowed", line);
        refused(&world, 41, &["pinned signers do not accept", "keys.allowed_signers"]);
    }
    world.write("allowed", "");
    refused(&world, 2, &["allowed"]);
    world.write("allowed", &good);

    // Files that others may read, and things that are no files.
    let signer = world.path("signer");
    std::fs::set_permissions(&signer, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&world, 2, &["0644", "signer"]);
    std::fs::set_permissions(&signer, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&signer, world.path("real")).unwrap();
    symlink(world.path("real"), &signer).unwrap();
    refused(&world, 2, &["signer"]);
    std::fs::remove_file(&signer).unwrap();
    pg::done(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&signer), "mkfifo");
    refused(&world, 2, &["signer"]);
    std::fs::remove_file(&signer).unwrap();
    refused(&world, 2, &["signer"]);
    std::fs::rename(world.path("real"), &signer).unwrap();
    assert!(!mark.exists(), "a dump was begun");

    world.real(SOURCE);
    world.backup();
    // The identity's file is held to the same, and another identity opens nothing.
    let identity = world.path("identity");
    std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.run(&["verify", "shop", "--open"]).expect(2).says(&["0644", "identity"]);
    std::fs::remove_file(&identity).unwrap();
    world.run(&["keygen", "identity", "-o", "identity"]).expect(0);
    world.run(&["verify", "shop", "--open"]).expect(12);
    world.run(&["restore", "shop@latest", "--target-db", "x"]).expect(12).says(&["identit", "hint: "]);
    // Without one, what needs none still works.
    std::fs::remove_file(&identity).unwrap();
    world.run(&["verify", "shop", "--deep"]).expect(0);
}

#[test]
fn a_server_that_cannot_be_backed_up_is_refused() {
    let mut server = server(&[("wal_level", "minimal"), ("max_wal_senders", "0")]);
    let world = World::new(&server, SOURCE);
    world.configure("databases = [\"nosuch\"]\n");
    refused(&world, 22, &["nosuch", "no such database"]);
    world.configure("kind = \"physical\"\n");
    refused(&world, 22, &["wal_level is minimal", "restart the server"]);
    // `tools.pg_bindir` with another major.
    world.fake(&server, SOURCE, "pg_dump", "*", "exit 1");
    let program = world.path("bin").join("pg_dump");
    std::fs::write(&program, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.3'\n").unwrap();
    refused(&world, 22, &["no PostgreSQL 15 client programs found", "has 12"]);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o777)).unwrap();
    refused(&world, 2, &["others may write it"]);
    world.real(SOURCE);

    server.restart(&[("wal_level", "replica"), ("max_wal_senders", "4")]);
    world.configure("kind = \"physical\"\n");
    world.backup();
    let space = server.make_dir("space");
    server.psql("postgres", &format!("CREATE TABLESPACE \"fast one\" LOCATION '{}'", space.display()));
    refused(&world, 22, &["tablespaces of its own: fast one", "kind = \"logical\""]);

    // Another database system behind the same name.
    let other = self::server(&[]);
    let mut world = world;
    world.connection = other.conninfo();
    world.configure(SOURCE);
    refused(&world, 42, &["another database system", "--accept-new-system"]);
    world.run(&["backup", "shop", "--accept-new-system"]).expect(0);
    world.backup();

    // Nobody there, and no repository.
    world.connection = format!("host={} user=postgres dbname=postgres connect_timeout=2", world.path("tmp").display());
    world.configure(SOURCE);
    refused(&world, 20, &["error: source: ", "cannot connect", "psql"]);
    world.connection = "host=127.0.0.1 port=1 user=postgres connect_timeout=2".into();
    world.configure(SOURCE);
    refused(&world, 20, &["cannot connect"]);
    std::fs::remove_dir_all(world.path("state")).unwrap();
    std::fs::remove_dir_all(world.path("store")).unwrap();
    world.run(&["backup", "shop"]).expect(10).says(&["hint: "]);
}

#[test]
fn a_role_that_sees_too_little_fails_the_backup() {
    let server = server(&[]);
    server.psql(
        "shop",
        "CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA public TO clerk; GRANT SELECT ON t TO clerk; \
         CREATE TABLE \"secret ledger\" AS SELECT 1 AS i",
    );
    let mut world = World::new(&server, SOURCE);
    world.backup();
    let before = world.manifests();
    world.connection = server.conninfo().replace("user=postgres", "user=clerk");
    let source = "databases = [\"shop\"]\nrole_passwords = false\n";
    world.configure(source);
    refused(&world, 22, &["pg_read_all_settings", "examples/sql/backup-role.sql"]);
    server.psql("shop", "GRANT pg_read_all_settings TO clerk");
    let said = world.run(&["backup", "shop"]).expect(21);
    said.says(&[
        "error: dump: pg_dump of database shop: ",
        "permission denied",
        "secret ledger",
        "hint: Grant the backup role",
    ]);
    world.nothing_came_of_it(&before, "no right");

    server.psql("shop", "GRANT SELECT ON \"secret ledger\" TO clerk");
    world.backup();
    let before = world.manifests();
    server.psql("shop", "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t TO clerk USING (i < 10)");
    world.run(&["backup", "shop"]).expect(21).says(&["row-level security", "\"t\"", "BYPASSRLS"]);
    world.nothing_came_of_it(&before, "filtered rows");
    server.psql("shop", "ALTER ROLE clerk BYPASSRLS");
    world.backup();
    // Verifiers are for superusers.
    world.configure(SOURCE);
    world.run(&["backup", "shop"]).expect(21).says(&["error: dump: pg_dumpall: ", "pg_authid"]);
}

#[test]
fn the_role_of_the_example_reads_stored_passwords_and_says_so() {
    let server = server(&[]);
    let sql = std::fs::read_to_string("examples/sql/backup-role.sql").unwrap();
    if pg::major() < 14 {
        return;
    }
    server.psql("postgres", &sql);
    server.psql("postgres", "CREATE ROLE app LOGIN PASSWORD 'x'");
    let mut world = World::new(&server, SOURCE);
    world.connection = server.conninfo().replace("user=postgres", "user=pgseal_logical");
    // role_passwords is on by default.
    world.configure(SOURCE);
    world.backup();
    assert!(sql.contains("can read every stored password"));
}

#[test]
fn a_value_that_copy_cannot_write_is_told_with_what_to_do() {
    let server = server(&[]);
    server.psql("shop", "CREATE TABLE huge AS SELECT repeat('x', 600000000)::bytea b");
    let world = World::new(&server, SOURCE);
    world.run(&["backup", "shop"]).expect(21).says(&[
        "invalid memory alloc request size",
        "too large for COPY's text form (1 GB)",
        "kind = \"physical\"",
    ]);
}

#[test]
fn what_the_server_says_of_its_slots_is_one_clean_line() {
    let server = server(&[("max_replication_slots", "1")]);
    server.psql("postgres", "SELECT pg_create_physical_replication_slot('taken')");
    let world = World::new(&server, "kind = \"physical\"\n");
    let said = world.run(&["backup", "shop"]).expect(22);
    assert!(said.err.contains("all replication slots are in use; HINT: ") && !said.err.contains("\\n"), "{said}");
}

#[test]
fn settings_of_roles_and_databases_do_not_change_a_backup() {
    let server = server(&[]);
    server.psql(
        "shop",
        "CREATE TABLE odd AS SELECT i, now() + i * interval '1 day 1 second' AS at, i / 3.0::float8 AS f, \
         decode(md5(i::text), 'hex') AS b, interval '1 mon 2 days' * i AS iv FROM generate_series(1, 20000) i",
    );
    let set = [
        "statement_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '1ms'",
        // Not less: it already counts between the login and our first command.
        "idle_session_timeout = '500ms'",
        "search_path = 'nowhere'",
        "default_transaction_read_only = on",
        "default_transaction_isolation = 'serializable'",
        "session_preload_libraries = 'auto_explain'",
        "DateStyle = 'German, DMY'",
        "IntervalStyle = 'sql_standard'",
        "TimeZone = 'Asia/Kathmandu'",
        "extra_float_digits = 0",
        "bytea_output = 'escape'",
        "client_encoding = 'LATIN1'",
        "quote_all_identifiers = on",
        "row_security = on",
        "standard_conforming_strings = off",
        "client_min_messages = 'debug1'",
        "array_nulls = off",
    ];
    server.psql("postgres", "CREATE ROLE keeper SUPERUSER LOGIN");
    let source = "databases = [\"shop\"]\n";
    let mut world = World::new(&server, source);
    world.connection = server.conninfo().replace("user=postgres", "user=keeper");
    world.configure(source);
    for whose in ["ROLE keeper", "DATABASE shop", "DATABASE postgres", "ROLE keeper IN DATABASE shop"] {
        for setting in set {
            server.psql("template1", &format!("ALTER {whose} SET {setting}"));
        }
    }
    let id = world.backup();
    world.run(&["verify", &id, "--open"]).expect(0);
    // Restored by another role; the settings come along.
    let target = server.conninfo();
    world.run(&["restore", &id, "--target-db", "copy", "--connection", &target]).expect(0);
    let settings = "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase \
                    WHERE setrole = 0 AND datname = 'copy' AND cardinality(setconfig) = ";
    assert_eq!(server.psql("template1", &format!("{settings}{}", set.len())), "1");
    for whose in ["shop", "postgres", "copy"] {
        server.psql("template1", &format!("ALTER DATABASE {whose} RESET ALL"));
    }
    let text = |db| server.pg_dump_text(db);
    assert!(text("copy") == text("shop"), "the restored copy differs");
    assert_eq!(server.psql("copy", "SELECT count(*) FROM odd"), "20000");
}
