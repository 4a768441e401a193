//! What the server, a role or a database sets changes neither the text of rows
//! nor what becomes of it again.

use std::process::Stdio;

use pgseal::source::{ConnParams, Purpose};

use crate::source::dump::{conn, copy_digest};
use crate::source::pg::{PgServer, bindir, done, major};

/// A value of each type whose text depends on a setting, and some that should not.
const ODD: &str = "CREATE TABLE odd (m money, d date, t timestamp, tz timestamptz, iv interval, f float8, r real, b bytea,
    x xml, j jsonb, a text[], n numeric, l lseg, tv tsvector, rc regclass, txt text, o oid, c \"char\");
  INSERT INTO odd VALUES ('12.34', '2026-02-01', '2026-02-01 03:04:05.678', '1890-02-01 03:04:05+01', '-1 year +2 days -03:04:05',
    0.1::float8 + 0.2, 1e-7, '\\x00ff5c27', '<?xml version=\"1.0\"?><a>b</a>', '{\"a\": 1.50}', ARRAY['NULL', NULL, 'a b'], 1.10,
    '(0.1,0.3),(1,2)', 'a:1 b:2', 'public.odd', E'it''s \\\\N \\t \\\\\\\\', 4000000000, 'x'),
    ('-9995.01', '0044-03-15 BC', 'infinity', '-infinity', '1 mon -1 day', 'NaN', '-Infinity', '', 'x<b/>', 'null', '{}', 'NaN',
    '(0,0),(1e300,2)', '', 'pg_catalog.pg_class', '', 0, '')";

/// Another value for each setting that a role or a database may be given, as far
/// as a value can be made up without knowing what it is for.
const OTHERS: &str = "SELECT name, CASE vartype WHEN 'bool' THEN CASE setting WHEN 'on' THEN 'off' ELSE 'on' END
      WHEN 'enum' THEN e WHEN 'string' THEN CASE WHEN name ~ '^lc_m' THEN l ELSE e END
      ELSE CASE WHEN name ~ 'timeout$' THEN '1' WHEN setting = min_val THEN max_val ELSE min_val END END AS value
  FROM pg_settings LEFT JOIN LATERAL unnest(enumvals) e ON e <> setting
    LEFT JOIN LATERAL (SELECT collname FROM pg_collation WHERE collname ~ '^[a-z]{2}_[A-Z]{2}[.]utf8$') x(l) ON name ~ '^lc_m'
  WHERE context IN ('user', 'superuser') AND name !~ '^(debug|trace|log|session_preload|local_preload|jit_prov|wal_consis)'
    AND name NOT IN ('seed', 'session_authorization', 'transaction_isolation', 'transaction_read_only', 'transaction_deferrable',
                     'is_superuser', 'allow_in_place_tablespaces')
    AND (vartype <> 'string' OR name ~ '^lc_m') ORDER BY name";

/// In how many goes the settings are tried.
const ROUNDS: usize = 16;

/// Texts that mean something to a setting.
const TEXTS: [(&str, &str); 8] = [
    ("DateStyle", "SQL, DMY"),
    ("DateStyle", "German"),
    ("TimeZone", "Asia/Kathmandu"),
    ("timezone_abbreviations", "India"),
    ("client_encoding", "LATIN1"),
    ("search_path", "public"),
    ("role", "weak"),
    ("default_text_search_config", "pg_catalog.german"),
];

/// The text that a program of PostgreSQL's gets under the environment of a child.
fn by_child(server: &PgServer, conn: &ConnParams, purpose: Purpose, sql: &str) -> String {
    let private = tempfile::tempdir().unwrap();
    let mut psql = server.client("psql", "shop");
    psql.envs(conn.child_env(private.path(), purpose).unwrap()).args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]);
    String::from_utf8(done(&mut psql, sql).stdout).unwrap()
}

#[tokio::test]
async fn no_setting_of_a_role_or_database_changes_the_text_of_a_row_or_its_meaning() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", &format!("{ODD}; CREATE ROLE weak; CREATE TABLE again (LIKE odd)"));
    let conn = conn(&server, "shop").with_major(major());
    let read = "SET search_path = pg_catalog; COPY public.odd TO STDOUT";
    let baseline = by_child(&server, &conn, Purpose::Read, read);
    assert!(baseline.contains("$12.34\t2026-02-01") && baseline.contains("0.30000000000000004"), "{baseline}");
    let file = server.make_dir("in").join("rows");
    std::fs::write(&file, &baseline).unwrap();
    let name = pgseal::source::facts::ObjectName { schema: "public".into(), name: "odd".into() };
    let digest = copy_digest(&conn.connect("test").await.unwrap(), &name, &[]).await;

    let listed = server.psql("shop", OTHERS);
    let listed: Vec<_> = listed.lines().filter_map(|l| l.split_once('|')).chain(TEXTS).collect();
    let (mut tried, mut changed) = (0, Vec::new());
    // Many at once; the values of one setting, which stand side by side, in different rounds.
    for round in 0..ROUNDS {
        let mut set = Vec::new();
        for (setting, value) in listed.iter().skip(round).step_by(ROUNDS) {
            let value = value.replace('\'', "''");
            if server.try_psql("postgres", &format!("ALTER DATABASE shop SET {setting} = '{value}'")).is_ok() {
                set.push(format!("{setting} = {value}"));
            }
        }
        tried += set.len();
        // Loaded under it, read without it: what was loaded is what was written.
        let load = format!("TRUNCATE public.again; COPY public.again FROM '{}'", file.display());
        by_child(&server, &conn, Purpose::Load, &load);
        if by_child(&server, &conn, Purpose::Read, read) != baseline {
            changed.push(format!("reading under {set:?}"));
        }
        // Of a major that is not known yet.
        let session = crate::source::dump::conn(&server, "shop").connect("test").await.unwrap();
        if copy_digest(&session, &name, &[]).await != digest {
            changed.push(format!("our own session under {set:?}"));
        }
        server.psql("postgres", "ALTER DATABASE shop RESET ALL");
        if by_child(&server, &conn, Purpose::Read, &read.replace("odd", "again")) != baseline {
            changed.push(format!("loading under {set:?}"));
        }
    }
    assert_eq!(changed, [""; 0]);
    assert!(tried > 150, "only {tried} settings were tried");
}

#[tokio::test]
async fn a_page_that_the_server_would_zero_is_an_error() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("postgres", "ALTER DATABASE shop SET zero_damaged_pages = on; CREATE ROLE reader LOGIN");
    let conn = conn(&server, "shop");
    let session = conn.connect("test").await.unwrap();
    assert_eq!(session.refuse_lossy_reads().await.unwrap(), [("zero_damaged_pages", "off")]);
    let e = conn.with_user("reader").connect("test").await.unwrap().refuse_lossy_reads().await.unwrap_err();
    assert_eq!(e.code(), pgseal::Code::SourceUnusable);
    assert!(e.to_string().contains("zero_damaged_pages is on"), "{e}");
    let healthy = crate::source::dump::conn(&server, "postgres").with_user("reader").connect("test").await.unwrap();
    assert!(healthy.refuse_lossy_reads().await.unwrap().is_empty());
}

/// PostgreSQL 17 runs event triggers at login, before anything that a client sends.
#[tokio::test]
async fn a_login_event_trigger_finds_its_own_names_and_may_write() {
    let server = PgServer::start(&bindir(), &[]);
    if major() < 17 {
        return;
    }
    server.psql(
        "postgres",
        "CREATE TABLE logins (who text); CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO logins VALUES (session_user); END $$;
         CREATE EVENT TRIGGER seen ON login EXECUTE FUNCTION seen()",
    );
    let conn = conn(&server, "postgres");
    let session = conn.connect_read_only("test").await.unwrap();
    assert!(session.client().batch_execute("CREATE TABLE public.t()").await.is_err());
    let private = tempfile::tempdir().unwrap();
    let mut dump = server.client("pg_dump", "postgres");
    dump.envs(conn.child_env(private.path(), Purpose::Read).unwrap()).stdout(Stdio::null());
    done(&mut dump, "pg_dump");
    let both = "SELECT count(*) >= 2 FROM logins";
    assert_eq!(server.psql("postgres", both), "t");
}

#[test]
fn the_script_without_pgseal_pins_the_same() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/restore-without-pgseal");
    let script = std::fs::read_to_string(script).unwrap();
    for pin in pgseal::source::pinned::pinned(Purpose::Load, None) {
        let option = pgseal::source::pinned::options(std::iter::once(pin));
        assert!(script.contains(&option), "{option}");
    }
}

/// Each function and operator of PostgreSQL's once more in `public`, where it only fails.
const PLANTED: &str = r"DO $do$ DECLARE r record; f text; made int := 0;
  BEGIN
    FOR r IN SELECT proname, pg_get_function_identity_arguments(oid) AS args, pg_get_function_result(oid) AS res
      FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND prorettype <> 'trigger'::regtype LOOP
      BEGIN
        EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', r.proname, r.args, r.res,
          'BEGIN RAISE EXCEPTION USING MESSAGE = ''planted function ' || r.proname || '''; END');
        made := made + 1;
      EXCEPTION WHEN others THEN NULL; END;
    END LOOP;
    FOR r IN SELECT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS res, oid
      FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' LOOP
      BEGIN
        EXECUTE format('CREATE FUNCTION public.op_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', r.oid, r.l, r.r, r.res,
          'BEGIN RAISE EXCEPTION USING MESSAGE = ''planted operator ' || r.oprname || '''; END');
        EXECUTE format('CREATE OPERATOR public.%s (leftarg = %s, rightarg = %s, function = public.op_%s)', r.oprname, r.l, r.r, r.oid);
        made := made + 1;
      EXCEPTION WHEN others THEN NULL; END;
    END LOOP;
    IF made < 2000 THEN RAISE EXCEPTION 'only % were planted', made; END IF;
  END $do$";

#[tokio::test]
async fn no_statement_of_ours_calls_what_is_planted_in_public() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t (id serial PRIMARY KEY, v varchar); INSERT INTO t (v) VALUES ('a')");
    server.psql("shop", PLANTED);
    server.psql("postgres", "ALTER DATABASE shop SET search_path = public, pg_catalog");
    assert!(server.try_psql("shop", "SELECT 1 = 1").unwrap_err().contains("planted operator"), "it is not misled");
    let conn = conn(&server, "shop");
    let session = conn.connect_read_only("test").await.unwrap();
    pgseal::source::probe::server(&session).await.unwrap();
    pgseal::source::probe::roles(&session).await.unwrap();
    pgseal::source::probe::memberships(&session).await.unwrap();
    pgseal::source::probe::databases(&session).await.unwrap();
    assert!(pgseal::source::posture::read(&session).await.unknown().is_empty());
    let snapshot = pgseal::source::Snapshot::open(&conn).await.unwrap();
    let tables = snapshot.tables().await.unwrap();
    assert!(snapshot.hold(&tables).await.unwrap() && snapshot.facts().await.unwrap().inventory.is_some());
    assert_eq!(snapshot.table_sizes().await.unwrap().len(), 1);
    let private = tempfile::tempdir().unwrap();
    let mut dump = server.client("pg_dump", "shop");
    dump.envs(conn.child_env(private.path(), Purpose::Read).unwrap()).stdout(Stdio::null());
    done(&mut dump, "pg_dump");
}
