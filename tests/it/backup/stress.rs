//! Much, large, busy and oddly named: backed up, opened, restored, drilled.

use crate::backup::pg::{self, PgServer};
use crate::backup::world::World;

/// A drill passes, as far as `level`.
fn drill(world: &World, level: &str) {
    let said = world.run(&["drill", "shop", "--json"]).expect(0);
    let report = said.json();
    assert_eq!((&report["verdict"], &report["proof_level"]), (&"passed".into(), &level.into()), "{said}");
}

/// The databases' dumps as sorted lines: rows have no order in SQL.
fn same(server: &PgServer, a: &str, b: &str) {
    let lines = |db: &str| {
        let text = server.pg_dump_text(db);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert!(lines(a) == lines(b), "{a} and {b} differ");
}

#[test]
fn a_busy_database() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    let bench = |args: &[&str]| {
        let mut command = server.client("pgbench", "shop");
        command.args(args).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command
    };
    pg::done(&mut bench(&["-i", "-s", "2", "-q"]), "pgbench -i");
    let world = World::new(&server, "databases = [\"shop\"]\npart_bytes = \"1MiB\"\n");
    // Ends when it is killed: it must outlast both backups.
    let mut load = bench(&["-T", "600", "-c", "2"]).spawn().unwrap();
    let history = || server.psql("shop", "SELECT count(*) FROM pgbench_history").parse::<u64>().unwrap();
    crate::backup::world::until("pgbench does nothing", || history() > 0);
    let started = history();
    world.backup();
    world.backup();
    let ended = history();
    assert!(load.try_wait().unwrap().is_none() && ended > started, "there was no load");
    load.kill().unwrap();
    load.wait().unwrap();
    world.run(&["verify", "shop", "--open"]).expect(0);
    world.run(&["restore", "shop@latest", "--target-db", "copy", "--connection", &server.conninfo()]).expect(0);
    // One moment: every transaction is there whole or not at all.
    let sums = "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history) \
                AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(tbalance) FROM pgbench_tellers) \
                AND (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(bbalance) FROM pgbench_branches)";
    assert_eq!(server.psql("copy", sums), "t");
    let copied: u64 = server.psql("copy", "SELECT count(*) FROM pgbench_history").parse().unwrap();
    assert!(started <= copied && copied <= ended, "{started} {copied} {ended}");
    drill(&world, "data");
}

#[test]
fn many_tables_a_huge_row_and_more_than_a_thousand_parts() {
    let server = PgServer::start(&pg::bindir(), &[("max_locks_per_transaction", "512")]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql(
        "shop",
        "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE many_%s AS SELECT %s AS i', i, i); END LOOP; END $$; \
         CREATE TABLE nothing (i int PRIMARY KEY, t text); CREATE TABLE no_columns (); \
         CREATE TABLE huge AS SELECT 1 AS i, decode(repeat(md5('x'), 1600000), 'hex') AS body; \
         CREATE TABLE wide AS SELECT i, repeat(md5(i::text), 32) AS t FROM generate_series(1, 18000) i",
    );
    let world =
        World::new(&server, "databases = [\"shop\"]\npart_bytes = \"64KiB\"\ncompression = 1\nidle_timeout = \"1m\"\n");
    world.backup();
    let lists = world.objects().into_iter().filter(|k| k.ends_with("parts.json")).count();
    assert_eq!(lists, 1, "the receipts were not split off");
    assert!(world.objects().len() > 1000);
    let shown = world.run(&["show", "shop@latest", "--json"]).expect(0).json();
    assert!(shown.to_string().len() > 100);
    world.run(&["verify", "shop", "--open"]).expect(0);
    world.run(&["restore", "shop@latest", "--target-db", "copy", "--connection", &server.conninfo()]).expect(0);
    same(&server, "shop", "copy");
    assert_eq!(server.psql("copy", "SELECT octet_length(body) FROM huge"), "25600000");
    drill(&world, "data");
    // The list of parts is as sealed as the manifest.
    let list = world.objects().into_iter().find(|k| k.ends_with("parts.json")).unwrap();
    let path = world.path("store").join(list);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen('1', "2", 1)).unwrap();
    world.run(&["verify", "shop"]).expect(40);
    world.run(&["restore", "shop@latest", "--target-db", "copy2", "--connection", &server.conninfo()]).expect(40);
    std::fs::remove_file(&path).unwrap();
    world.run(&["verify", "shop"]).expect(40);
}

#[test]
fn an_empty_database() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    let world = World::new(&server, "databases = [\"shop\"]\n");
    world.backup();
    world.run(&["verify", "shop", "--open"]).expect(0);
    world.run(&["restore", "shop@latest", "--target-db", "copy", "--connection", &server.conninfo()]).expect(0);
    same(&server, "shop", "copy");
    // There are no rows that could prove more.
    drill(&world, "booted");
}

/// Names that a shell, libpq, a terminal or a regular expression would read as something else.
const NAMES: [&str; 12] = [
    "with space",
    "quote\"quote",
    "it's",
    "line\nend",
    "host=evil port=1",
    "postgresql://evil/db",
    "-d",
    "b\u{e9}\u{1f418}",
    "rtl\u{202e}gnp",
    "\u{1b}]0;title\u{7}\u{1b}[2J",
    "a.b*c|(d)?$",
    "sixty-three-bytes-of-name-are-the-most-that-there-can-be-in-all",
];

/// Databases that are restored.
const BACK: [&str; 4] = [NAMES[3], NAMES[4], NAMES[5], NAMES[9]];

#[test]
fn hostile_names() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let quoted = |name: &str| pgseal::types::text::quote_ident(name);
    for name in NAMES {
        server.psql("postgres", &format!("CREATE DATABASE {}", quoted(name)));
        server.psql("postgres", &format!("CREATE ROLE {} LOGIN", quoted(name)));
    }
    // A database in PGDATABASE is a name, never a connection string.
    let inside = |name: &str, sql: &str| {
        let mut psql = server.client("psql", "postgres");
        psql.env("PGDATABASE", name).env("PGCLIENTENCODING", "UTF8");
        let out = psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]).output().unwrap();
        assert!(out.status.success(), "{name:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    for name in NAMES {
        let all = BACK.contains(&name);
        for table in NAMES.into_iter().filter(|t| all || *t == name) {
            inside(name, &format!("CREATE TABLE {} AS SELECT 1 AS {}", quoted(table), quoted(table)));
        }
    }
    let world = World::new(&server, "databases = \"all\"\n");
    let clean = |said: crate::backup::world::Said| {
        for text in [&said.out, &said.err] {
            let bad = |c: char| (c.is_control() && c != '\n') || ('\u{200b}'..='\u{202e}').contains(&c);
            assert!(!text.contains(bad), "not escaped: {text:?}");
        }
        said
    };
    let plan = clean(world.run(&["backup", "shop", "--dry-run"]).expect(0));
    for escaped in
        ["line\\nend", "rtl\\u{202e}gnp", "\\u{1b}]0;title\\u{7}\\u{1b}[2J", "postgresql://evil/db", "b\u{e9}\u{1f418}"]
    {
        assert!(plan.out.contains(escaped), "{escaped}: {plan}");
    }
    assert_eq!(plan.out.lines().filter(|l| l.starts_with("database ")).count(), NAMES.len() + 1);
    let json = world.run(&["backup", "shop", "--dry-run", "--json"]).expect(0).json();
    let listed: Vec<&str> = json["databases"].as_array().unwrap().iter().map(|d| d[0].as_str().unwrap()).collect();
    assert!(NAMES.iter().all(|n| listed.contains(n)), "{listed:?}");

    clean(world.run(&["backup", "shop", "-vv"]).expect(0));
    clean(world.run(&["verify", "shop", "--open", "-vv"]).expect(0));
    clean(world.run(&["show", "shop@latest"]).expect(0));
    // One by one back, under another hostile name.
    for name in BACK {
        let target = format!("copy of {name}");
        let args =
            ["restore", "shop@latest", "--database", name, "--target-db", &target, "--connection", &server.conninfo()];
        clean(world.run(&args).expect(0));
        for table in NAMES {
            assert_eq!(inside(&target, &format!("SELECT count(*) FROM {}", quoted(table))), "1\n", "{table:?}");
        }
    }
    let said =
        clean(world.run(&["restore", "shop@latest", "--target-db", "x", "--connection", &server.conninfo()]).expect(2));
    assert!(said.err.contains("--database"), "{said}");
    drill(&world, "data");
    // And in errors.
    for name in [NAMES[3], NAMES[9]] {
        inside(name, &format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", quoted(name)));
    }
    server.psql("postgres", "CREATE ROLE clerk LOGIN; GRANT pg_read_all_settings TO clerk");
    let mut world = world;
    world.connection = server.conninfo().replace("user=postgres", "user=clerk");
    world.configure(&format!("databases = [{}]\nrole_passwords = false\n", toml::Value::from(NAMES[9])));
    let said = clean(world.run(&["backup", "shop"]));
    assert!([20, 22].contains(&said.code), "{said}");
    assert!(said.err.contains("\\u{1b}]0;title"), "{said}");
}
