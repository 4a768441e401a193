//! A database with everything in it: dumped and restored by PostgreSQL's own
//! programs, it is what it was; with anything changed in it, it is not.

use pgseal::checks::{self, CheckResult, Outcome, Subject};
use pgseal::scratch::{Instance, Scratch, Session};
use pgseal::source::facts::{DatabaseFacts, Facts};
use pgseal::source::large_objects;
use pgseal::source::{catalog, inventory, probe};
use pgseal::types::Kind;

use crate::support::{bindir, fresh, start, top};

const RICH: &str = include_str!("rich.sql");

async fn run(session: &Session, sql: &str) {
    session.client().batch_execute(sql).await.unwrap_or_else(|e| panic!("{}: {e:?}", sql.chars().take(200).collect::<String>()));
}

/// What a backup would seal, read by what reads it at backup time.
async fn facts_of(instance: &Instance, database: &str) -> Facts {
    let session = instance.connect(database).await.unwrap();
    let mut facts: DatabaseFacts = catalog::database(&session).await.unwrap();
    facts.inventory = Some(inventory::read(&session).await.unwrap());
    let (number, digest) = large_objects::content(&session).await.unwrap();
    assert_eq!(number, facts.large_objects);
    facts.large_object_digest = Some(digest);
    let mut all = crate::checks::facts();
    all.databases = vec![facts];
    all.roles = probe::roles(&session).await.unwrap();
    all.memberships = Some(probe::memberships(&session).await.unwrap());
    all
}

/// Replaces the database by a dump of itself.
async fn round_trip(scratch: &Scratch, instance: &Instance) {
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
    done(tool("pg_dump").args(["-Fc", "-d", "rich", "-f"]).arg(file.clone().into_os_string())).await;
    let admin = instance.connect_writable("postgres").await.unwrap();
    run(&admin, "drop database rich").await;
    done(
        tool("pg_restore")
            .args(["--exit-on-error", "--create", "-d", "postgres"])
            .arg(file.clone().into_os_string()),
    )
    .await;
    std::fs::remove_file(file).unwrap();
}

fn by_id<'a>(all: &'a [CheckResult], id: &str) -> &'a CheckResult {
    all.iter().find(|c| c.id == id).unwrap_or_else(|| panic!("no {id}"))
}

/// Check, what breaks it, the object and what is said of it.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("INT-SCHEMA", "alter table \"s 1\".base alter late set default 5", "table: \"s 1\".base", "column late: default changed"),
    ("INT-SCHEMA", "alter table \"s 1\".base alter late drop default", "table: \"s 1\".base", "column late: default missing"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_rich_database_survives_and_every_change_is_named() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    run(&instance.connect_writable("postgres").await.unwrap(), "create database rich template template0").await;
    run(&instance.connect_writable("rich").await.unwrap(), RICH).await;
    let facts = facts_of(&instance, "rich").await;
    let inventory = facts.databases[0].inventory.as_ref().unwrap();
    for (name, o) in &inventory.objects { println!("{name} {o:?}"); }
    for (name, o) in &inventory.grants { println!("{name} {o:?}"); }
    for (name, o) in &inventory.default_grants { println!("{name} {o:?}"); }
    for (name, o) in &inventory.row_security { println!("{name} {o:?}"); }
    println!("{:?}\n{:?}", inventory.constraints, inventory.collations);
    round_trip(&scratch, &instance).await;

    let bindir = bindir();
    let jail = scratch.jail().clone();
    let subject = Subject { instance: &instance, facts: &facts, bindir: &bindir, jail: &jail, jobs: 2 };
    for c in checks::run(&subject, Kind::Logical, &[]).await {
        println!("{} {:?} {}/{} {:?} {:#?}", c.id, c.outcome, c.examined, c.present, c.reason, c.findings);
    }
    let _ = (CASES, by_id, Outcome::Pass);
    assert!(scratch.teardown(Some(instance)).await.is_clean());
}
