//! Databases that stock pg_restore brings back in pieces, or not at all.

use serde_json::Value;

use crate::restore::pg::{PgServer, bindir, major};
use crate::restore::world::{Host, Said, said};

const SOURCE: &[&str] = &[
    // What is loaded reads settings of the database.
    "create materialized view taxed as select 100 * current_setting('app.tax_rate')::numeric as tax",
    "create materialized view days as select ('2026-01-01 20:00+00'::timestamptz)::date::text as day",
    // Its rows need those of another table, which comes later by name.
    "create table z_dict (v text primary key); insert into z_dict values ('a');
     create function known(t text) returns bool language plpgsql stable as
       $$ begin return exists (select from public.z_dict where v = t); end $$;
     create table a_data (v text check (known(v))); insert into a_data values ('a')",
];

/// Whoever restores is stopped by these, unless he overrides them.
const STOPS: &[&str] = &[
    "statement_timeout = '1ms'",
    "lock_timeout = '1ms'",
    "idle_in_transaction_session_timeout = '1ms'",
    "default_transaction_read_only = on",
    "default_transaction_isolation = serializable",
    "client_encoding = 'LATIN1'",
];

#[test]
fn what_needs_settings_and_other_tables_is_restored_whole() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql(
        "postgres",
        "alter database shop set app.tax_rate = '0.19'; alter database shop set timezone = 'Asia/Tokyo'",
    );
    for sql in SOURCE {
        server.psql("shop", sql);
    }
    // From 17 on no view can be made that needs a search_path of its own.
    let by_path = major() < 17;
    if by_path {
        server.psql(
            "shop",
            "create function n() returns bigint language sql stable as 'select count(*) from a_data';
             create materialized view stats as select n() as n",
        );
    }
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    host.restore(&server, &["tables@latest", "--target-db", "new"]).is(0, &[]);
    assert_eq!(server.psql("new", "select tax, day from taxed, days"), "19.00|2026-01-02");
    assert_eq!(server.psql("new", "select count(*) from a_data"), "1");
    if by_path {
        assert_eq!(server.psql("new", "select n from stats"), "1");
    }
    // Settings that stop everybody else.
    for stop in STOPS {
        server.psql("postgres", &format!("alter database shop set {stop}"));
    }
    host.ok(&["backup", "tables"]);
    host.restore(&server, &["tables@latest", "--target-db", "stopped"]).is(0, &[]);
    let settings = |db: &str| {
        server.psql(
            "postgres",
            &format!(
                "select string_agg(c, ' ' order by c) from pg_db_role_setting, unnest(setconfig) c
                 where setdatabase = (select oid from pg_database where datname = '{db}')"
            ),
        )
    };
    assert_eq!(settings("stopped"), settings("shop"));
    assert!(settings("shop").contains("default_transaction_read_only=on"));
}

/// Rows of `bad` and the index `bad_i` fail wherever they are restored to.
const REFUSED: &str = "
create function boom() returns bool language plpgsql as
  $$ begin if current_database() !~ '^shop' then raise 'rows went off'; end if; return true; end $$;
create function bang(a int) returns int language plpgsql immutable as
  $$ begin if current_database() !~ '^shop' then raise E'index went off\npg_restore: from TOC entry 1; x'; end if; return a; end $$;
create table good (a int primary key); insert into good values (1), (2);
create table bad (a int check (public.boom())); insert into bad values (1);
create table later (a int references good); insert into later values (2);
create index bad_i on good (public.bang(a));
";

#[test]
fn what_is_refused_is_lost_alone_where_that_is_wanted() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", REFUSED);
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    let count =
        |name: &str| server.psql("postgres", &format!("select count(*) from pg_database where datname = '{name}'"));

    host.restore(&server, &["tables@latest", "--target-db", "strict"])
        .is(50, &["TABLE DATA public.bad: ", "rows went off", "--keep-going", "was removed"]);
    assert_eq!(count("strict"), "0");

    let command = || host.restore_command(&server, &["tables@latest", "--target-db", "rest", "--keep-going"]);
    let told = said(command().arg("--json"));
    told.is(3, &["rows went off", "index went off"]);
    let json: Value = serde_json::from_str(&told.out).unwrap();
    let lost: Vec<&str> =
        json["not_restored"].as_array().unwrap().iter().map(|l| l["object"].as_str().unwrap()).collect();
    assert_eq!(lost, ["TABLE DATA public.bad", "INDEX public.bad_i"], "{told:?}");
    let rows = "select (select count(*) from good), (select count(*) from bad), (select count(*) from later),
                (select count(*) from pg_constraint where contype = 'f' and convalidated)";
    assert_eq!(server.psql("rest", rows), "2|0|1|1");

    // Nothing is lost of what is whole.
    server.psql("shop", "drop table bad; drop index bad_i");
    host.ok(&["backup", "tables"]);
    host.restore(&server, &["tables@latest", "--target-db", "whole", "--keep-going"]).is(0, &[]);
    assert_eq!(server.psql("whole", "select count(*) from good"), "2");
}

#[test]
fn of_a_table_whose_owner_is_missing_only_the_owner_is_lost() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create role \"Old App\"");
    server.psql("postgres", "create database shop");
    server.psql(
        "shop",
        "create table t (a int primary key); insert into t values (1), (2); alter table t owner to \"Old App\";
         create view v as select a from t; alter view v owner to \"Old App\"; create publication p",
    );
    server.psql("shop", "alter publication p owner to \"Old App\"");
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    let target = PgServer::start(&bindir(), &[]);
    host.restore(&target, &["tables@latest", "--target-db", "strict"])
        .is(50, &["OWNER of TABLE public.t: ", "role \"Old App\" does not exist", "--keep-going"]);
    let said =
        said(host.restore_command(&target, &["tables@latest", "--target-db", "shop", "--keep-going"]).arg("--json"));
    said.is(3, &["not restored: OWNER of TABLE public.t: "]);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let lost: Vec<&str> =
        json["not_restored"].as_array().unwrap().iter().map(|l| l["object"].as_str().unwrap()).collect();
    assert_eq!(lost, ["OWNER of TABLE public.t", "OWNER of VIEW public.v", "OWNER of PUBLICATION p"], "{said:?}");
    assert_eq!(target.psql("shop", "select count(*), (select count(*) from pg_publication) from v"), "2|1");
}

/// Each index wants first its own lock and then the other's, and waits until that is taken.
const DEADLOCK: &str = "
create function grab(a int, first int, second int) returns int language plpgsql immutable as $$ begin
  if current_database() !~ '^shop' then
    perform pg_advisory_xact_lock(first);
    for i in 1..500 loop
      exit when exists (select from pg_locks where locktype = 'advisory' and granted and objid = second);
      perform pg_sleep(0.01);
    end loop;
    perform pg_advisory_xact_lock(second);
  end if;
  return a; end $$;
create table t1 (a int); insert into t1 values (1); create index i1 on t1 (public.grab(a, 1, 2));
create table t2 (a int); insert into t2 values (1); create index i2 on t2 (public.grab(a, 2, 1));
";

#[test]
fn a_deadlock_of_parallel_jobs_is_tried_once_more_with_one() {
    let server = PgServer::start(&bindir(), &[("deadlock_timeout", "100ms")]);
    server.psql("postgres", "create database shop");
    server.psql("shop", DEADLOCK);
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    host.restore(&server, &["tables@latest", "--target-db", "new", "--jobs", "2"]).is(0, &["once more, with one job"]);
    assert!(server.log().contains("deadlock detected"), "{}", server.log());
    assert_eq!(
        server.psql("new", "select count(*) from pg_index where indexrelid::regclass::text in ('i1', 'i2')"),
        "2"
    );
}

#[test]
fn a_provider_s_database_is_filled_without_a_superuser() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create role app");
    server.psql("postgres", "create database shop");
    server.psql(
        "shop",
        "create extension citext; comment on extension citext is 'mine'; create table c (x citext);
         insert into c values ('A'); alter table c owner to app",
    );
    server.psql(
        "postgres",
        "alter database shop set log_min_duration_statement = '1s'; alter database shop set statement_timeout = '5min'",
    );
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    let target = PgServer::start(&bindir(), &[]);
    target.psql("postgres", "create role cloud login createdb createrole");
    for name in ["given", "taken"] {
        target.psql("postgres", &format!("create database {name} owner cloud"));
        target.psql(name, "create extension citext");
    }
    target.psql("taken", "create table other (a int)");
    let restore = |name: &str, more: &[&str]| -> Said {
        let all: Vec<&str> = ["tables@latest", "--target-db", name, "--no-owner"].iter().chain(more).copied().collect();
        said(host.restore_command(&target, &all).env("PGUSER", "cloud").env("PGDATABASE", "postgres"))
    };
    let setting = "the setting log_min_duration_statement";
    restore("new", &["--dry-run"]).is(0, &["log_min_duration_statement"]);
    restore("new", &[]).is(0, &[setting]);
    let settings = "select string_agg(c, ' ') from pg_db_role_setting, unnest(setconfig) c";
    assert_eq!(target.psql("new", settings), "statement_timeout=5min");
    restore("given", &[]).is(0, &[setting, "COMMENT EXTENSION citext"]);
    for name in ["new", "given"] {
        assert_eq!(target.psql(name, "select count(*) from c where x = 'a'"), "1");
    }
    restore("taken", &[]).is(13, &["is not empty"]);

    // Who may read which rows is no matter of owners: it is told, and is no success.
    server.psql(
        "shop",
        "alter table c enable row level security; create policy p on c to app using (true);
         create function f() returns event_trigger language plpgsql as 'begin end';
         create event trigger e on ddl_command_end execute function f()",
    );
    host.ok(&["backup", "tables"]);
    let with_owners = said(
        host.restore_command(&target, &["tables@latest", "--target-db", "x", "--dry-run"])
            .env("PGUSER", "cloud")
            .env("PGDATABASE", "postgres"),
    );
    with_owners.is(13, &["roles of the backup are missing", "log_min_duration_statement", "event_trigger"]);
    restore("policies", &["--dry-run"]).is(0, &["policies", "event_trigger"]);
    restore("policies", &[]).is(3, &["not restored: POLICY public.c p", "not restored: EVENT TRIGGER e"]);
    assert_eq!(target.psql("policies", "select count(*) from c"), "1");
}
