//! Each check of a running instance: silent on what was backed up, firing on
//! what is not it.

use std::collections::BTreeMap;
use std::time::Duration;

use pgseal::checks::{self, CheckResult, Outcome, Subject};
use pgseal::config::schema::{Canary, Drill, Expected, Question, SqlCheck, Token};
use pgseal::report::{Evidence, ProofLevel, Verdict, judge};
use pgseal::scratch::probe::{self, Outside, Trace};
use pgseal::scratch::{Instance, Scratch, Session};
use pgseal::source::Facts;
use pgseal::source::facts::{
    ComputedFacts, DatabaseFacts, ExtensionFacts, MatviewFacts, ObjectName, RoleFacts, SequenceFacts, ServerFacts,
    TableFacts,
};
use pgseal::types::{Digest, Kind, PgVersion};

use crate::scratch::installation::{fitting, has};
use crate::scratch::support::{bindir, fresh, probes, start, top};

mod queries;

fn name(schema: &str, name: &str) -> ObjectName {
    ObjectName { schema: schema.into(), name: name.into() }
}

fn rows_digest(text: &[u8]) -> Digest {
    let mut hasher = pgseal::types::RowsHasher::default();
    hasher.update(text);
    hasher.finish().2
}

fn table(of: ObjectName, columns: &[&str], rows: u64, text: &[u8]) -> TableFacts {
    TableFacts {
        name: of,
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        rows: Some(rows),
        bytes: Some(text.len() as u64),
        counted: None,
        loaded_through: None,
        digest: Some(rows_digest(text)),
    }
}

/// What [`SETUP`] makes, written down by hand.
pub fn facts() -> Facts {
    let role = |name: &str, superuser| RoleFacts {
        name: name.into(),
        superuser,
        inherit: true,
        create_role: superuser,
        create_db: superuser,
        login: superuser,
        replication: superuser,
        bypass_rls: superuser,
        connection_limit: -1,
        valid_until: None,
        member_of: vec![],
        settings: vec![],
        more: None,
    };
    let mut seller = role("sel\"ler", false);
    seller.member_of = vec!["staff".into()];
    seller.settings = vec!["work_mem=8MB".into()];
    Facts {
        format: Facts::FORMAT.into(),
        version: 1,
        server: ServerFacts {
            version_num: PgVersion(150_018),
            version: String::new(),
            system_identifier: "1".into(),
            timeline: 1,
            in_recovery: false,
            data_checksums: true,
            bootstrap_superuser: "postgres".into(),
            settings: BTreeMap::new(),
            preload_libraries: vec![],
            host: "h".into(),
            role: "postgres".into(),
        },
        databases: vec![DatabaseFacts {
            name: "shop=1".into(),
            owner: "postgres".into(),
            encoding: "LATIN1".into(),
            collate: "C".into(),
            ctype: "C".into(),
            locale_provider: "c".into(),
            locale: None,
            icu_rules: None,
            comment: None,
            acl: None,
            connection_limit: -1,
            template: false,
            settings: vec![],
            role_settings: vec![],
            size_bytes: 1,
            extensions: extensions(),
            tables: vec![
                table(name("public", "empty"), &[], 0, b""),
                // LATIN1 bytes, as the dump of a LATIN1 database has them.
                table(name("s\"1", "tä b"), &["id", "a \"b"], 3, b"1\tx\\ny\n2\t\\N\n3\t\xe4\n"),
            ],
            sequences: vec![SequenceFacts { name: name("public", "q"), last_value: 5, is_called: true, until: None }],
            large_objects: 1,
            large_object_digest: None,
            large_object_rights: None,
            invalid_indexes: vec![],
            matviews: vec![MatviewFacts { name: name("public", "mv"), populated: true }],
            computed_unread: vec![],
            misdumped: vec![],
            computed: Some(vec![ComputedFacts {
                extension: None,
                name: name("public", "mv"),
                matview: true,
                columns: vec!["one".into()],
                rows: 1,
                digest: rows_digest(b"1\n"),
            }]),
            object_counts: BTreeMap::new(),
            contents_known: true,
            inventory: None,
        }],
        roles: vec![role("postgres", true), role("staff", false), seller],
        memberships: None,
        settings_of_all: None,
        posture: None,
        streams: BTreeMap::new(),
        physical: None,
        warnings: vec![],
        left_out: Vec::new(),
        pinned: BTreeMap::new(),
    }
}

/// Not every installation has one that can be dropped.
fn extensions() -> Vec<ExtensionFacts> {
    let of = |name: &str, version: &str, schema: &str| ExtensionFacts {
        name: name.into(),
        version: version.into(),
        schema: schema.into(),
    };
    let mut all = vec![of("plpgsql", "1.0", "pg_catalog")];
    if has(&bindir(), "contrib") {
        all.insert(0, of("citext", "1.6", "public"));
    }
    all
}

/// In the maintenance database.
pub const CLUSTER: &[&str] = &[
    "create database \"shop=1\" template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'",
    "create role staff",
    "create role \"sel\"\"ler\" in role staff",
    "alter role \"sel\"\"ler\" set work_mem = '8MB'",
];

/// In `shop=1`.
pub const SETUP: &str = "
    create extension citext schema public version '1.6'; -- with contrib
    create table public.empty ();
    create schema \"s\"\"1\";
    create table \"s\"\"1\".\"tä b\" (id int primary key, \"a \"\"b\" text, g int generated always as (id * 2) stored);
    insert into \"s\"\"1\".\"tä b\" values (1, E'x\\ny'), (2, null), (3, 'ä');
    create sequence public.q; select setval('public.q', 5);
    create materialized view public.mv as select 1 as one;
    select lo_create(4711);";

async fn set_up() -> (tempfile::TempDir, Scratch, Instance) {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    populate(&instance.connect_writable("postgres").await.unwrap()).await;
    instance
        .connect_writable("shop=1")
        .await
        .unwrap()
        .client()
        .batch_execute(&fitting(&bindir(), SETUP))
        .await
        .unwrap();
    (top, scratch, instance)
}

pub async fn populate(admin: &Session) {
    for sql in CLUSTER {
        admin.client().batch_execute(sql).await.unwrap();
    }
}

/// What the facts of these tests do not hold, and no canary.
pub const UNKNOWN: [&str; 11] = [
    "INT-SCHEMA",
    "INT-CONSTRAINT",
    "INT-MEMBERS",
    "INT-OWNERS",
    "INT-GRANTS",
    "INT-DEFACL",
    "INT-RLS",
    "INT-COLLATION",
    "INT-PUB",
    "INT-EXT-OBJECTS",
    "USR-CANARY",
];

pub fn question(query: &str) -> Question {
    Question { database: None, query: query.into(), role: None, timeout: Duration::from_mins(1) }
}

fn sql(name: &str, query: &str, expect: &str) -> SqlCheck {
    SqlCheck { name: name.into(), question: question(query), expected: Expected::Text(expect.into()) }
}

/// The drill section of a configuration with these checks.
pub fn drill(sql: &[SqlCheck]) -> Drill {
    let min_isolation = pgseal::config::schema::Isolation::I0;
    Drill {
        preload: vec![],
        min_isolation: Some(min_isolation),
        max_restore: None,
        max_rpo: None,
        max_slowdown: 2.0,
        deadline: None,
        sql: sql.to_vec(),
        canary: None,
    }
}

/// When the backups of these tests were taken.
pub fn taken_at() -> jiff::Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

fn by_id<'a>(all: &'a [CheckResult], id: &str) -> &'a CheckResult {
    all.iter().find(|c| c.id == id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_is_silent_on_a_healthy_copy_and_fires_on_its_fixture() {
    let (_top, scratch, instance) = set_up().await;
    let facts = facts();
    let bindir = bindir();
    let jail = scratch.jail().clone();
    let subject =
        Subject { instance: &instance, facts: &facts, bindir: &bindir, jail: &jail, jobs: 2, taken_at: taken_at() };
    let good_sql = [
        sql("t", "select 1 = 1", "true"),
        sql("n", "select count(*) from \"s\"\"1\".\"tä b\"", "3"),
        sql("e", "select count(*) from empty", "0"),
    ];

    let all = checks::run(&subject, Kind::Logical, &drill(&good_sql)).await.results;
    // What the facts of this test hold nothing of has a test of its own.
    let all: Vec<CheckResult> = all.into_iter().filter(|c| !UNKNOWN.contains(&c.id.as_str())).collect();
    assert_eq!(all.len(), 11);
    for c in &all {
        assert_eq!(c.outcome, Outcome::Pass, "{c:?}");
        assert!(c.present > 0 && c.examined == c.present, "{c:?}");
    }
    let gone = pgseal::scratch::Teardown { instance_gone: true, directory_gone: true, detail: None };
    let nowhere = Trace::at(std::path::Path::new("/nonexistent"), "no-such-mark", None);
    let mut probed = probes(&scratch, &instance, &Outside::default()).await;
    probed.push(probe::gone(&gone, &nowhere, jail.level).await);
    let judged = judge(Evidence {
        reached: ProofLevel::Booted,
        required: ProofLevel::Data,
        errors: &[],
        isolation: Some(jail.level),
        min_isolation: jail.level,
        probes: &probed,
        checks: &all,
        teardown: Some(&gone),
        exposure: None,
    });
    assert_eq!((judged.verdict, judged.level), (Verdict::Passed, ProofLevel::Data), "{judged:?}");

    let shop = instance.connect_writable("shop=1").await.unwrap();
    let t = "\"s\"\"1\".\"tä b\"";
    // Check, what breaks it, what is said, what mends it.
    let mut cases: Vec<(&str, String, &str, String)> = vec![
        (
            "INT-ROWS",
            format!("delete from {t} where id = 3"),
            "3 rows expected, 2 restored",
            format!("insert into {t} values (3, 'ä')"),
        ),
        (
            "INT-ROWS",
            format!("update {t} set \"a \"\"b\" = 'secret' where id = 2"),
            "content differs",
            format!("update {t} set \"a \"\"b\" = null where id = 2"),
        ),
        (
            "INT-ROWS",
            format!("alter table {t} rename column \"a \"\"b\" to c"),
            "a column is missing",
            format!("alter table {t} rename column c to \"a \"\"b\""),
        ),
        (
            "INT-ROWS",
            format!("alter table {t} rename to u"),
            "the table is missing",
            "alter table \"s\"\"1\".u rename to \"tä b\"".into(),
        ),
        (
            "INT-TABLES",
            format!("alter table {t} rename to u"),
            "the table is missing",
            "alter table \"s\"\"1\".u rename to \"tä b\"".into(),
        ),
        (
            "INT-TABLES",
            "create table public.more ()".into(),
            "not in the backup's facts",
            "drop table public.more".into(),
        ),
        (
            "INT-SEQ",
            "select setval('public.q', 4)".into(),
            "goes on after 4, in the backup it was after 5",
            "select setval('public.q', 5)".into(),
        ),
        (
            "INT-SEQ",
            "alter sequence public.q rename to r".into(),
            "the sequence is missing",
            "alter sequence public.r rename to q".into(),
        ),
        (
            "INT-INDEX",
            "update pg_index set indisvalid = false where indexrelid = '\"s\"\"1\".\"tä b_pkey\"'::regclass".into(),
            "the index is invalid",
            "update pg_index set indisvalid = true where indexrelid = '\"s\"\"1\".\"tä b_pkey\"'::regclass".into(),
        ),
        (
            "INT-EXT",
            "update pg_extension set extversion = '0.9' where extname = 'plpgsql'".into(),
            "version 0.9 is installed, the source had 1.0",
            "update pg_extension set extversion = '1.0' where extname = 'plpgsql'".into(),
        ),
        (
            "INT-MATVIEW",
            "refresh materialized view public.mv with no data".into(),
            "not populated",
            "refresh materialized view public.mv".into(),
        ),
        (
            "INT-MATVIEW",
            "drop materialized view public.mv".into(),
            "is missing",
            "create materialized view public.mv as select 1 as one".into(),
        ),
        (
            "INT-LO",
            "select lo_unlink(4711)".into(),
            "1 large objects expected, 0 restored",
            "select lo_create(4711)".into(),
        ),
        (
            "INT-DATABASE",
            "alter database \"shop=1\" set work_mem = '5MB'; alter role staff in database \"shop=1\" set work_mem = '5MB'; \
             alter database \"shop=1\" connection limit 7; comment on database \"shop=1\" is 'secret'"
                .into(),
            "it differs in comment, connection limit, settings, settings of roles",
            "alter database \"shop=1\" reset work_mem; alter role staff in database \"shop=1\" reset work_mem; \
             alter database \"shop=1\" connection limit -1; comment on database \"shop=1\" is null"
                .into(),
        ),
        (
            "INT-ROLES",
            "alter role staff superuser".into(),
            "it differs in superuser",
            "alter role staff nosuperuser".into(),
        ),
        (
            "INT-ROLES",
            "alter role staff rename to stuff".into(),
            "the role is missing",
            "alter role stuff rename to staff".into(),
        ),
    ];
    if has(&bindir, "contrib") {
        cases.push((
            "INT-EXT",
            "drop extension citext".into(),
            "the extension is missing",
            "create extension citext schema public version '1.6'".into(),
        ));
    }
    for (id, break_it, says, mend) in &cases {
        shop.client().batch_execute(break_it).await.unwrap_or_else(|e| panic!("{break_it}: {e:?}"));
        let all = checks::run(&subject, Kind::Logical, &drill(&[])).await.results;
        let c = by_id(&all, id);
        assert_eq!(c.outcome, Outcome::Finding, "{break_it}: {c:?}");
        assert!(c.findings.iter().any(|f| f.message.contains(says)), "{break_it}: {c:?}");
        assert!(!format!("{c:?}").contains("secret"), "no row data");
        shop.client().batch_execute(mend).await.unwrap_or_else(|e| panic!("{mend}: {e:?}"));
    }
    // Mended, it is as before; rows in another order are the same rows.
    shop.client().batch_execute(&format!("update {t} set id = id where id = 1")).await.unwrap();
    let mut unordered = facts.clone();
    unordered.databases[0].tables[1].digest = Some(rows_digest(b"1\tx\\ny\n2\t\\N\n3\t\xe4\n"));
    let all = checks::run(&Subject { facts: &unordered, ..subject }, Kind::Logical, &drill(&[])).await.results;
    assert_eq!(by_id(&all, "INT-ROWS").outcome, Outcome::Pass, "{all:?}");
    assert_eq!(by_id(&all, "USR-SQL").outcome, Outcome::NotApplicable);

    // What was invalid at the source may be invalid; what is ahead is not as it was.
    shop.client().batch_execute("select setval('public.q', 50); update pg_index set indisvalid = false where indexrelid = '\"s\"\"1\".\"tä b_pkey\"'::regclass").await.unwrap();
    unordered.databases[0].invalid_indexes = vec![name("s\"1", "tä b_pkey")];
    let all = checks::run(&Subject { facts: &unordered, ..subject }, Kind::Logical, &drill(&[])).await.results;
    assert_eq!(by_id(&all, "INT-INDEX").outcome, Outcome::Pass);
    assert_eq!(by_id(&all, "INT-SEQ").outcome, Outcome::Finding);

    // A table without digest was not examined: no pass.
    unordered.databases[0].tables[0].digest = None;
    let all = checks::run(&Subject { facts: &unordered, ..subject }, Kind::Logical, &drill(&[])).await.results;
    let c = by_id(&all, "INT-ROWS");
    assert_eq!((c.outcome, c.present, c.examined), (Outcome::NotEvaluated, 2, 1));

    // A database that is not there.
    unordered.databases[0].name = "gone".into();
    let all = checks::run(&Subject { facts: &unordered, ..subject }, Kind::Logical, &drill(&[])).await.results;
    assert_eq!(by_id(&all, "INT-TABLES").findings[0].message, "the database is missing");
    assert_eq!(by_id(&all, "INT-ROWS").outcome, Outcome::Error);
    drop(shop);
    assert!(scratch.teardown(Some(instance)).await.is_clean());
}

/// COPY into a table fills gaps that long rows left on earlier pages, so a
/// restored table has its rows in another order than the dump's text.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_moved_rows_is_no_finding() {
    let (_top, scratch, instance) = set_up().await;
    let shop = instance.connect_writable("shop=1").await.unwrap();
    // Long and short rows take turns, as updates and deletes leave them.
    shop.client()
        .batch_execute(
            "create table public.gaps (id int, x text); alter table public.gaps alter x set storage plain; \
             create table public.moved (like public.gaps including all); \
             insert into public.gaps select g, repeat('x', case when g % 7 < 3 then 1900 - g % 11 * 50 else g % 13 * 60 end) \
               from generate_series(1, 4000) g order by (g * 7919) % 4001; \
             delete from public.gaps where id % 3 = 0; \
             update public.gaps set x = repeat('y', (id * 31) % 1900) where id % 5 = 0",
        )
        .await
        .unwrap();
    let text = copied(&shop, "public.gaps").await;
    let mut sink = std::pin::pin!(shop.client().copy_in("copy public.moved from stdin").await.unwrap());
    futures_util::SinkExt::send(&mut sink, bytes::Bytes::from(text.clone())).await.unwrap();
    let rows = sink.finish().await.unwrap();
    assert_ne!(Digest::of(&copied(&shop, "public.moved").await), Digest::of(&text), "the fixture moves rows");

    let mut sum = pgseal::types::RowsHasher::default();
    sum.update(&text);
    let mut facts = facts();
    let mut moved = table(name("public", "moved"), &["id", "x"], rows, &text);
    moved.digest = Some(sum.finish().2);
    facts.databases[0].tables = vec![moved];
    let bindir = bindir();
    let jail = scratch.jail().clone();
    let subject =
        Subject { instance: &instance, facts: &facts, bindir: &bindir, jail: &jail, jobs: 1, taken_at: taken_at() };
    let (c, _) = checks::rows::run(&subject).await;
    assert_eq!(c.outcome, Outcome::Pass, "{c:?}");
    shop.client().batch_execute("update public.moved set x = x || 'z' where id = 1").await.unwrap();
    assert_eq!(checks::rows::run(&subject).await.0.outcome, Outcome::Finding);
}

async fn copied(session: &Session, table: &str) -> Vec<u8> {
    let stream = session.client().copy_out(&format!("copy {table} to stdout")).await.unwrap();
    let chunks: Vec<bytes::Bytes> = futures_util::TryStreamExt::try_collect(stream).await.unwrap();
    chunks.concat()
}
