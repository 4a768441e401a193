//! `restore --table`.

use crate::restore::installation::fitting;
use crate::restore::pg::{PgServer, bindir, done};
use crate::restore::world::{Host, sorted};

const SHOP: &str = r#"
create role app; create schema s; create schema "we.ird""sch
ema";
create extension citext schema s; -- with contrib
create domain s.citext as text; -- without contrib
create type s.mood as enum ('sad', 'ok'); create domain s.pos as int check (value > 0);
create function s.f() returns trigger language plpgsql as 'begin return new; end';
create function s.dflt() returns int language sql as 'select 41 + 1';
create sequence s.shared start 100;
create table s.customer (id int generated always as identity primary key, name s.citext not null, m s.mood default 'ok');
create table s.orders (id bigserial primary key, customer int not null references s.customer, p s.pos default 1,
  d int default s.dflt(), n bigint default nextval('s.shared'), self bigint references s.orders, twice int generated always as (d * 2) stored,
  constraint odd check (d > 0));
create table s.other (id int primary key); create table public.orders (x int); create table public.other (x int);
insert into s.customer (name) select 'n ' || g from generate_series(1, 500) g;
insert into s.orders (customer) select 1 + g % 500 from generate_series(1, 3000) g; select nextval('s.shared');
insert into s.other values (1); insert into public.orders values (1); insert into public.other values (7);
create index by_customer on s.orders (customer) where d > 1; create statistics s.st on customer, d from s.orders;
create trigger t before update on s.orders for each row execute function s.f();
create rule r as on delete to s.orders do also select 1;
create policy pol on s.orders to app using (d > 2); alter table s.orders enable row level security; alter table s.orders force row level security;
comment on table s.orders is 'the orders'; comment on column s.orders.d is 'col'; comment on trigger t on s.orders is 'trig';
comment on index s.by_customer is 'idx'; comment on constraint odd on s.orders is 'con';
grant select on s.orders to app; grant update (d) on s.orders to app; grant usage on schema s to app;
alter table s.orders replica identity full; alter table s.orders alter column d set statistics 77; alter table s.orders cluster on orders_pkey;
create table s.part (k int, v text, primary key (k)) partition by range (k);
create table s.part1 partition of s.part for values from (0) to (100); create table s.part2 partition of s.part for values from (100) to (200);
create index on s.part (v); insert into s.part select g, 'v' || g from generate_series(0, 199) g; comment on table s.part2 is 'second';
create table s.animal (a int); create table s.cat (b int) inherits (s.animal); insert into s.animal values (1); insert into s.cat values (2, 3);
create table "we.ird""sch
ema"."t.*|""x
y" ("c.1" serial, b s.mood); insert into "we.ird""sch
ema"."t.*|""x
y" (b) select 'sad' from generate_series(1, 10);
create view s.v as select * from s.orders; create materialized view s.mv as select 1 as x;
select lo_from_bytea(0, 'large');
"#;

/// What `pg_dump -t` says, without the lines that `but` names.
fn dump_of(server: &PgServer, db: &str, tables: &[&str], but: &[&str]) -> String {
    let mut dump = server.client("pg_dump", db);
    dump.arg("--no-sync").args(tables.iter().map(|t| format!("--table={t}")));
    let text = String::from_utf8_lossy(&done(&mut dump, "pg_dump").stdout).into_owned();
    let keep = |l: &&str| {
        !l.starts_with("\\restrict ") && !l.starts_with("\\unrestrict ") && !but.iter().any(|b| l.contains(b))
    };
    text.split_inclusive('\n').filter(keep).collect()
}

#[track_caller]
fn same(a: &str, b: &str) {
    // Excluded statements leave their empty comment lines behind.
    let lines = |t| sorted(t).into_iter().filter(|l: &&str| !l.is_empty() && *l != "--").collect::<Vec<_>>();
    let (a, b) = (lines(a), lines(b));
    let only =
        |x: &[&str], y: &[&str]| x.iter().filter(|l| !y.contains(l)).map(|l| (*l).to_owned()).collect::<Vec<_>>();
    assert!(a == b, "only in the source: {:#?}\nonly in the copy: {:#?}", only(&a, &b), only(&b, &a));
}

#[test]
fn tables_come_back_whole_and_alone() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", &fitting(&bindir(), SHOP));
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    let restore = |target: &str, tables: &[&str]| {
        let mut args = vec!["tables@latest", "--target-db", target];
        args.extend(tables.iter().flat_map(|t| ["--table", t]));
        host.restore(&server, &args)
    };
    let relations = |db: &str| {
        server.psql(db, "select string_agg(relname, ' ' order by relname) from pg_class where relkind in ('r', 'p', 'v', 'm') and relnamespace <> 11 and relnamespace::regnamespace::text not in ('information_schema', 'pg_toast')")
    };

    // One table; its foreign key to a table that is not restored is left out, the one to itself is not.
    restore("one", &["s.orders"]).is(3, &["orders_customer_fkey is left out", "--table"]);
    assert_eq!(relations("one"), "orders");
    let fk = ["orders_customer_fkey", "ADD CONSTRAINT orders_self_fkey", "ALTER TABLE ONLY s.orders"];
    same(&dump_of(&server, "shop", &["s.orders"], &fk), &dump_of(&server, "one", &["s.orders"], &fk));
    assert_eq!(server.psql("one", "select count(*) from pg_constraint where contype = 'f'"), "1");
    assert_eq!(server.psql("one", "select last_value from s.orders_id_seq"), "3000");
    assert_eq!(server.psql("one", "select last_value from s.shared"), "3100");
    assert_eq!(server.psql("one", "select count(*) from pg_largeobject_metadata"), "0");

    // With the other table it is there, and so is nothing of tables of the same name in another schema.
    restore("two", &["s.orders", "s.customer", "public.other"]).is(0, &[]);
    assert_eq!(relations("two"), "customer orders other");
    let both = ["s.orders", "s.customer", "public.other"];
    same(&dump_of(&server, "shop", &both, &[]), &dump_of(&server, "two", &both, &[]));

    // A partitioned table brings its partitions, a partition its root.
    restore("parts", &["s.part"]).is(0, &[]);
    same(&dump_of(&server, "shop", &["s.part*"], &[]), &dump_of(&server, "parts", &["s.part*"], &[]));
    restore("part", &["s.part2"]).is(0, &["is created without its rows"]);
    assert_eq!(relations("part"), "part part2");
    assert_eq!(server.psql("part", "select count(*), min(k) from s.part"), "100|100");
    same(&dump_of(&server, "shop", &["s.part2"], &[]), &dump_of(&server, "part", &["s.part2"], &[]));

    // Rows of inheriting tables are rows of the table.
    restore("animals", &["s.animal"]).is(0, &[]);
    assert_eq!(server.psql("animals", "select count(*) from s.animal"), "2");
    restore("cats", &["s.cat"]).is(0, &[]);
    assert_eq!(server.psql("cats", "select count(*) from s.animal"), "1");

    // Names are names.
    restore("weird", &["\"we.ird\"\"sch\nema\".\"t.*|\"\"x\ny\""]).is(0, &[]);
    same(&dump_of(&server, "shop", &["\"we.ird\"*.*"], &[]), &dump_of(&server, "weird", &["\"we.ird\"*.*"], &[]));
    assert_eq!(server.psql("weird", "select count(*) from pg_namespace where nspname = 's'"), "1", "its type is there");

    // What is not there is told before anything is made.
    restore("none", &["s.ordres"]).is(2, &["does not hold this table", "Did you mean \"s\".\"orders\"?"]);
    restore("none", &["s.other", "s.mv"]).is(2, &["materialized view"]);
    assert_eq!(server.psql("postgres", "select count(*) from pg_database where datname ~ 'none|pgseal'"), "0");
}

#[test]
fn names_in_another_encoding_are_found() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop encoding 'LATIN1' locale 'C' template template0");
    server.psql(
        "shop",
        "create table \"Bücher\" (\"größe\" text); insert into \"Bücher\" values ('é'); create table b (x int)",
    );
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    host.restore(&server, &["tables@latest", "--target-db", "one", "--table", "\"Bücher\""]).is(0, &[]);
    assert_eq!(server.psql("one", "select \"größe\" from \"Bücher\""), "é");
    host.restore(&server, &["tables@latest", "--target-db", "all"]).is(0, &[]);
    same(&dump_of(&server, "shop", &[], &[]), &dump_of(&server, "all", &[], &[]));
    assert_eq!(
        server.psql(
            "postgres",
            "select pg_encoding_to_char(encoding), datcollate from pg_database where datname = 'all'"
        ),
        "LATIN1|C"
    );
}
