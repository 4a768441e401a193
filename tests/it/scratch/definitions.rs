//! Definitions with expressions: a restore that writes them otherwise says nothing
//! else, and a change of nothing but a cast is a difference.

use pgseal::checks::{self, Outcome, Subject};
use pgseal::source::facts::Facts;
use pgseal::source::inventory;
use pgseal::types::Kind;
use serde_json::Value;

use crate::scratch::checks::{drill, taken_at};
use crate::scratch::installation::{fitting, has};
use crate::scratch::rich::{by_id, facts_of, round_trip, run};
use crate::scratch::support::{bindir, fresh, start, top};

const DEFINITIONS: &str = include_str!("definitions.sql");

/// What is done to the copy, and the objects whose definitions it changes, with the
/// part. Without casts, all of these are what they were.
const CASTS: &[(&str, &[(&str, &str)])] = &[
    ("alter table only t alter d set default now()", &[("table: d.t", "column d: default changed")]),
    (
        "alter table t drop constraint days2; alter table t add constraint days2 check (d <= ts::date)",
        &[
            ("table constraint: days2 on d.t", "definition changed"),
            ("table constraint: days2 on d.kid", "definition changed"),
        ],
    ),
    (
        "alter domain code drop constraint code_check1; \
         alter domain code add constraint code_check1 check (value <> 'q'::varchar)",
        &[("domain constraint: code_check1 on d.code", "definition changed")],
    ),
    ("alter domain code set default 'x'::text", &[("type: d.code", "default changed")]),
    (
        "create or replace function f(a int, b varchar default 'x'::text || 'y', c date default now()::date) returns int \
         language sql as 'select 1'",
        &[("function: d.f(integer,character varying,pg_catalog.date)", "arguments changed")],
    ),
    (
        "create or replace function body(a varchar) returns boolean language sql immutable \
         begin atomic select a in ('a', 'b') and a <> 'c'::varchar; end; -- with 14\n",
        &[("function: d.body(character varying)", "SQL body changed")],
    ),
    (
        "create or replace function ret(a date) returns boolean language sql immutable return a < '2020-01-01'::timestamp; -- with 14\n",
        &[("function: d.ret(pg_catalog.date)", "SQL body changed")],
    ),
    (
        "drop index t_expr; create index t_expr on t (lower(\"a b\"), (ch || 'x'), (coalesce(\"a b\", 'n'))) \
         where \"a b\" in ('new', 'paid') and n > 1::float8",
        &[("index: d.t_expr", "definition changed")],
    ),
    (
        "alter table t drop constraint ex; alter table t add constraint ex exclude using gist (rg with &&, \
         (int4range(id, id + 1)) with =) where (ch::text in ('a', 'b'))",
        &[("table constraint: ex on d.t", "definition changed"), ("index: d.ex", "definition changed")],
    ),
    (
        "drop statistics t_stat; create statistics t_stat on (lower(\"a b\")), (n::bigint), (ch in ('a', 'b')) from t; -- with 14\n",
        &[("statistics object: d.t_stat", "definition changed")],
    ),
    (
        "drop trigger tr on t; create trigger tr before update on t for each row \
         when (old.\"a b\" in ('a', 'b') and new.ts > old.d) execute function trig()",
        &[("trigger: tr on d.t", "definition changed")],
    ),
    (
        "create or replace rule ru as on update to kid where old.most in ('a', 'b') do also insert into kid (id, most) \
         select new.id, 'x' where new.most::char(1) in ('p', 'q')",
        &[("rule: ru on d.kid", "definition changed")],
    ),
    (
        "create or replace view v2 as select v.*, row_number() over (partition by known order by day) from v \
         where day < now()::date union all select 1, true, null, 3, 'x', 1, null, 2",
        &[("view: d.v2", "query changed")],
    ),
    (
        "drop materialized view mv; create materialized view mv as select \"a b\", count(*)::int as n from t \
         group by grouping sets ((\"a b\"), ()) having count(*) filter (where ch in ('a', 'b')) > 0::numeric",
        &[("materialized view: d.mv", "query changed")],
    ),
    (
        "alter table gen drop column g; alter table gen add column g bigint generated always as (n::bigint + 1) stored",
        &[("table: d.gen", "column g: generation changed")],
    ),
    (
        "drop table keyed; create table keyed (k int) partition by range ((k::numeric))",
        &[("table: d.keyed", "partition key changed")],
    ),
    (
        "alter policy pol2 on t with check (ts > '2020-01-01'::date and (select true))",
        &[("policy: pol2 on d.t", "with check changed")],
    ),
    // It would stop every statement that makes an object, and in no other order.
    ("alter event trigger stopper enable always", &[("event trigger: stopper", "definition changed")]),
];

/// How many views, and as many constraints, are generated.
const GENERATED: usize = 30;

/// An expression over the columns of `d.gen_t`, always the same for a number. Most
/// have something in them that a restore writes otherwise; `cast` is the type to
/// which one operand in it is cast.
fn expression(number: usize, cast: &str) -> String {
    // Any sequence will do that repeats itself late (Knuth's MMIX multiplier).
    let mut state = number as u64 + 1;
    let mut next = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let leaves = [
        "v in ('a', 'b', 'it''s')",
        "c in ('x', 'y')",
        "v = any (array['a', 'b'])",
        "coalesce(v, c, 'n') like 'n%'",
        "d - ts::date > -3",
        "ts > '2020-01-01'",
        "case v when 'a' then n else m end > 1.5",
        "(n, v) < (5, 'z')",
        "list && array['a', v]",
        "list[1:2] = array['x', 'y']::varchar[]",
        "d between now()::date - 7 and now()",
        "v || c collate \"C\" < 'zz'",
        "not (m in (1, 2.5) and n is distinct from null)",
        "exists_in(v) or c::text ~ '^a'",
        "ts at time zone 'UTC' < d + interval '1 day 2 hours'",
    ];
    let mut all = vec![format!("n::{cast} > m")];
    for _ in 0..3 + next(4) {
        let leaf = leaves[usize::try_from(next(leaves.len() as u64)).unwrap()];
        let (before, joint) =
            (all.pop().unwrap(), ["and", "or", "is distinct from", "="][usize::try_from(next(4)).unwrap()]);
        all.push(format!("({before}) {joint} ({leaf})"));
    }
    all.remove(0)
}

/// Views and constraints with generated expressions.
fn generated(cast: &str, view: &str, constraint: &str) -> String {
    let mut sql = String::new();
    for n in 0..GENERATED {
        sql += &format!("{view} view d.g{n} as select n, {} as e from d.gen_t;\n", expression(n, cast));
        if constraint == "replace" {
            sql += &format!("alter table d.gen_t drop constraint k{n};\n");
        }
        sql += &format!("alter table d.gen_t add constraint k{n} check ({});\n", expression(GENERATED + n, cast));
    }
    sql
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_definition_is_the_same_and_one_other_cast_is_named() {
    let (top, bindir) = (top(), bindir());
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    run(&instance.connect_writable("postgres").await.unwrap(), "create database defs template template0").await;
    let session = instance.connect_writable("defs").await.unwrap();
    run(&session, &fitting(&bindir, DEFINITIONS)).await;
    run(&session, &format!("set search_path = d; {}", generated("bigint", "create", "new"))).await;
    drop(session);
    let facts = facts_of(&instance, "defs").await;
    round_trip(&scratch, &instance, "defs").await;

    let jail = scratch.jail().clone();
    let subject =
        Subject { instance: &instance, facts: &facts, bindir: &bindir, jail: &jail, jobs: 2, taken_at: taken_at() };
    let read = async || inventory::read(&instance.connect("defs").await.unwrap()).await.unwrap();
    let before = read().await;
    let was = facts.databases[0].inventory.as_ref().unwrap();
    let (was, is) = (was.definitions.as_ref().unwrap(), before.definitions.as_ref().unwrap());
    let moved = was.iter().filter(|(object, parts)| is.get(*object) != Some(*parts)).count();
    assert!(moved > 30, "a restore wrote only {moved} definitions otherwise: this proves nothing");

    let all = checks::run(&subject, Kind::Logical, &drill(&[])).await.results;
    for id in ["INT-SCHEMA", "INT-RLS", "INT-CONSTRAINT"] {
        let c = by_id(&all, id);
        assert_eq!((c.outcome, c.reason.as_deref()), (Outcome::Pass, None), "{c:#?}");
    }
    assert_eq!(read().await, before, "nothing is left of what was made for comparing");

    Box::pin(with_other_texts(&subject, &facts)).await;

    let session = instance.connect_writable("defs").await.unwrap();
    let mut expected: Vec<(&str, &str)> = Vec::new();
    for (sql, changed) in CASTS {
        let sql = fitting(&bindir, sql);
        if !sql.is_empty() {
            run(&session, &format!("set search_path = d, public; {sql}")).await;
            expected.extend_from_slice(changed);
        }
    }
    run(&session, "alter event trigger stopper disable").await;
    run(&session, &format!("set search_path = d; {}", generated("float8", "create or replace", "replace"))).await;
    run(&session, "alter event trigger stopper enable always").await;
    let names: Vec<(String, String)> =
        (0..GENERATED).map(|n| (format!("view: d.g{n}"), format!("table constraint: k{n} on d.gen_t"))).collect();
    for (view, constraint) in &names {
        expected.push((view, "query changed"));
        expected.push((constraint, "definition changed"));
    }
    assert!(expected.len() > 2 * GENERATED + if has(&bindir, "14") { 18 } else { 15 });
    let changed = read().await;
    let all = checks::run(&subject, Kind::Logical, &drill(&[])).await.results;
    let mut found: Vec<(&str, &str)> = Vec::new();
    for id in ["INT-SCHEMA", "INT-RLS"] {
        for f in &by_id(&all, id).findings {
            let message = f.message.trim_start_matches("it differs: ").trim_start_matches("row security differs: ");
            found.push((f.object.trim_start_matches("defs: "), message));
        }
    }
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(read().await, changed);

    // A backup of an older version holds fingerprints without casts: they are not seen, and it says so.
    let old = edited(&facts, |inventory| drop(inventory.as_object_mut().unwrap().remove("definitions")));
    run(&session, "alter event trigger stopper disable").await;
    let all = checks::run(&Subject { facts: &old, ..subject }, Kind::Logical, &drill(&[])).await.results;
    for id in ["INT-SCHEMA", "INT-RLS"] {
        let c = by_id(&all, id);
        assert_eq!(c.outcome, Outcome::Pass, "{c:#?}");
        assert!(c.reason.as_deref().unwrap().contains("a cast in an expression is not seen"), "{c:?}");
    }
    drop(session);
    assert!(scratch.teardown(Some(instance)).await.is_clean());
}

/// What the copy cannot read again is no pass, and a text that would be more than
/// one statement does nothing.
async fn with_other_texts(subject: &Subject<'_>, facts: &Facts) {
    let other = edited(facts, |inventory| {
        let definitions = &mut inventory["definitions"];
        definitions["view: d.v2"]["query"]["text"] = "SELECT nothing FROM nowhere".into();
        definitions["table: d.t"]["column d: default"]["text"] =
            "1) IS NULL; commit; drop table d.gen; create table d.left_behind (x int); --".into();
        definitions["policy: pol2 on d.t"]["with check"]["text"] = "(".into();
    });
    let all = checks::run(&Subject { facts: &other, ..*subject }, Kind::Logical, &drill(&[])).await.results;
    for (id, reason) in [
        (
            "INT-SCHEMA",
            "definitions that the copy cannot read again, and that differ: defs: table: d.t (column d: default), \
             defs: view: d.v2 (query)",
        ),
        (
            "INT-RLS",
            "definitions that the copy cannot read again, and that differ: defs: policy: pol2 on d.t (with check)",
        ),
    ] {
        let c = by_id(&all, id);
        assert_eq!(c.outcome, Outcome::NotEvaluated, "{c:#?}");
        assert!(c.reason.as_deref().unwrap().ends_with(reason), "{c:?}");
    }
    assert_eq!(by_id(&all, "INT-TABLES").outcome, Outcome::Pass);
}

/// The facts with another inventory.
fn edited(facts: &Facts, edit: impl Fn(&mut Value)) -> Facts {
    let mut all = serde_json::to_value(facts).unwrap();
    edit(&mut all["databases"][0]["inventory"]);
    serde_json::from_value(all).unwrap()
}
