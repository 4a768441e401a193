//! Databases that are not quite ordinary: other encodings, extensions' tables, broken indexes.

use std::time::Duration;

use pgseal::source::builtin::Builtin;
use pgseal::source::catalog::CatalogTable;
use pgseal::source::facts::{DatabaseFacts, ObjectName};
use pgseal::source::{ConnParams, PgBin, Snapshot, coverage, logical};

use crate::source::dump::{archives, conn, copy_digest};
use crate::source::pg::{PgServer, bindir, major};

/// Facts of a database after a dump of it.
async fn dumped(conn: &ConnParams) -> (Vec<CatalogTable>, DatabaseFacts) {
    let bin = PgBin::find(Some(&bindir()), major()).await.unwrap();
    let private = tempfile::tempdir().unwrap();
    let snapshot = Snapshot::open(conn).await.unwrap();
    let (tables, mut facts) = (snapshot.tables().await.unwrap(), snapshot.facts().await.unwrap());
    let sizes = snapshot.table_sizes().await.unwrap();
    let wait = Duration::from_secs(5);
    let streams = logical::database(&bin, conn, private.path(), &snapshot, &sizes, &[], 2, wait).unwrap();
    let got = archives(streams).await;
    let all: Vec<_> = got.iter().map(|a| &a.1).collect();
    coverage::fill(&mut facts, &tables, &all).unwrap();
    (tables, facts)
}

#[tokio::test]
async fn a_name_that_is_no_text_is_refused_with_a_way_out() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE raw TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
    let conn = conn(&server, "raw");
    Snapshot::open(&conn).await.unwrap().facts().await.unwrap();
    server.psql(
        "raw",
        "DO $$ BEGIN EXECUTE format('CREATE TABLE %I (a int)', convert_from('\\xe97a', 'SQL_ASCII')); END $$",
    );
    let e = Snapshot::open(&conn).await.unwrap().facts().await.unwrap_err();
    assert_eq!(e.code(), pgseal::error::Code::SourceUnusable, "{e:?}");
    assert!(e.next_step().unwrap().contains("is not UTF-8"), "{e:?}");
}

#[tokio::test]
async fn other_encodings_keep_names_and_digests() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE l1 TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'");
    for sql in [
        "CREATE TABLE \"täglich\" (\"straße\" text, id serial)",
        "INSERT INTO \"täglich\" SELECT 'Müller' || g FROM generate_series(1, 50) g",
        "CREATE SEQUENCE \"zähler\"; SELECT nextval('\"zähler\"')",
        "CREATE TABLE copied AS SELECT * FROM \"täglich\"",
    ] {
        server.psql("l1", sql);
    }
    let conn = conn(&server, "l1");
    let (_, facts) = dumped(&conn).await;
    let (copied, daily) = (&facts.tables[0], &facts.tables[1]);
    assert_eq!((daily.name.name.as_str(), daily.rows), ("täglich", Some(50)));
    assert_eq!(daily.columns, ["straße", "id"]);
    let counter = facts.sequences.iter().find(|s| s.name.name == "zähler").unwrap();
    assert_eq!((counter.last_value, counter.is_called), (1, true));
    let session = conn.connect("test").await.unwrap();
    assert_ne!(Some(copy_digest(&session, &daily.name, &[]).await.1), daily.digest, "UTF-8 has other bytes");
    session.use_database_encoding().await.unwrap();
    let name = ObjectName { schema: "public".into(), name: "copied".into() };
    let (bytes, digest) = copy_digest(&session, &name, &[]).await;
    assert_eq!((Some(bytes), Some(digest)), (daily.bytes, daily.digest));
    assert_eq!(copied.digest, daily.digest);
}

#[tokio::test]
async fn tables_of_extensions_are_not_compared_and_the_database_is_described() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql(
        "postgres",
        "CREATE TABLE member (a int); CREATE TABLE own (a int); INSERT INTO own VALUES (1), (1);
         ALTER EXTENSION plpgsql ADD TABLE member; COMMENT ON DATABASE postgres IS 'the one';
         ALTER DATABASE postgres SET work_mem = '8MB'; CREATE TEMP TABLE passing (a int)",
    );
    assert!(server.try_psql("postgres", "CREATE UNIQUE INDEX CONCURRENTLY broken ON own (a)").is_err());
    let (tables, facts) = dumped(&conn(&server, "postgres")).await;
    assert!(tables[0].extension_member && tables[0].from_extension && !tables[1].from_extension);
    assert_eq!(facts.tables.len(), 1);
    assert_eq!((facts.tables[0].name.name.as_str(), facts.tables[0].rows), ("own", Some(2)));
    assert_eq!(facts.invalid_indexes[0].name, "broken");
    assert_eq!((facts.comment.as_deref(), facts.encoding.as_str()), (Some("the one"), "UTF8"));
    assert_eq!(facts.settings, ["work_mem=8MB"]);
    assert_eq!(facts.extensions[0].name, "plpgsql");
}

/// Catalogs of which a fresh database has no rows with numbers of its own, or in which
/// they say nothing (see `builtin`).
const EMPTY: [&str; 14] = [
    "pg_attrdef",
    "pg_trigger",
    "pg_policy",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_user_mapping",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_partitioned_table",
    "pg_statistic_ext",
    "pg_transform",
];

#[tokio::test]
async fn every_catalog_with_rows_of_the_server_is_read() {
    let server = PgServer::start(&bindir(), &[]);
    let session = conn(&server, "postgres").connect_read_only("test").await.unwrap();
    let fresh = Builtin::read(&session).await.unwrap();
    let all = server.psql(
        "postgres",
        "select string_agg(relname, ' ') from pg_class where relkind = 'r' and relnamespace = 'pg_catalog'::regnamespace
           and not relisshared and oid < 16384",
    );
    // What is left out for what it is: statistics, dependences, comments, privileges, large objects, rows of users'.
    let left = "pg_statistic pg_statistic_ext_data pg_depend pg_description pg_init_privs pg_seclabel pg_largeobject \
                pg_largeobject_metadata pg_default_acl pg_namespace pg_inherits pg_subscription_rel pg_enum pg_sequence";
    for catalog in all.split(' ').filter(|c| !left.contains(c)) {
        assert_eq!(fresh.of(catalog) == 0, EMPTY.contains(&catalog), "{catalog}: {}", fresh.of(catalog));
    }
    assert!(fresh.differences(&fresh.again(&session).await.unwrap()).is_empty());
}
