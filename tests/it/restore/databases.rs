//! Whole databases: which, into what, and with which properties.

use crate::restore::installation::has;
use crate::restore::pg::{PgServer, bindir};
use crate::restore::world::Host;

const SOURCE: &[&str] = &[
    "create role boss; create role app login password 'source'; create role \"we=\"\"ird/x\"; grant boss to postgres",
    "create database shop owner boss connection limit 17",
    "create database icu template template0 locale_provider icu icu_locale 'de-DE' encoding 'UTF8'",
    "create database ascii template template0 encoding 'SQL_ASCII' locale 'C'",
    "comment on database shop is 'it''s \\ the shop'; comment on database postgres is 'ours'",
    "alter database shop set search_path to \"$user\", \"a,b\", \"c\"\"d\", public; alter database shop set work_mem to '7MB'",
    "alter database shop set \"app.note\" to 'a, \"b\"'; alter role app in database shop set statement_timeout to '5s'",
    "revoke all on database shop from public; grant connect on database shop to app with grant option",
    "grant create, temporary on database shop to \"we=\"\"ird/x\"",
    "set role app; grant connect on database shop to \"we=\"\"ird/x\"",
    "revoke all on database icu from public, postgres",
];

/// All that the catalog says of a database but what is its own (numbers, age, name), in
/// an order of its own: what a new version has more is here, too.
fn properties(server: &PgServer, db: &str) -> String {
    server.psql(
        "postgres",
        &format!(
            "select pg_get_userbyid(datdba), shobj_description(d.oid, 'pg_database'), datacl is null,
               to_jsonb(d) - '{{oid,datname,datdba,datacl,datfrozenxid,datminmxid,datlastsysoid}}'::text[],
               (select string_agg(a::text, ' ' order by a::text) from unnest(datacl) a),
               (select string_agg(format('%s %s', setrole::regrole, c), '|' order by setrole::regrole::text, c)
                from pg_db_role_setting, unnest(setconfig) c where setdatabase = d.oid)
             from pg_database d where datname = '{db}'"
        ),
    )
}

#[test]
fn databases_come_back_with_their_properties() {
    let source = PgServer::start(&bindir(), &[]);
    for sql in SOURCE {
        // Before 15 a database has no other provider.
        let of_icu = has(&bindir(), "icu") && has(&bindir(), "15");
        let sql = if of_icu { (*sql).to_owned() } else { sql.replace(" locale_provider icu icu_locale 'de-DE'", "") };
        source.psql("postgres", &sql);
    }
    source.psql(
        "shop",
        "create table t (a int primary key); alter table t owner to app; insert into t select generate_series(1, 100)",
    );
    source.psql("ascii", "create table t (a text); insert into t values (convert_from('\\xe9ff41', 'SQL_ASCII'))");
    source.psql("postgres", "create table kept (a int)");
    let host = Host::new(&source);
    host.ok(&["backup", "shop"]);
    let target = PgServer::start(&bindir(), &[]);
    let restore = |args: &[&str]| {
        let all: Vec<&str> = ["shop@latest"].iter().chain(args).copied().collect();
        host.restore(&target, &all)
    };
    let databases = || target.psql("postgres", "select string_agg(datname, ' ' order by datname) from pg_database");

    // Which database.
    restore(&["--target-db", "x"]).is(2, &["several databases", "--database: ascii, icu, postgres, shop"]);
    restore(&["--target-db", "x", "--database", "nope"]).is(2, &["nope", "It holds: ascii, icu, postgres, shop"]);

    // Roles that the target has not.
    restore(&["--database", "shop", "--target-db", "x"]).is(50, &["--globals", "--no-owner", "was removed"]);
    assert_eq!(databases(), "postgres template0 template1");
    restore(&["--database", "shop", "--target-db", "plain", "--no-owner"]).is(0, &[]);
    assert_eq!(
        target.psql("plain", "select count(*), min(tableowner) from t, pg_tables where tablename = 't'"),
        "100|postgres"
    );
    assert_eq!(target.psql("postgres", "select datacl is null from pg_database where datname = 'plain'"), "t");

    // Roles are created; those that exist stay as they are.
    target.psql("postgres", "create role app nologin password 'mine'");
    let password = || target.psql("postgres", "select rolpassword, rolcanlogin from pg_authid where rolname = 'app'");
    let before = password();
    let kept = "roles that exist keep their attributes, passwords, settings and comments (2): ";
    let left_out = "memberships of these roles that the backup has are left out (1): GRANT boss TO postgres";
    restore(&["--database", "shop", "--target-db", "shop", "--globals", "--dry-run"]).is(0, &[kept, left_out, "app"]);
    restore(&["--database", "shop", "--target-db", "shop", "--globals"]).is(0, &[kept, left_out, "app", "postgres"]);
    assert_eq!(password(), before);
    assert_eq!(properties(&target, "shop"), properties(&source, "shop"));
    assert!(properties(&source, "shop").contains("app=c*/boss"), "the sample has a grant option");
    for db in ["icu", "ascii"] {
        restore(&["--database", db, "--target-db", db]).is(0, &[]);
        assert_eq!(properties(&target, db), properties(&source, db));
    }
    assert_eq!(target.psql("ascii", "select convert_to(a, 'SQL_ASCII') from t"), "\\xe9ff41");

    // What exists and is empty is filled, what holds anything stays as it is.
    restore(&["--database", "postgres", "--target-db", "postgres"]).is(0, &[]);
    assert_eq!(target.psql("postgres", "select count(*), shobj_description((select oid from pg_database where datname = 'postgres'), 'pg_database') from kept"), "0|ours");
    for made in [
        "create table t (a int)",
        "create function f() returns int language sql as 'select 1'",
        "create schema s",
        "create domain d as int",
    ] {
        target.psql("postgres", "drop database if exists other");
        target.psql("postgres", "create database other");
        target.psql("other", made);
        let before = target.pg_dump_text("other");
        restore(&["--database", "shop", "--target-db", "other"]).is(13, &["is not empty", "--target-db"]);
        assert_eq!(target.pg_dump_text("other"), before, "{made}");
    }
    // A template is left out where all are meant, and is one again where it was named.
    source.psql("postgres", "alter database shop is_template true");
    host.ok(&["backup", "tables"]);
    host.restore(&target, &["tables@latest", "--target-db", "pattern"]).is(0, &[]);
    assert_eq!(properties(&target, "pattern"), properties(&source, "shop"));
    assert!(properties(&target, "pattern").contains("\"datistemplate\": true"));

    // The production database itself.
    let before = source.pg_dump_text("shop");
    host.restore(&source, &["shop@latest", "--database", "shop", "--target-db", "shop"]).is(13, &["is not empty"]);
    assert_eq!(source.pg_dump_text("shop"), before);
    assert_eq!(source.psql("postgres", "select count(*) from pg_database where datname like 'pgseal%'"), "0");
}
