//! Logical streams: what the taps read is what the tables hold.

use std::process::Stdio;
use std::time::Duration;

use pgseal::source::counting::{Count, Counts};
use pgseal::source::facts::{Counted, DatabaseFacts, ObjectName};
use pgseal::source::snapshot::TableSize;
use pgseal::source::{
    ArchiveContents, ArchiveTap, ConnParams, DumpStream, PgBin, Snapshot, StreamRole, Tapped, catalog, coverage,
    logical, probe,
};
use pgseal::types::{Digest, RowsHasher};
use pgseal::{Code, Error, Stage};
use tokio::io::AsyncReadExt as _;

use crate::source::pg::{PgServer, allowed, bindir, done, major};

/// Everything of tables that has ever broken a dump, with hostile names.
const SCHEMA: &str = r#"
CREATE SCHEMA "s.""x (";
CREATE TABLE "s.""x ("."t, ( $1 .*?[a]" (
  "a, b" int, "c"") FROM stdin;" text, n numeric, j jsonb, x bytea, arr text[], f float8, ts timestamptz, iv interval);
INSERT INTO "s.""x ("."t, ( $1 .*?[a]"
  SELECT g, CASE g % 4 WHEN 0 THEN NULL WHEN 1 THEN E'\\.\n\ttab' WHEN 2 THEN '' ELSE E'\\N' || chr(1) || repeat('é', g) END,
         g / 7.0, jsonb_build_object('k', g), decode(lpad(to_hex(g), 8, '0'), 'hex'), ARRAY['a', NULL, '"'],
         g * 0.1, '2026-01-01'::timestamptz + g * '1 s'::interval, g * '1 day 1 s'::interval
  FROM generate_series(1, 3000) g;
CREATE TABLE empty_rows (a int);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE gen (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO gen (a) SELECT g FROM generate_series(1, 100) g;
ALTER TABLE gen DROP COLUMN a CASCADE;
CREATE TABLE ser (id bigserial PRIMARY KEY, v text);
INSERT INTO ser (v) SELECT repeat('x', 200) FROM generate_series(1, 500);
CREATE SEQUENCE "odd, 1, true);" START -5 MINVALUE -10;
CREATE TABLE part (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (50);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (50) TO (100);
INSERT INTO part SELECT g, 'v' || g FROM generate_series(0, 99) g;
CREATE UNLOGGED TABLE unlog AS SELECT 1 AS one;
CREATE TABLE "new
line" (a int);
INSERT INTO "new
line" VALUES (1);
CREATE TABLE "-t📚" AS SELECT 'emoji' AS e;
CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM gen;
CREATE VIEW vw AS SELECT 1 AS one;
SELECT lo_from_bytea(0, decode(repeat('00ff', n * 5000), 'hex')) FROM generate_series(0, 3) n;
"#;

/// Database names that tools have read as something else.
const NAMES: [&str; 6] = [
    "postgresql://evil/x",
    "host=evil port=1",
    "-d",
    "new\nline 'q' \"d\" \\",
    "📚 \u{202e}x",
    "n23456789012345678901234567890123456789012345678901234567890123",
];

pub(crate) fn conn(server: &PgServer, db: &str) -> ConnParams {
    ConnParams::for_socket(server.socket_dir(), server.port(), "postgres", db)
}

fn create(server: &PgServer, name: &str) {
    let quoted = name.replace('"', "\"\"");
    server.psql("postgres", &format!("CREATE DATABASE \"{quoted}\" TEMPLATE template0"));
}

/// Runs a stream to its end; gives its bytes and what the tap says.
async fn run(stream: DumpStream) -> Result<(Vec<u8>, Tapped), Error> {
    let mut tap = stream.tap;
    let mut child = stream.tool.spawn().await?;
    let mut out = child.take_stdout().unwrap();
    let (mut all, mut buffer) = (Vec::new(), vec![0u8; 70_000]);
    loop {
        let n = out.read(&mut buffer).await.unwrap();
        if n == 0 {
            break;
        }
        tap.push(&buffer[..n])?;
        all.extend_from_slice(&buffer[..n]);
    }
    child.wait().await?.success(Code::DumpFailed, Stage::Dump)?;
    Ok((all, tap.finish()?))
}

pub(crate) async fn archives(streams: Vec<DumpStream>) -> Vec<(Vec<u8>, ArchiveContents)> {
    let mut out = Vec::new();
    for stream in streams {
        match run(stream).await.unwrap() {
            (bytes, Tapped::Archive(a)) => out.push((bytes, a)),
            other => panic!("{other:?}"),
        }
    }
    out
}

/// Digest of `COPY … TO STDOUT`, asked through psql or a session.
pub(crate) async fn copy_digest(
    session: &pgseal::source::Session,
    table: &ObjectName,
    columns: &[String],
) -> (u64, Digest) {
    use futures_util::StreamExt as _;
    let list: Vec<String> = columns.iter().map(|c| pgseal::types::text::quote_ident(c)).collect();
    let list = if list.is_empty() { String::new() } else { format!("({})", list.join(", ")) };
    let stream = session.client().copy_out(&format!("COPY {} {list} TO STDOUT", table.quoted())).await.unwrap();
    let mut stream = std::pin::pin!(stream);
    let mut rows = RowsHasher::default();
    while let Some(part) = stream.next().await {
        let part = part.unwrap();
        rows.update(&part);
    }
    let (_, bytes, digest) = rows.finish();
    (bytes, digest)
}

async fn must_match(facts: &DatabaseFacts, session: &pgseal::source::Session) {
    for t in &facts.tables {
        let (bytes, digest) = copy_digest(session, &t.name, &t.columns).await;
        assert_eq!((t.bytes, t.digest), (Some(bytes), Some(digest)), "{}", t.name.quoted());
        let row = session.client().query_one(&format!("SELECT count(*) FROM {}", t.name.quoted()), &[]).await.unwrap();
        assert_eq!(t.rows, Some(row.get::<_, i64>(0).unsigned_abs()), "{}", t.name.quoted());
    }
}

fn restore(server: &PgServer, db: &str, archives: &[(Vec<u8>, ArchiveContents)]) {
    let schema = |section| ["--section", section];
    let steps = std::iter::once((0, schema("pre-data")))
        .chain((1..archives.len()).map(|n| (n, schema("data"))))
        .chain(std::iter::once((0, schema("post-data"))));
    for (n, section) in steps {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &archives[n].0).unwrap();
        // The target's name reaches pg_restore quoted, as a connection string.
        let target = format!("dbname='{}'", db.replace('\\', "\\\\").replace('\'', "\\'"));
        let mut tool = server.client("pg_restore", "postgres");
        done(tool.args(["--exit-on-error", "-d", &target]).args(section).arg(file.path()), "pg_restore");
    }
}

/// Sizes that make these tables count as large.
fn pretend_large(sizes: &mut [TableSize], names: &[&str]) {
    for (n, size) in sizes.iter_mut().filter(|t| names.contains(&t.name.name.as_str())).enumerate() {
        size.bytes = (100 + n as u64) << 20;
    }
}

#[tokio::test]
async fn the_taps_read_what_the_tables_hold_under_load_and_after_a_restore() {
    let server = PgServer::start(&bindir(), &[]);
    let bin = PgBin::find(Some(server.bindir()), major()).await.unwrap();
    let private = tempfile::tempdir().unwrap();
    let name = allowed(NAMES[3]);
    create(&server, &name);
    server.psql(&name, SCHEMA);
    server.psql(&name, "ALTER ROLE postgres SET bytea_output = escape; ALTER ROLE postgres SET extra_float_digits = 0");
    server.psql(
        "postgres",
        "ALTER ROLE postgres SET IntervalStyle = iso_8601; ALTER ROLE postgres SET DateStyle = 'German'",
    );
    done(server.client("pgbench", &name).args(["-i", "-q", "-s", "1"]), "pgbench -i");
    let mut load = server.client("pgbench", &name);
    let mut load =
        load.args(["-n", "-c", "2", "-T", "60"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

    let conn = conn(&server, &name);
    let snapshot = Snapshot::open(&conn).await.unwrap();
    let tables = snapshot.tables().await.unwrap();
    let mut facts = snapshot.facts().await.unwrap();
    let mut sizes = snapshot.table_sizes().await.unwrap();
    assert!(sizes.iter().any(|t| t.name.name == "ser" && t.bytes > 50_000 && t.owned_sequences.len() == 1));
    pretend_large(&mut sizes, &["t, ( $1 .*?[a]", "ser", "new\nline", "-t📚", "part_1"]);
    let streams =
        logical::database(&bin, &conn, private.path(), &snapshot, &sizes, &[], 4, Duration::from_mins(1)).unwrap();
    assert_eq!(streams.iter().filter(|s| s.role == StreamRole::Data).count(), 4);
    let planned: Vec<Vec<ObjectName>> = streams.iter().map(|s| s.tables.clone()).collect();
    let archives = archives(streams).await;
    assert!(load.try_wait().unwrap().is_none(), "the load ended before the dump");

    assert!(archives[0].1.tables.is_empty() && archives[0].1.sequences.is_empty() && archives[0].1.entries > 20);
    for (planned, (_, found)) in planned.iter().zip(&archives) {
        let mut found: Vec<ObjectName> = found.table_names().cloned().collect();
        let mut planned = planned.clone();
        found.sort();
        planned.sort();
        assert_eq!(found, planned);
    }
    let all: Vec<&ArchiveContents> = archives.iter().map(|a| &a.1).collect();
    coverage::fill(&mut facts, &tables, &all).unwrap();
    assert!(facts.contents_known);
    assert_eq!(facts.large_objects, 4);
    assert_eq!(all.iter().map(|a| a.large_object_bytes).sum::<u64>(), 60_000);
    assert_eq!(facts.tables.iter().find(|t| t.name.name == "no_columns").unwrap().rows, Some(2));
    assert_eq!(facts.tables.iter().find(|t| t.name.name == "gen").unwrap().columns, ["id"]);
    let odd = facts.sequences.iter().find(|s| s.name.name.starts_with("odd")).unwrap();
    assert_eq!((odd.last_value, odd.is_called), (-5, false));
    must_match(&facts, snapshot.session()).await;
    load.kill().unwrap();
    load.wait().unwrap();

    create(&server, "copy");
    restore(&server, "copy", &archives);
    let copied = conn.with_database("copy").connect("test").await.unwrap();
    must_match(&facts, &copied).await;
    let again = catalog::database(&copied).await.unwrap();
    assert_eq!(again.sequences.len(), facts.sequences.len());
    for (s, told) in facts.sequences.iter().zip(&again.sequences) {
        let sql = format!("SELECT last_value, is_called FROM {}", s.name.quoted());
        let row = copied.client().query_one(&sql, &[]).await.unwrap();
        assert_eq!((row.get(0), row.get(1)), (s.last_value, s.is_called), "{s:?}");
        // Of one that was not called the server tells nothing before 18.
        assert!(told == s || !s.is_called && major() < 18, "{s:?} {told:?}");
    }
    assert_eq!(again.object_counts, facts.object_counts);
    assert_eq!(again.large_objects, 4);
    let content = pgseal::source::large_objects::content(&copied).await.unwrap();
    assert_eq!(content, (4, facts.large_object_digest.unwrap()), "read off the stream and off the server");
    let (mut was, mut is) = (facts.inventory.unwrap(), pgseal::source::inventory::read(&copied).await.unwrap());
    was.objects.retain(|name, _| !name.starts_with("database: "));
    is.objects.retain(|name, _| !name.starts_with("database: "));
    assert_eq!(is, was);
    assert_eq!(facts.object_counts["materialized_view"], 1);
}

#[tokio::test]
async fn hostile_database_names_are_names_to_every_program() {
    let server = PgServer::start(&bindir(), &[]);
    let bin = PgBin::find(Some(server.bindir()), major()).await.unwrap();
    let names: Vec<String> = NAMES.iter().map(|n| allowed(n)).collect();
    for name in &names {
        create(&server, name);
        server.psql(name, "CREATE TABLE t AS SELECT current_database()::text AS d");
    }
    let session = conn(&server, "postgres").connect("test").await.unwrap();
    let mut listed = probe::databases(&session).await.unwrap();
    let mut expected: Vec<String> = names.iter().cloned().chain(["postgres".to_owned()]).collect();
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);
    let private = tempfile::tempdir().unwrap();
    for name in &names {
        let conn = conn(&server, name);
        let snapshot = Snapshot::open(&conn).await.unwrap();
        let sizes = snapshot.table_sizes().await.unwrap();
        let wait = Duration::from_secs(5);
        let streams = logical::database(&bin, &conn, private.path(), &snapshot, &sizes, &[], 1, wait).unwrap();
        assert_eq!(streams.len(), 2);
        let got = archives(streams).await;
        let t = &got[1].1.tables[0].facts;
        let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
        assert_eq!(t.digest, Some(Digest::of(escaped.as_bytes())), "{name}");
    }
    let globals = logical::globals(&bin, &conn(&server, &names[3]), private.path(), true).unwrap();
    let (sql, _) = run(globals).await.unwrap();
    assert!(String::from_utf8(sql).unwrap().contains("CREATE ROLE postgres"));
}

#[tokio::test]
async fn globals_hold_verifiers_only_where_asked() {
    let server = PgServer::start(&bindir(), &[]);
    let bin = PgBin::find(Some(server.bindir()), major()).await.unwrap();
    let private = tempfile::tempdir().unwrap();
    server.psql(
        "postgres",
        "CREATE ROLE \"we ird\nrole\" LOGIN PASSWORD 'x'; CREATE ROLE g; GRANT g TO \"we ird\nrole\"",
    );
    for with in [true, false] {
        let stream = logical::globals(&bin, &conn(&server, "postgres"), private.path(), with).unwrap();
        let (sql, tapped) = run(stream).await.unwrap();
        assert!(matches!(tapped, Tapped::Nothing));
        assert_eq!(String::from_utf8(sql).unwrap().contains("SCRAM-SHA-256$"), with);
    }
    let session = conn(&server, "postgres").connect("test").await.unwrap();
    let roles = probe::roles(&session).await.unwrap();
    let odd = roles.iter().find(|r| r.name == "we ird\nrole").unwrap();
    assert_eq!((odd.login, odd.superuser, odd.member_of.as_slice()), (true, false, &["g".to_owned()][..]));
    let facts = probe::server(&session).await.unwrap();
    assert_eq!((facts.version_num.major(), facts.bootstrap_superuser.as_str()), (major(), "postgres"));
    assert_eq!(facts.settings["shared_buffers"], "2048");
    let control = done(server.as_owner("pg_controldata").arg(server.data_dir()), "pg_controldata");
    assert!(String::from_utf8_lossy(&control.stdout).contains(&facts.system_identifier));
}

#[tokio::test]
async fn a_role_that_policies_would_filter_fails_instead() {
    let server = PgServer::start(&bindir(), &[]);
    let bin = PgBin::find(Some(server.bindir()), major()).await.unwrap();
    let private = tempfile::tempdir().unwrap();
    server.psql(
        "postgres",
        "CREATE TABLE secret (a int); INSERT INTO secret VALUES (1); ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
         CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader;",
    );
    let reader = conn(&server, "postgres").with_user("reader");
    let dump = async || {
        let snapshot = Snapshot::open(&reader).await.unwrap();
        let sizes = snapshot.table_sizes().await.unwrap();
        let wait = Duration::from_secs(5);
        let mut s = logical::database(&bin, &reader, private.path(), &snapshot, &sizes, &[], 1, wait).unwrap();
        run(s.remove(1)).await
    };
    let e = dump().await.unwrap_err();
    assert_eq!(e.code(), Code::DumpFailed);
    assert!(e.to_string().contains("row-level security"), "{e}");
    server.psql("postgres", "ALTER ROLE reader BYPASSRLS");
    let Tapped::Archive(a) = dump().await.unwrap().1 else { panic!() };
    assert_eq!(a.tables[0].facts.rows, Some(1));
}

/// A real archive, once for the tests that cut and bend it.
fn real_archive(server: &PgServer, section: &str) -> Vec<u8> {
    let mut dump = server.client("pg_dump", "postgres");
    done(dump.args(["-Fc", "-Z0", section]), "pg_dump").stdout
}

fn tapped(bytes: &[u8], step: impl FnMut() -> usize) -> Result<ArchiveContents, Error> {
    match crate::source::tapped::tapped(Box::new(ArchiveTap::new()), bytes, step)? {
        Tapped::Archive(a) => Ok(a),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_archive_is_read_the_same_however_it_is_cut_and_refused_when_short() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", SCHEMA);
    let bytes = real_archive(&server, "--section=data");
    let whole = tapped(&bytes, || usize::MAX).unwrap();
    let minor = match major() {
        ..=15 => 14,
        16 => 15,
        _ => 16,
    };
    assert_eq!((whole.format_minor, whole.large_objects, whole.tables.len()), (minor, 4, 10));
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..20 {
        let most = if round < 2 { 2 } else { 1 << random.u32(1..17) };
        let cut = tapped(&bytes, || random.usize(1..=most)).unwrap();
        assert_eq!((&cut.tables, &cut.sequences), (&whole.tables, &whole.sequences), "pieces up to {most}");
        assert_eq!(cut.large_object_bytes, whole.large_object_bytes);
    }
    for _ in 0..300 {
        let n = random.usize(0..bytes.len());
        let e = tapped(&bytes[..n], || 4096).unwrap_err();
        assert_eq!(e.code(), Code::DumpFailed, "cut after {n}");
    }
    assert_eq!(tapped(&bytes[..bytes.len() - 1], || 4096).unwrap_err().code(), Code::DumpFailed);
    // Whatever bytes come, the tap neither panics nor takes more memory than they have.
    for _ in 0..500 {
        let mut bent = bytes.clone();
        for _ in 0..random.usize(1..5) {
            let at = random.usize(0..20_000.min(bent.len()));
            bent[at] = random.u8(..);
        }
        let _ = tapped(&bent, || 4096);
    }
    let schema = real_archive(&server, "--section=pre-data");
    assert!(tapped(&schema, || 100).unwrap().tables.is_empty());
    for not in [&b""[..], b"--\n-- PostgreSQL database dump\n--\n", b"PGDMP"] {
        assert_eq!(tapped(not, || 3).unwrap_err().code(), Code::DumpFailed);
    }
    let compressed = done(server.client("pg_dump", "postgres").args(["-Fc", "-Z1"]), "pg_dump").stdout;
    assert!(tapped(&compressed, || 4096).unwrap_err().to_string().contains("compressed"));
}

#[tokio::test]
async fn a_table_missing_from_the_dump_is_noticed() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT 2 AS x; SELECT lo_creat(-1)");
    let session = conn(&server, "postgres").connect("test").await.unwrap();
    let tables = catalog::tables(&session).await.unwrap();
    let facts = catalog::database(&session).await.unwrap();
    let dump = |args: &[&str]| {
        let out = done(server.client("pg_dump", "postgres").args(["-Fc", "-Z0"]).args(args), "pg_dump").stdout;
        tapped(&out, || 9999).unwrap()
    };
    let (all, part) = (dump(&[]), dump(&["--exclude-table-data=b", "--blobs"]));
    let mut whole = facts.clone();
    assert!(coverage::fill(&mut whole, &tables, &[&all]).is_ok());
    // The server counts the same, something else, or nothing at all.
    let mut counts: Counts = tables.iter().map(|t| (t.oid, Count::Rows(1))).collect();
    assert_eq!(coverage::counted(&mut whole, &tables, &[&all], &counts).unwrap(), None);
    assert!(whole.tables.iter().all(|t| t.counted == Some(Counted::Server)), "{:?}", whole.tables);
    counts.insert(tables[1].oid, Count::Unknown("55P03".to_owned()));
    let said = coverage::counted(&mut whole, &tables, &[&all], &counts).unwrap().unwrap();
    assert!(said.contains("the rows of 1 table(s)") && said.contains("\"b\" (55P03; the dump has 1)"), "{said}");
    assert_eq!(whole.tables[1].counted, Some(Counted::Nobody("55P03".to_owned())));
    counts.insert(tables[0].oid, Count::Rows(2));
    let e = coverage::counted(&mut whole, &tables, &[&all], &counts).unwrap_err();
    assert!(e.code() == Code::DumpFailed && e.to_string().contains("the server counts 2"), "{e}");
    let e = coverage::fill(&mut facts.clone(), &tables, &[&part]).unwrap_err();
    assert!(e.code() == Code::DumpFailed && e.to_string().contains("in no stream"), "{e}");
    let e = coverage::fill(&mut facts.clone(), &tables, &[&all, &part]).unwrap_err();
    assert!(e.to_string().contains("in two streams"), "{e}");
    let e = coverage::fill(&mut facts.clone(), &tables, &[&dump(&["--no-blobs"])]).unwrap_err();
    assert!(e.to_string().contains("0 large objects"), "{e}");
}
