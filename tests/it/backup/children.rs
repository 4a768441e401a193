//! PostgreSQL's programs fail in every way they can; no backup comes of it.

use std::time::{Duration, Instant};

use crate::backup::pg::{self, PgServer};
use crate::backup::world::World;

const QUICK: &str = "databases = [\"shop\"]\nidle_timeout = \"2s\"\n";

/// A server with one database of about 2 MB.
fn server(settings: &[(&str, &str)]) -> PgServer {
    let server = PgServer::start(&pg::bindir(), settings);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT i, md5(i::text) AS m FROM generate_series(1, 50000) i");
    server
}

/// A way to fail: what it is, the script, the exit code, what must be said.
type Way = (&'static str, &'static str, i32, &'static [&'static str]);

/// Each must end with its code and leave nothing; the backup from before stays good.
fn all(server: &PgServer, source: &str, program: &str, when: &str, stage: &str, ways: &[Way]) {
    let world = World::new(server, source);
    world.backup();
    let before = world.manifests();
    assert_eq!(before.len(), 1);
    for (what, script, code, says) in ways {
        world.fake(server, source, program, when, script);
        let started = Instant::now();
        let said = world.run(&["backup", "shop"]);
        assert!(said.out.is_empty(), "{what}: {said}");
        let hint = if *code == 0 { "" } else { "hint: " };
        let said = said.expect(*code).says(says).says(&[&format!("error: {stage}: "), program, hint]);
        assert!(said.err.len() < 2000, "{what}: {} bytes were said", said.err.len());
        assert!(!said.err.contains("defect of pgseal"), "{what}: {said}");
        assert!(started.elapsed() < Duration::from_mins(1), "{what}");
        world.nothing_came_of_it(&before, what);
    }
    world.real(source);
    world.run(&["verify", "shop", "--open"]).expect(0);
    world.backup();
    assert_eq!(world.manifests().len(), 2);
}

#[test]
fn pg_dump_fails() {
    let server = server(&[]);
    all(
        &server,
        QUICK,
        "pg_dump",
        "*--section=data*",
        "dump",
        &[
            ("dies at once", "echo 'pg_dump: error: boom' >&2; exit 1", 21, &["exit status 1: pg_dump: error: boom"]),
            ("dies after 1 byte", "$real \"$@\" | head -c 1; exit 1", 21, &["exit status 1"]),
            ("dies after 64 KiB", "$real \"$@\" 2>/dev/null | head -c 65536; exit 7", 21, &["exit status 7"]),
            ("dies after everything", "$real \"$@\"; exit 1", 21, &["exit status 1"]),
            ("writes nothing and says all is well", "exit 0", 21, &["wrote nothing"]),
            ("writes something else", "echo 'this is no archive at all'; exit 0", 21, &["archive"]),
            ("stops short and says all is well", "$real \"$@\" 2>/dev/null | head -c 65536; exit 0", 21, &["cut off"]),
            ("loses its last byte", "$real \"$@\" | head -c -1; exit 0", 21, &["cut off"]),
            ("says too much", "$real \"$@\"; echo more; exit 0", 21, &["a data block has an unknown type"]),
            ("is killed", "$real \"$@\" 2>/dev/null | head -c 4096; kill -SEGV $$", 21, &["ended by signal 11"]),
            ("hangs", "exec sleep 1000", 124, &["sent nothing for 2 s"]),
            (
                "hangs in the middle",
                "$real \"$@\" 2>/dev/null | head -c 4096; sleep 1000",
                124,
                &["sent nothing for 2 s"],
            ),
            ("does not end", "$real \"$@\"; exec >&-; sleep 1000", 124, &["did not end", "2 s"]),
            (
                "floods stderr and fails",
                "head -c 200000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo 'the end' >&2; exit 1",
                21,
                &["exit status 1", "the end"],
            ),
        ],
    );
}

/// A pg_dump that loses rows says nothing and ends well, and its archive is whole.
#[test]
fn a_dump_that_lost_rows_is_no_backup() {
    let server = server(&[]);
    server.psql("shop", "ALTER TABLE t ADD PRIMARY KEY (i); CREATE TABLE \"u \"\"x\" AS SELECT 1 AS one; ANALYZE");
    // pg_dump writes a chunk for each row: a sign, four bytes of length, the text.
    let chunk = "\\x00.{4}";
    let one = format!("$real \"$@\" | perl -0777 -pe 's/{chunk}4711\\t[0-9a-f]*\\n//s'; exit 0");
    let all = format!("$real \"$@\" | perl -0777 -pe 's/({chunk}[0-9]+\\t[0-9a-f]+\\n)+//s'; exit 0");
    let twice = format!("$real \"$@\" | perl -0777 -pe 's/({chunk}4711\\t[0-9a-f]*\\n)/$1$1/s'; exit 0");
    let counts = "the server counts 50000 in the same snapshot";
    let sampled = "count_rows_to = \"0\"\n";
    for (config, what, script, says) in [
        ("", "one row", &one, ["the dump has 49999 rows", counts]),
        ("", "all rows", &all, ["the dump has 0 rows", counts]),
        ("", "a row twice", &twice, ["the dump has 50001 rows", counts]),
        (sampled, "all rows", &all, ["the dump lacks ", "rows that the server has in the same snapshot"]),
    ] {
        let source = format!("{QUICK}{config}");
        let world = World::new(&server, &source);
        world.fake(&server, &source, "pg_dump", "*--section=data*", script);
        let said = world.run(&["backup", "shop"]).expect(21).says(&says).says(&["shop: \"public\".\"t\"", "hint: "]);
        assert!(said.out.is_empty(), "{what}: {said}");
        world.nothing_came_of_it(&[], what);
        // The real one passes, counted either way.
        world.real(&source);
        world.backup();
    }
}

/// Emptied after the snapshot was taken, a table would look empty to it from then on: pgseal's
/// own lock keeps that out until the dump is done.
#[test]
fn a_table_is_not_rewritten_while_it_is_dumped() {
    let server = server(&[]);
    let world = World::new(&server, QUICK);
    let psql = format!(
        "PGOPTIONS='-c lock_timeout=200ms' PGHOST={} PGPORT={} PGUSER=postgres {} -Xqd shop -c \"TRUNCATE t\" && exit 9",
        server.socket_dir().display(),
        server.port(),
        server.bindir().join("psql").display()
    );
    world.fake(&server, QUICK, "pg_dump", "*", &format!("{psql}; exec $real \"$@\""));
    let said = world.run(&["backup", "shop"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(server.psql("shop", "SELECT count(*) FROM t"), "50000");
}

/// A page that the source itself cannot read is told as that.
#[test]
fn a_damaged_page_of_the_source_is_named() {
    let mut server = PgServer::start_with(&pg::bindir(), &[], &["--data-checksums"], |_| ());
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i");
    server.psql("shop", "CHECKPOINT");
    let path = server.psql("shop", "SELECT pg_relation_filepath('t')");
    server.stop();
    let file = server.data_dir().join(&path);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8192 + 5000] ^= 0xff;
    std::fs::write(&file, bytes).unwrap();
    server.restart(&[]);
    for (source, says) in [
        (QUICK, "invalid page in block 1 of relation"),
        ("kind = \"physical\"\n", "1 total checksum verification failure"),
    ] {
        let world = World::new(&server, source);
        let said = world.run(&["backup", "shop"]).expect(21);
        said.says(&[says, &path, "hint: The source itself is damaged", "pg_amcheck"]);
        world.nothing_came_of_it(&[], source);
    }
}

#[test]
fn pg_dump_talks_and_succeeds() {
    let server = server(&[]);
    let world = World::new(&server, QUICK);
    let flood = "head -c 200000000 /dev/zero | tr '\\0' x >&2; exec $real \"$@\"";
    world.fake(&server, QUICK, "pg_dump", "*--section=data*", flood);
    world.backup();
    world.run(&["verify", "shop", "--open"]).expect(0);
    world.nothing_came_of_it(&world.manifests(), "a flood");
}

#[test]
fn pg_dump_of_the_schema_and_pg_dumpall_fail() {
    let server = server(&[]);
    let ways: &[Way] = &[
        ("dies", "$real \"$@\" | head -c 100; exit 1", 21, &["exit status 1"]),
        ("writes nothing", "exit 0", 21, &["wrote nothing"]),
        ("stops short", "$real \"$@\" | head -c 100; exit 0", 21, &["cut off"]),
        ("hangs", "exec sleep 1000", 124, &["sent nothing for 2 s"]),
    ];
    all(&server, QUICK, "pg_dump", "*--section=pre-data*", "dump", ways);
    all(&server, QUICK, "pg_dumpall", "*", "dump", ways);
}

#[test]
fn pg_basebackup_fails() {
    let server = server(&[("wal_level", "replica"), ("max_wal_senders", "4"), ("max_replication_slots", "4")]);
    all(
        &server,
        "kind = \"physical\"\nidle_timeout = \"10s\"\n",
        "pg_basebackup",
        "*",
        "basebackup",
        &[
            ("dies after 1 MB", "$real \"$@\" 2>/dev/null | head -c 1000000; exit 1", 21, &["exit status 1"]),
            ("dies after everything", "$real \"$@\"; exit 1", 21, &["exit status 1"]),
            ("writes nothing", "exit 0", 21, &["wrote nothing"]),
            ("writes something else", "head -c 4096 /dev/zero | tr '\\0' x; exit 0", 21, &["not a tar"]),
            ("stops short", "$real \"$@\" 2>/dev/null | head -c 10000000; exit 0", 21, &["cut off"]),
            ("loses a member's bytes", "$real \"$@\" | { head -c 512; head -c 512 >/dev/null; cat; }", 21, &["tar"]),
            ("hangs", "exec sleep 1000", 124, &["sent nothing for 10 s"]),
        ],
    );
    // No slot is left on the server either.
    assert_eq!(server.psql("postgres", "SELECT count(*) FROM pg_replication_slots"), "0");
}
