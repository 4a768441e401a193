use pgseal::Code;
use pgseal::restore::database;
use pgseal::source::ConnParams;
use pgseal::types::Kind;

use crate::flow::pg::{PgServer, bindir};
use crate::flow::world::World;

/// Everything that a dump treats in a way of its own.
pub const RICH: &str = r"
create role app login password 'secret'; create role owner_role; create role reader; grant reader to app;
create schema shop authorization owner_role;
create type shop.mood as enum ('sad', 'ok'); create domain shop.positive as int check (value > 0);
create table shop.customer (id int generated always as identity primary key, name text not null, doc jsonb, mood shop.mood default 'ok');
create table shop.orders (id bigserial primary key, customer int references shop.customer, n shop.positive, raw bytea, tags text[], double_n int generated always as (n * 2) stored);
insert into shop.customer (name, doc) select 'name ' || g || E' \\ \t \n é', jsonb_build_object('k', g) from generate_series(1, 20000) g;
insert into shop.customer (name) values (null::text || '') on conflict do nothing;
";

fn rich(server: &PgServer) {
    let sql = RICH.replace("insert into shop.customer (name) values (null::text || '') on conflict do nothing;\n", "");
    server.psql("postgres", "create database shop");
    server.psql("shop", &sql);
    server.psql(
        "shop",
        r"insert into shop.orders (customer, n, raw, tags) select 1 + g % 20000, 1 + g % 7, decode(md5(g::text), 'hex'), array['a', null, 'b''c'] from generate_series(1, 50000) g;
        create index on shop.orders (customer); alter table shop.customer enable row level security;
        create policy p on shop.customer for select to app using (name like 'name 1%');
        grant usage on schema shop to app; grant select on shop.customer to app; alter default privileges in schema shop grant select on tables to reader;
        create view shop.v as select count(*) from shop.orders; create materialized view shop.m as select customer, count(*) c from shop.orders group by 1;
        create table shop.empty (a int); create table shop.parted (d date, x int) partition by range (d);
        create table shop.p1 partition of shop.parted for values from ('2026-01-01') to ('2027-01-01'); insert into shop.parted values ('2026-05-05', 1);
        select lo_from_bytea(0, 'a large object'); comment on database shop is 'the shop'; alter database shop set search_path to shop, public;
        create function shop.f() returns trigger language plpgsql as 'begin return new; end'; create trigger t before insert on shop.orders for each row execute function shop.f();",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_comes_back_identical() {
    let server = PgServer::start(&bindir(), &[]);
    rich(&server);
    let w = World::new(&server, Kind::Logical);
    let before = server.pg_dump_text("shop");
    let made = w.backup().await.unwrap();
    assert_eq!(made.manifest.seq, 1);
    assert!(made.warnings.is_empty(), "{:?}", made.warnings);

    let seen = w.verify(w.with_identity()).await;
    assert_eq!(seen.code(), Code::Done, "{seen:?}");
    let b = &seen.backups[0];
    assert!(b.objects > 5 && b.objects == b.present && b.objects == b.hashed && b.objects == b.opened, "{b:?}");

    w.restore_logical(&server, &[("shop", "shop_restored")]).await.unwrap();
    // Rows may change places (FORMAT.md, section 7), so the lines are compared sorted.
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let after = server.pg_dump_text("shop_restored");
    assert!(before.len() == after.len() && sorted(&before) == sorted(&after), "the restored database differs");
    let settings =
        "select setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where datname = ";
    assert_eq!(
        server.psql("postgres", &format!("{settings} 'shop'")),
        server.psql("postgres", &format!("{settings} 'shop_restored'"))
    );

    let opened = w.open().await;
    let shop = opened.facts.databases.iter().find(|d| d.name == "shop").unwrap();
    let rows = |t: &str| shop.tables.iter().find(|x| x.name.name == t).unwrap().rows;
    assert_eq!(rows("customer"), Some(20_000));
    assert_eq!(rows("orders"), Some(50_000));
    assert_eq!(rows("empty"), Some(0));
    assert_eq!(shop.large_objects, 1);
    // What it cannot bring back is sealed beside it.
    let posture = opened.facts.posture.as_ref().unwrap();
    assert!(posture.unknown().is_empty(), "{:?}", posture.unknown());
    assert!(posture.hba.get().unwrap().texts.values().any(|t| t.contains("trust")));

    // A target that holds data is refused, and stays as it is.
    let e = w.restore_logical(&server, &[("shop", "shop")]).await.unwrap_err();
    assert_eq!(e.code(), Code::Refused);
    assert!(before == server.pg_dump_text("shop"));

    // A locale that a drill's host lacks says nothing of the backup.
    let mut elsewhere = shop.clone();
    elsewhere.collate = "xx_XX.UTF-8".to_owned();
    let conn = ConnParams::resolve(&server.conninfo(), &|_| None).unwrap();
    let session = conn.connect("test").await.unwrap();
    let target = database::plan(&conn, &session, "elsewhere", true).await.unwrap();
    let e = database::create(&session, &elsewhere, &target, true).await.unwrap_err();
    assert_eq!(e.code(), Code::CouldNotRun);
    assert!(e.text().contains("xx_XX.UTF-8"), "{e}");
    database::create(&session, shop, &target, true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_database_names_are_backed_up_and_come_back() {
    let server = PgServer::start(&bindir(), &[]);
    let names =
        ["with space", "quo\"te'", "new\nline", "a=b", "postgresql://evil/x", "-d", "emoji 🐘", "back\\slash", "$(id)"];
    for name in names {
        server.psql("postgres", &format!("create database \"{}\"", name.replace('"', "\"\"")));
        server
            .psql(name, "create table \"t.\"\"x\n*\" (a int); insert into \"t.\"\"x\n*\" select generate_series(1,10)");
    }
    let w = World::new(&server, Kind::Logical);
    w.backup().await.unwrap();
    let seen = w.verify(w.with_identity()).await;
    assert_eq!(seen.code(), Code::Done, "{seen:?}");
    for name in names {
        let target = format!("{name} 2");
        w.restore_logical(&server, &[(name, &target)]).await.unwrap();
        assert!(server.pg_dump_text(name) == server.pg_dump_text(&target), "{name}");
    }
    assert!(!w.memory.keys().iter().any(|k| k.contains("evil")), "a database's name is in a key");
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_form_a_chain() {
    let server = PgServer::start(&bindir(), &[]);
    let w = World::new(&server, Kind::Logical);
    for seq in 1..=3 {
        assert_eq!(w.backup().await.unwrap().manifest.seq, seq);
    }
    let c = w.catalog().await;
    assert!(c.problems.is_empty());
    assert_eq!(c.entries[2].manifest.prev_sha256, Some(c.entries[1].digest));
    // The newest is taken away: this host saw it.
    for key in w.memory.keys().iter().filter(|k| k.contains("/m/0000000003")) {
        w.memory.lose(key);
    }
    let seen = w.verify(pgseal::verify::Depth::default()).await;
    assert_eq!(seen.code(), Code::History);
    // Backups go on, behind the slot that is gone, and the alarm stays.
    let next = w.backup().await.unwrap();
    assert_eq!(next.manifest.seq, 4);
    assert!(!next.warnings.is_empty());
    assert_eq!(w.verify(pgseal::verify::Depth::default()).await.code(), Code::History);
}
