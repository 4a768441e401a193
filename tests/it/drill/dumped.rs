//! A dump of the copy is the second net: it sees what no query of ours asks for.

use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, check, outcome};

/// Statements that a restore writes otherwise, rows that a view cannot do without,
/// and what a drill does not restore.
const SHOP: &str = "create table t (id int primary key, state varchar check (state in ('a', 'b')), at timestamptz);
    insert into t values (1, 'a', '2025-01-01');
    create view v as select id from t where state in ('a', 'b') and at > '2020-01-01';
    create materialized view m as select 1 / count(*) as one from t;
    create table \"PUBLICATION t\" (); comment on table t is 'one';
    create publication p for table t; comment on publication p is 'p';
    create function cmp(int, numeric) returns int language sql immutable as 'select numeric_cmp($1, $2)';
    alter operator family integer_ops using btree add function 1 (int, numeric) cmp(int, numeric)";

/// Programs of which `pg_restore` adds to a copy once it is restored, and not to
/// what the schema alone makes.
pub fn meddling(world: &World, sql: &str) -> String {
    let psql = pg::bindir().join("psql");
    world.wrapped("pg_restore", |real| {
        format!(
            "case \"$*\" in *--section=post-data*--use-list*) exec {real} \"$@\" ;; \
             *--section=post-data*) {real} \"$@\" && exec {} -Xqc \"{sql}\" ;; esac",
            psql.display()
        )
    })
}

#[test]
fn a_copy_is_dumped_again_and_every_entry_that_differs_is_named() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", SHOP);
    let world = World::new(&server);
    // pg_dump writes the function, and not what it is to a family of the system.
    assert!(world.ok(&["backup", "shop"]).err.contains("1 of them are not in the backup"));
    let (code, report) = world.drill("shop");
    assert_eq!((code, outcome(&report, "INT-DUMP")), (0, "pass"), "{report:#}");
    let schema = check(&report, "INT-SCHEMA");
    assert!(schema["reason"].as_str().unwrap().starts_with("1 members that users added"), "{schema}");
    let dumped = check(&report, "INT-DUMP");
    assert!(dumped["examined"].as_u64().unwrap() >= 7 && dumped["examined"] == dumped["present"], "{dumped}");

    let meddled = meddling(
        &world,
        "set search_path = public; create or replace view v as select id from t where state in ('a', 'b') and at > '2020-01-01'::date; \
         comment on table t is 'two'; comment on view v is 'new'; alter table t set (toast.autovacuum_enabled = off); \
         drop table \\\"PUBLICATION t\\\"; create role other; alter materialized view m owner to other; \
         refresh materialized view m with no data",
    );
    world.configure(&meddled, "");
    let (code, report) = world.drill("shop");
    assert_eq!(code, 51, "{report:#}");
    let mut found: Vec<(&str, &str)> = check(&report, "INT-DUMP")["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["object"].as_str().unwrap(), f["message"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    let other = "it is made by another statement in a dump of the copy";
    assert_eq!(
        found,
        [
            ("postgres: COMMENT public.TABLE t", other),
            ("postgres: COMMENT public.VIEW v", "a dump of the copy holds it, the backup does not make it"),
            ("postgres: MATERIALIZED VIEW DATA public.m", "a dump of the copy does not fill it"),
            ("postgres: MATERIALIZED VIEW public.m", "it has another owner in a dump of the copy"),
            ("postgres: TABLE public.PUBLICATION t", "a dump of the copy does not hold it"),
            ("postgres: TABLE public.t", other),
            ("postgres: VIEW public.v", other),
        ]
    );
    world.nothing_left();
}
