//! Who can read and write what, beside what the server itself says.

use std::collections::BTreeMap;

use pgseal::exposure::outcome::ReachRow;
use pgseal::exposure::{Database, Plane, Policy, reach};

use crate::exposure::fixture;
use crate::exposure::pg::PgServer;

/// Roles, schemas and grants of every kind that a table can be reached by.
const WORLD: &str = r#"
CREATE ROLE owner NOLOGIN; CREATE ROLE readers NOLOGIN; CREATE ROLE writers NOLOGIN NOINHERIT;
CREATE ROLE plain LOGIN; CREATE ROLE member LOGIN IN ROLE readers; CREATE ROLE set_only LOGIN NOINHERIT IN ROLE writers;
CREATE ROLE deep LOGIN; GRANT writers TO readers; GRANT readers TO deep;
CREATE ROLE belongs LOGIN IN ROLE owner; CREATE ROLE "ro""le =r/" LOGIN; CREATE ROLE shop_owner LOGIN;
CREATE ROLE root2 LOGIN SUPERUSER; CREATE ROLE nearly LOGIN IN ROLE root2;
CREATE ROLE locked_out LOGIN; CREATE ROLE nobody NOLOGIN;
ALTER DATABASE shop OWNER TO shop_owner;
"#;

const SHOP: &str = r#"
CREATE SCHEMA open; GRANT USAGE ON SCHEMA open TO PUBLIC;
CREATE SCHEMA shut; CREATE SCHEMA narrow; GRANT USAGE ON SCHEMA narrow TO readers;
CREATE TABLE open.untouched (a int, b int); CREATE TABLE open.public_read (a int); GRANT SELECT ON open.public_read TO PUBLIC;
CREATE TABLE open.by_group (a int); GRANT SELECT ON open.by_group TO readers; GRANT UPDATE ON open.by_group TO writers;
CREATE TABLE open.by_column (a int, b int); GRANT SELECT (b), INSERT (a) ON open.by_column TO plain;
CREATE TABLE open.owned (a int); ALTER TABLE open.owned OWNER TO owner;
CREATE TABLE open."ta""ble
line" (a int); GRANT SELECT ON open."ta""ble
line" TO "ro""le =r/";
CREATE TABLE shut.hidden (a int); GRANT ALL ON shut.hidden TO PUBLIC;
CREATE TABLE narrow.narrow (a int); GRANT SELECT, DELETE ON narrow.narrow TO PUBLIC;
CREATE VIEW open.v AS SELECT 1 AS a; GRANT SELECT ON open.v TO plain, nobody;
CREATE MATERIALIZED VIEW open.m AS SELECT 1 AS a; GRANT SELECT ON open.m TO member;
CREATE TABLE open.p (a int) PARTITION BY LIST (a); CREATE TABLE open.p1 PARTITION OF open.p FOR VALUES IN (1);
GRANT INSERT, TRUNCATE ON open.p TO plain;
CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE open.f (a text) SERVER files OPTIONS (filename '/dev/null'); GRANT SELECT ON open.f TO "ro""le =r/";
REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO plain, readers, set_only, belongs, "ro""le =r/", reads_all, writes_all;
"#;

/// The same from the server: any role that a login is or can become may do it,
/// and use the schema and connect. Pairs of a role and what it may become are
/// taken from `pg_has_role`.
fn oracle(pg: &PgServer) -> BTreeMap<String, (u32, u32)> {
    let become_it = if crate::exposure::pg::major() >= 16 {
        "(pg_has_role(l.oid, r.oid, 'USAGE') OR pg_has_role(l.oid, r.oid, 'SET'))"
    } else {
        "pg_has_role(l.oid, r.oid, 'MEMBER')"
    };
    let may = |table: &str| {
        format!(
            "EXISTS (SELECT FROM pairs p WHERE p.l = l.oid AND {table}) \
             AND EXISTS (SELECT FROM pairs p WHERE p.l = l.oid AND has_schema_privilege(p.r, c.relnamespace, 'USAGE')) \
             AND EXISTS (SELECT FROM pairs p WHERE p.l = l.oid AND has_database_privilege(p.r, current_database(), 'CONNECT'))"
        )
    };
    let read = may("(has_table_privilege(p.r, c.oid, 'SELECT') OR has_any_column_privilege(p.r, c.oid, 'SELECT'))");
    let write = may(
        "(has_table_privilege(p.r, c.oid, 'INSERT,UPDATE,DELETE,TRUNCATE') OR has_any_column_privilege(p.r, c.oid, 'INSERT,UPDATE'))",
    );
    let sql = format!(
        "WITH logins AS (SELECT l.oid FROM pg_roles l WHERE l.rolcanlogin AND NOT EXISTS \
            (SELECT FROM pg_roles r WHERE r.rolsuper AND {become_it})), \
         pairs AS (SELECT l.oid AS l, r.oid AS r FROM logins l CROSS JOIN pg_roles r WHERE {become_it}) \
         SELECT replace(format('%I.%I', n.nspname, c.relname), E'\\n', ' '), \
                count(*) FILTER (WHERE {read}), count(*) FILTER (WHERE {write}) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN logins l \
         WHERE c.relkind IN ('r','p','v','m','f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' GROUP BY 1"
    );
    let of_line = |line: &str| {
        let mut parts = line.rsplitn(3, '|');
        let (writers, readers) = (parts.next().unwrap().parse().unwrap(), parts.next().unwrap().parse().unwrap());
        (parts.next().unwrap().to_owned(), (readers, writers))
    };
    pg.psql("shop", &sql).lines().map(of_line).collect()
}

async fn read(pg: &PgServer) -> Vec<ReachRow> {
    let server = fixture::roles(pg, Plane::Live).await;
    let (session, policy) = (fixture::session(pg, "shop").await, Policy::default());
    reach::read(&Database::new(&session, "shop", Plane::Live, &server, &policy)).await.unwrap()
}

#[tokio::test]
async fn readers_and_writers_are_those_that_the_server_lets() {
    let pg = fixture::server(&[]);
    pg.psql("postgres", "CREATE DATABASE shop");
    pg.psql("postgres", WORLD);
    if crate::exposure::pg::major() >= 14 {
        pg.psql("postgres", "CREATE ROLE reads_all LOGIN IN ROLE pg_read_all_data; CREATE ROLE writes_all LOGIN IN ROLE pg_write_all_data");
        pg.psql("shop", "CREATE TABLE public.owners (a int); GRANT SELECT ON public.owners TO pg_database_owner");
    } else {
        pg.psql("postgres", "CREATE ROLE reads_all LOGIN; CREATE ROLE writes_all LOGIN");
    }
    pg.psql("shop", SHOP);

    let rows = read(&pg).await;
    let objects: Vec<&str> = rows.iter().map(|r| r.object.as_str()).collect();
    for object in [
        "database shop: table open.by_column",
        "database shop: view open.v",
        "database shop: materialized view open.m",
        "database shop: foreign table open.f",
        "database shop: table open.p",
        "database shop: table open.\"ta\"\"ble\nline\"",
    ] {
        assert!(objects.contains(&object), "{object}: {objects:#?}");
    }
    let ours: BTreeMap<String, (u32, u32)> = rows
        .iter()
        .map(|r| {
            let name =
                r.object.strip_prefix("database shop: ").unwrap().split_once(" open.").map(|n| format!("open.{}", n.1));
            let name = name.unwrap_or_else(|| r.object.rsplit(' ').next().unwrap().to_owned());
            (name.replace('\n', " "), (r.readers, r.writers))
        })
        .collect();
    assert_eq!(ours, oracle(&pg));
    let row = |object: &str| rows.iter().find(|r| r.object.ends_with(object)).unwrap();
    // Not only equal: some can, some cannot. What one predefined role may use, the
    // other may then write where PUBLIC may.
    let few = |object: &str| (row(object).readers, row(object).writers);
    if crate::exposure::pg::major() >= 14 {
        assert_eq!((few("open.untouched"), few("shut.hidden")), ((1, 1), (2, 2)));
    }
    assert!(row("open.public_read").readers > row("narrow.narrow").readers && row("narrow.narrow").readers > 0);
    assert!(rows.iter().all(|r| r.logins == 10 && !r.public), "nobody may connect as PUBLIC: {rows:#?}");

    pg.psql("shop", "GRANT CONNECT ON DATABASE shop TO PUBLIC");
    let rows = read(&pg).await;
    let public: Vec<&str> = rows.iter().filter(|r| r.public).map(|r| r.object.as_str()).collect();
    assert_eq!(public, ["database shop: table open.public_read"]);
}
