//! A database with everything in it: dumped and restored by PostgreSQL's own
//! programs, it is what it was; with anything changed in it, it is not.

use pgseal::checks::{self, CheckResult, Outcome, Subject};
use pgseal::scratch::{Instance, Scratch, Session};
use pgseal::source::facts::{DatabaseFacts, Facts};
use pgseal::source::large_objects;
use pgseal::source::{catalog, inventory, probe};
use pgseal::types::Kind;

use crate::scratch::checks::{drill, taken_at};
use crate::scratch::installation::{fitting, has};
use crate::scratch::support::{bindir, fresh, start, top};

const RICH: &str = include_str!("rich.sql");

pub async fn run(session: &Session, sql: &str) {
    session
        .client()
        .batch_execute(sql)
        .await
        .unwrap_or_else(|e| panic!("{}: {e:?}", sql.chars().take(200).collect::<String>()));
}

/// No dump was made here, so nothing is known of rows.
async fn checked(subject: &Subject<'_>) -> Vec<CheckResult> {
    let all = checks::run(subject, Kind::Logical, &drill(&[])).await.results;
    all.into_iter().filter(|c| c.id != "INT-ROWS").collect()
}

/// What a backup would seal, read by what reads it at backup time.
pub async fn facts_of(instance: &Instance, database: &str) -> Facts {
    let session = instance.connect(database).await.unwrap();
    let mut facts: DatabaseFacts = catalog::database(&session).await.unwrap();
    facts.inventory = Some(inventory::read(&session).await.unwrap());
    // The dump says it, and the catalog only of sequences that were called.
    for s in &mut facts.sequences {
        let sql = format!("select last_value, is_called from {}", s.name.quoted());
        let row = session.client().query_one(&sql, &[]).await.unwrap();
        (s.last_value, s.is_called) = (row.get(0), row.get(1));
    }
    let (number, digest) = large_objects::content(&session).await.unwrap();
    assert_eq!(number, facts.large_objects);
    facts.large_object_digest = Some(digest);
    let mut all = crate::scratch::checks::facts();
    all.databases = vec![facts];
    all.roles = probe::roles(&session).await.unwrap();
    all.memberships = Some(probe::memberships(&session).await.unwrap());
    all
}

/// Replaces the database by a dump of itself.
pub async fn round_trip(scratch: &Scratch, instance: &Instance, database: &str) {
    let file = scratch.data_dir().join("rich.dump");
    let tool = |program: &str| {
        let i = instance;
        scratch
            .jail()
            .tool(bindir().join(program))
            .env("PGHOST", i.socket_dir().as_os_str())
            .env("PGPORT", i.port().to_string())
            .env("PGUSER", i.superuser())
    };
    let done = async |tool: pgseal::process::Tool| {
        let exit = tool.spawn().await.unwrap().wait().await.unwrap();
        assert_eq!(exit.code(), Some(0), "{}", exit.stderr().text());
    };
    done(tool("pg_dump").args(["-Fc", "-d", database, "-f"]).arg(file.clone().into_os_string())).await;
    let admin = instance.connect_writable("postgres").await.unwrap();
    run(&admin, &format!("drop database {database} with (force)")).await;
    done(tool("pg_restore").args(["--exit-on-error", "--create", "-d", "postgres"]).arg(file.clone().into_os_string()))
        .await;
    std::fs::remove_file(file).unwrap();
}

/// Check, object, message.
type Said = (&'static str, &'static str, &'static str);

/// What is done to the copy, and what must be said of it.
const CHANGES: &[(&str, &[Said])] = &[
    // Columns of one table each, because a table is named once.
    (
        "alter table base alter late set default 5; alter table base alter m drop default; \
         alter table base alter tags set not null",
        &[
            (
                "INT-SCHEMA",
                "table: \"s 1\".base",
                "it differs: column late: default changed, column m: default missing, column tags: not null new",
            ),
            (
                "INT-SCHEMA",
                "table: \"s 1\".child",
                "it differs: column late: default changed, column m: default missing, column tags: not null new",
            ),
        ],
    ),
    (
        "alter table parted_1 set (fillfactor = 50); alter foreign table away alter x type bigint",
        &[
            ("INT-SCHEMA", "table: \"s 1\".parted_1", "it differs: options new"),
            ("INT-SCHEMA", "foreign table: \"s 1\".away", "it differs: column x: type changed"),
        ],
    ),
    (
        "alter table refers drop column k cascade",
        &[
            ("INT-SCHEMA", "table: \"s 1\".refers", "it differs: column k: type missing, order of columns changed"),
            ("INT-SCHEMA", "table constraint: refers_k_at_fkey on \"s 1\".refers", "it is missing"),
            ("INT-CONSTRAINT", "table constraint: refers_k_at_fkey on \"s 1\".refers", "the constraint is missing"),
        ],
    ),
    // Constraints, indexes, triggers, rules.
    (
        "update pg_constraint set convalidated = false where conname = 'base_amount_check' and conrelid = 'child'::regclass",
        &[(
            "INT-CONSTRAINT",
            "table constraint: base_amount_check on \"s 1\".child",
            "it is not validated; at the source it was",
        )],
    ),
    (
        "drop index base_state; create unique index base_state on base (lower(state), id desc nulls last) include (amount) where state in ('new')",
        &[("INT-SCHEMA", "index: \"s 1\".base_state", "it differs: definition changed")],
    ),
    (
        "update pg_index set indisvalid = false where indexrelid = 'base_at'::regclass",
        &[
            ("INT-INDEX", "s 1.base_at", "the index is invalid; at the source it was not"),
            ("INT-SCHEMA", "index: \"s 1\".base_at", "it is missing"),
        ],
    ),
    (
        "alter table base enable trigger touch_base",
        &[("INT-SCHEMA", "trigger: touch_base on \"s 1\".base", "it differs: state changed")],
    ),
    ("drop rule no_delete on volatile", &[("INT-SCHEMA", "rule: no_delete on \"s 1\".volatile", "it is missing")]),
    // Routines and types.
    (
        "create or replace function touch() returns trigger language plpgsql as $$ begin return new; end $$",
        &[("INT-SCHEMA", "function: \"s 1\".touch()", "it differs: body changed")],
    ),
    (
        "alter function next_id security invoker; alter function next_id reset search_path; alter function next_id owner to app",
        &[
            (
                "INT-SCHEMA",
                "function: \"s 1\".next_id(pg_catalog.text)",
                "it differs: security changed, settings missing",
            ),
            ("INT-OWNERS", "function: \"s 1\".next_id(pg_catalog.text)", "it belongs to app, in the backup to own\"er"),
            ("INT-GRANTS", "function: \"s 1\".next_id(pg_catalog.text)", "missing: app EXECUTE"),
        ],
    ),
    (
        "alter type mood add value 'new' before 'happy'",
        &[("INT-SCHEMA", "type: \"s 1\".mood", "it differs: labels changed")],
    ),
    ("alter domain short drop default", &[("INT-SCHEMA", "type: \"s 1\".short", "it differs: default missing")]),
    ("drop cast (mood as int)", &[("INT-SCHEMA", "cast: (\"s 1\".mood AS integer)", "it is missing")]),
    (
        "update pg_collation set collisdeterministic = false where collname = 'same'",
        &[("INT-SCHEMA", "collation: \"s 1\".same", "it differs: definition changed")],
    ),
    ("alter sequence odd no cycle", &[("INT-SCHEMA", "sequence: \"s 1\".odd", "it differs: counts changed")]),
    (
        "create or replace view plain_view with (security_barrier) as select b.id, b.state, p.note, 1 as open \
      from base b left join parted p on p.base_id = b.id",
        &[("INT-SCHEMA", "view: \"s 1\".plain_view", "it differs: query changed")],
    ),
    (
        "create table one_more ()",
        &[
            ("INT-SCHEMA", "table: \"s 1\".one_more", "it was not in the backup"),
            ("INT-TABLES", "s 1.one_more", "the table was not in the backup's facts"),
        ],
    ),
    ("alter event trigger ddl disable", &[("INT-SCHEMA", "event trigger: ddl", "it differs: definition changed")]),
    (
        "alter server far options (set host 'secret-of-server')",
        &[("INT-SCHEMA", "server: far", "it differs: definition changed")],
    ),
    ("drop user mapping for app server far", &[("INT-SCHEMA", "user mapping: app on server far", "it is missing")]),
    (
        "drop text search configuration plain",
        &[("INT-SCHEMA", "text search configuration: \"s 1\".plain", "it is missing")],
    ),
    ("drop statistics base_stat", &[("INT-SCHEMA", "statistics object: \"s 1\".base_stat", "it is missing")]),
    // Owners.
    (
        "alter table volatile owner to reader",
        &[("INT-OWNERS", "table: \"s 1\".volatile", "it belongs to reader, in the backup to own\"er")],
    ),
    (
        "alter database rich owner to postgres",
        &[("INT-OWNERS", "database: rich", "it belongs to postgres, in the backup to own\"er")],
    ),
    // Privileges.
    (
        "revoke insert on base from app; grant truncate on base to reader",
        &[("INT-GRANTS", "table: \"s 1\".base", "missing: app INSERT WITH GRANT OPTION; new: reader TRUNCATE")],
    ),
    (
        "revoke update (state) on base from reader",
        &[(
            "INT-GRANTS",
            "table: \"s 1\".base, column state",
            "its privileges are lost: it has those it was born with",
        )],
    ),
    ("grant usage on type mood to public", &[("INT-GRANTS", "type: \"s 1\".mood", "new: PUBLIC USAGE")]),
    ("revoke usage on schema \"s 1\" from app", &[("INT-GRANTS", "schema: \"s 1\"", "missing: app USAGE")]),
    (
        "revoke usage on sequence odd from app",
        &[("INT-GRANTS", "sequence: \"s 1\".odd", "its privileges are lost: it has those it was born with")],
    ),
    (
        "grant execute on function pg_catalog.pg_sleep(double precision) to public",
        &[(
            "INT-GRANTS",
            "function: pg_catalog.pg_sleep(double precision)",
            "its privileges are lost: it has those it was born with",
        )],
    ),
    (
        "grant execute on function public.hstore_to_json(public.hstore) to public",
        &[(
            "INT-GRANTS",
            "function: public.hstore_to_json(public.hstore)",
            "its privileges are lost: it has those it was born with",
        )],
    ),
    (
        "revoke usage on foreign server far from reader",
        &[("INT-GRANTS", "server: far", "its privileges are lost: it has those it was born with")],
    ),
    (
        "alter default privileges for role \"own\"\"er\" in schema \"s 1\" revoke select on tables from reader",
        &[("INT-DEFACL", "default acl: for role \"own\"\"er\" in schema \"s 1\" on tables", "they are missing")],
    ),
    // Row security.
    (
        "alter table base disable row level security",
        &[("INT-RLS", "table: \"s 1\".base", "row security is off; in the backup it was on")],
    ),
    (
        "alter table loose no force row level security",
        &[("INT-RLS", "table: \"s 1\".loose", "row security differs: forced missing")],
    ),
    (
        "drop policy mine on base",
        &[
            ("INT-RLS", "policy: mine on \"s 1\".base", "the policy is missing"),
            // With its comment.
            ("INT-SCHEMA", "policy: mine on \"s 1\".base", "it is missing"),
        ],
    ),
    (
        "alter policy writes on base to app using (amount > 0)",
        &[("INT-RLS", "policy: writes on \"s 1\".base", "row security differs: roles changed, using changed")],
    ),
    (
        "create policy more on loose using (true)",
        &[("INT-RLS", "policy: more on \"s 1\".loose", "the policy was not in the backup")],
    ),
    // The rest.
    (
        "refresh materialized view unfilled",
        &[("INT-MATVIEW", "s 1.unfilled", "it is populated; at the source it was not")],
    ),
    (
        "refresh materialized view summary with no data",
        &[("INT-MATVIEW", "s 1.summary", "it is not populated; at the source it was")],
    ),
    (
        "select setval('base_id_seq', 7)",
        &[("INT-SEQ", "s 1.base_id_seq", "it goes on after 7, in the backup it was after 306")],
    ),
    (
        "drop extension citext",
        &[("INT-EXT", "citext", "the extension is missing"), ("INT-SCHEMA", "extension: citext", "it is missing")],
    ),
    (
        "select lo_put(4711, 0, 'S'); alter large object 4712 owner to app",
        &[
            ("INT-LO", "rich", "the content of large objects differs"),
            ("INT-LO", "rich", "owners or privileges of large objects differ"),
        ],
    ),
    (
        "revoke reader from app; grant reader to \"own\"\"er\"; revoke admin option for reader from auditor",
        &[
            ("INT-MEMBERS", "app in reader", "the membership is missing"),
            ("INT-MEMBERS", "auditor in reader", "the admin option differs"),
            ("INT-MEMBERS", "own\"er in reader", "it was not in the backup"),
        ],
    ),
    (
        "alter role auditor bypassrls valid until '2030-01-01'; alter role app reset statement_timeout",
        &[
            ("INT-ROLES", "auditor", "it differs in bypassrls, end of validity"),
            ("INT-ROLES", "app", "it differs in settings"),
        ],
    ),
    // What was not compared before version 2 of the inventory.
    (
        "alter table swapped drop column a cascade; alter table swapped add column a int; \
         alter table part_child drop column own1; alter table part_child add column own1 int",
        &[
            ("INT-SCHEMA", "table: \"s 1\".swapped", "it differs: order of columns changed"),
            ("INT-SCHEMA", "table: \"s 1\".part_child", "it differs: order of columns changed"),
        ],
    ),
    (
        "alter type twin drop attribute a; alter type twin add attribute a int",
        &[(
            "INT-SCHEMA",
            "composite type: \"s 1\".twin",
            "it differs: column a: comment missing, order of columns changed",
        )],
    ),
    (
        "alter table said set (toast.autovacuum_enabled = on); update pg_trigger set tgenabled = 'D' where tgrelid = 'said'::regclass and tgisinternal; \
         comment on table said is null; comment on column said.up is 'x'",
        &[(
            "INT-SCHEMA",
            "table: \"s 1\".said",
            "it differs: comment missing, toast options changed, column up: comment new, enforcement of keys new",
        )],
    ),
    (
        "alter index said_note alter column 2 set statistics 301; comment on index said_note is 'other'",
        &[("INT-SCHEMA", "index: \"s 1\".said_note", "it differs: comment changed, statistics targets changed")],
    ),
    (
        "alter statistics said_stat set statistics 51",
        &[("INT-SCHEMA", "statistics object: \"s 1\".said_stat", "it differs: target changed")],
    ),
    (
        "alter function kept_by() no depends on extension plpgsql",
        &[("INT-SCHEMA", "function: \"s 1\".kept_by()", "it differs: depends on extensions missing")],
    ),
    (
        "update pg_aggregate set aggfinalmodify = 'r' where aggfnoid = 'shared_total'::regproc",
        &[("INT-SCHEMA", "aggregate: \"s 1\".shared_total(integer)", "it differs: aggregate state changed")],
    ),
    (
        "alter table parted_1 enable trigger row_parted",
        &[("INT-SCHEMA", "trigger: row_parted on \"s 1\".parted_1", "it is missing")],
    ),
    ("drop access method pile", &[("INT-SCHEMA", "access method: pile", "it is missing")]),
    (
        "update pg_transform set trftosql = 0",
        &[("INT-SCHEMA", "transform: for integer on language sql", "it differs: definition changed")],
    ),
    (
        "update pg_proc set protrftypes = null where proname = 'transformed'",
        &[("INT-SCHEMA", "function: \"s 1\".transformed(integer)", "it differs: transforms missing")],
    ),
    (
        "update pg_ts_parser set prsheadline = 0 where prsname = 'words'",
        &[("INT-SCHEMA", "text search parser: \"s 1\".words", "it differs: definition changed")],
    ),
    (
        "update pg_ts_template set tmplinit = 0 where tmplname = 'simplest'",
        &[("INT-SCHEMA", "text search template: \"s 1\".simplest", "it differs: definition changed")],
    ),
    (
        "update pg_ts_config set cfgparser = 3722 where cfgname = 'wordly'",
        &[("INT-SCHEMA", "text search configuration: \"s 1\".wordly", "it differs: parser changed")],
    ),
    (
        "create function pg_catalog.planted() returns int language sql as 'select 1'; \
         create operator pg_catalog.=== (leftarg = text, rightarg = text, function = texteq)",
        &[
            ("INT-SCHEMA", "function: pg_catalog.planted()", "it was not in the backup"),
            ("INT-SCHEMA", "operator: pg_catalog.===(pg_catalog.text,pg_catalog.text)", "it was not in the backup"),
        ],
    ),
    ("alter database rich is_template true", &[("INT-SCHEMA", "database: rich", "it differs: template changed")]),
    (
        "alter user mapping for auditor server far options (set password 'secret-of-copy')",
        &[("INT-SCHEMA", "user mapping: auditor on server far", "it differs: options changed")],
    ),
    (
        "alter extension hstore set schema \"s 1\"",
        &[("INT-EXT", "hstore", "it is in schema s 1, in the backup in public")],
    ),
    (
        "create extension pgcrypto",
        &[
            ("INT-EXT", "pgcrypto", "the extension was not in the backup"),
            ("INT-SCHEMA", "extension: pgcrypto", "it was not in the backup"),
        ],
    ),
    ("comment on large object 4711 is 'x'", &[("INT-LO", "rich", "comments on large objects differ")]),
    (
        "create role intruder superuser; alter role reader password 'secret-of-copy'; comment on role reader is 'x'",
        &[
            ("INT-ROLES", "intruder", "a superuser that was not in the backup"),
            ("INT-ROLES", "reader", "it differs in password, comment"),
        ],
    ),
    (
        "revoke select (ctid) on loose from reader",
        &[(
            "INT-GRANTS",
            "table: \"s 1\".loose, column ctid",
            "its privileges are lost: it has those it was born with",
        )],
    ),
    (
        "update pg_collation set collversion = '1.2.3' where collname = 'german'",
        &[("INT-COLLATION", "\"s 1\".german", "its version was 1.2.3 when indexes were built, this host has ")],
    ),
];

/// What a backup of version 1 recorded although no dump writes it.
const UNWRITTEN: [Said; 3] = [
    ("INT-OWNERS", "rich: operator: \"s 1\".====(integer,integer)", ""),
    ("INT-GRANTS", "rich: language: sql", ""),
    ("INT-GRANTS", "rich: type: \"s 1\".base", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_rich_database_survives_and_every_change_is_named() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    run(&instance.connect_writable("postgres").await.unwrap(), "create database rich template template0").await;
    run(&instance.connect_writable("rich").await.unwrap(), &fitting(&bindir(), RICH)).await;
    let facts = facts_of(&instance, "rich").await;
    // A role that may only read sees the same.
    let limited = instance.connect("rich").await.unwrap();
    run(&limited, "set session authorization backup").await;
    let mut seen = facts.databases[0].inventory.clone().unwrap();
    for (_, mapping) in seen.objects.iter_mut().filter(|(name, _)| name.starts_with("user mapping: ")) {
        assert!(mapping.parts.remove("options").is_some());
    }
    assert_eq!(seen, inventory::read(&limited).await.unwrap(), "all but the options of user mappings");
    assert_eq!(facts.databases[0].large_object_rights, catalog::database(&limited).await.unwrap().large_object_rights);
    assert_eq!(facts.memberships, Some(probe::memberships(&limited).await.unwrap()));
    drop(limited);
    let sealed = serde_json::to_string(&facts).unwrap();
    assert!(!sealed.contains("secret-of-object") && !sealed.contains("secret-of-mapping"));
    let facts: Facts = serde_json::from_str(&sealed).unwrap();
    let first = inventory::read_as(&instance.connect("rich").await.unwrap(), 1).await.unwrap();
    round_trip(&scratch, &instance, "rich").await;

    let bindir = bindir();
    let jail = scratch.jail().clone();
    let subject =
        Subject { instance: &instance, facts: &facts, bindir: &bindir, jail: &jail, jobs: 2, taken_at: taken_at() };
    let all = checked(&subject).await;
    for c in &all {
        let nothing = ["INT-ROWS", "INT-COMPUTED", "USR-SQL", "USR-CANARY"].contains(&c.id.as_str());
        let expected = if nothing || c.id == "INT-COLLATION" && !has(&bindir, "icu") {
            Outcome::NotApplicable
        } else {
            Outcome::Pass
        };
        assert_eq!(c.outcome, expected, "{c:#?}");
        assert!(expected != Outcome::Pass || c.present > 0 && c.examined == c.present, "{c:?}");
    }
    assert_eq!(
        by_id(&all, "INT-CONSTRAINT").reason.as_deref().unwrap(),
        "rich: loose_even on \"s 1\".loose is NOT VALID as at the source, 2 rows break it; \
         rich: loose_parent on \"s 1\".loose is NOT VALID as at the source, 2 rows break it; \
         rich: positive on \"s 1\".base is NOT VALID as at the source, 0 rows break it; \
         rich: positive on \"s 1\".child is NOT VALID as at the source, 0 rows break it"
    );

    // An older version read less, and what no dump writes.
    let mut older = facts.clone();
    older.databases[0].inventory = Some(first);
    older.roles.iter_mut().for_each(|r| r.more = None);
    let older: Facts = serde_json::from_value(serde_json::to_value(older).unwrap()).unwrap();
    let all = checked(&Subject { facts: &older, ..subject }).await;
    let found: Vec<Said> = all
        .iter()
        .flat_map(|c| c.findings.iter().map(|f| (c.id.as_str(), f.object.as_str(), "")))
        .map(|f| UNWRITTEN.iter().copied().find(|u| u.0 == f.0 && f.1 == u.1).unwrap_or_else(|| panic!("{f:?}")))
        .collect();
    assert_eq!(found, UNWRITTEN);

    let session = instance.connect_writable("rich").await.unwrap();
    let mut expected = Vec::new();
    let here = |sql: &str| {
        let of_contrib = sql.contains("pgcrypto") || sql.contains("hstore") || sql.contains("citext");
        (!of_contrib || has(&bindir, "contrib")) && (!sql.contains("collversion") || has(&bindir, "icu"))
    };
    for (sql, found) in CHANGES.iter().filter(|(sql, _)| here(sql)) {
        run(&session, &format!("set search_path = \"s 1\", public; set allow_system_table_mods = on; {sql}")).await;
        expected.extend(found.iter().copied());
    }
    let all = checked(&subject).await;
    let mut found: Vec<(&str, &str, &str)> = all
        .iter()
        .flat_map(|c| {
            c.findings.iter().map(|f| (c.id.as_str(), f.object.trim_start_matches("rich: "), f.message.as_str()))
        })
        .collect();
    // What this host's libraries are is not for a test to know.
    found
        .iter_mut()
        .filter(|f| f.0 == "INT-COLLATION")
        .for_each(|f| f.2 = &f.2[..f.2.find("this host has ").unwrap() + 14]);
    // 17 names it otherwise.
    let transform = "transform: for integer on language sql";
    found.iter_mut().filter(|f| f.1 == "transform: for integer language sql").for_each(|f| f.1 = transform);
    found.sort_unstable();
    expected.sort_unstable();
    for e in &expected {
        assert!(found.contains(e), "not found: {e:?}\n{found:#?}");
    }
    // Each object of an extension that was moved to another schema is another one.
    let moved = |f: &(&str, &str, &str)| f.0 == "INT-EXT-OBJECTS" && f.1.contains("extension hstore, ");
    assert!(!has(&bindir, "contrib") || found.iter().any(moved), "{found:#?}");
    // From 18 on SET NOT NULL makes a constraint of its own.
    let not_null = |f: &(&str, &str, &str)| {
        f.0 == "INT-SCHEMA" && f.1.starts_with("table constraint: base_tags_not_null on ") && has(&bindir, "18")
    };
    let strange: Vec<_> = found.iter().filter(|f| !expected.contains(f) && !moved(f) && !not_null(f)).collect();
    assert!(strange.is_empty(), "not expected: {strange:#?}");
    assert!(!format!("{all:?}").contains("secret-of"), "no content in a report");
    drop(session);

    // A backup of an older version holds none of this.
    let mut old: serde_json::Value = serde_json::from_str(&sealed).unwrap();
    old.as_object_mut().unwrap().remove("memberships");
    for key in ["inventory", "large_object_digest", "large_object_rights"] {
        old["databases"][0].as_object_mut().unwrap().remove(key);
    }
    let old: Facts = serde_json::from_value(old).unwrap();
    let all = checked(&Subject { facts: &old, ..subject }).await;
    for id in [
        "INT-SCHEMA",
        "INT-OWNERS",
        "INT-GRANTS",
        "INT-DEFACL",
        "INT-RLS",
        "INT-CONSTRAINT",
        "INT-COLLATION",
        "INT-MEMBERS",
    ] {
        let c = by_id(&all, id);
        assert_eq!(c.outcome, Outcome::NotEvaluated, "{c:?}");
        assert!(c.reason.as_deref().unwrap().starts_with("the backup holds no "), "{c:?}");
    }
    assert!(scratch.teardown(Some(instance)).await.is_clean());
}

pub fn by_id<'a>(all: &'a [CheckResult], id: &str) -> &'a CheckResult {
    all.iter().find(|c| c.id == id).unwrap_or_else(|| panic!("no {id}"))
}
