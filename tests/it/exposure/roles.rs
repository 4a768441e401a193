//! ROLE, AUTH, and TOOL-004.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use pgseal::checks::{CheckResult, Outcome, Severity};
use pgseal::exposure::roles::passwords::verifier::Guessing;
use pgseal::exposure::run::Sightings;
use pgseal::exposure::{Database, Plane, Policy, Server};
use pgseal::source::facts::{Facts, PhysicalFacts};
use pgseal::source::{ConnParams, Session, posture, probe};
use pgseal::types::Digest;
use pgseal::types::text::{quote_ident, quote_literal};

use crate::exposure::fixture::{self, Client, found, of, severity, silent};
use crate::exposure::pg::{PgServer, allowed, major, predefined};

/// 63 bytes, as many as PostgreSQL keeps.
const WORST_NAME: &str = "a\"b'c<script>\n\u{1b}[31m$x$\\;--é/*012345678901234567890123456789xyz";

/// What of it the server allows.
static HOSTILE: LazyLock<String> = LazyLock::new(|| allowed(WORST_NAME));

const SINS: &str = "
    create role admin2 login superuser connection limit 5;
    create role ops; grant admin2 to ops;
    create role app login connection limit 5; grant ops to app;
    create role filer login connection limit 5; grant pg_execute_server_program to filer;
    create role loaders; grant pg_read_server_files to loaders;
    create role loader login noinherit connection limit 5; grant loaders to loader;
    create role reports bypassrls; create role reporter login noinherit connection limit 5; grant reports to reporter;
    create role mkrole login createrole connection limit 5;
    create role billing_rw;
    create role repl login replication superuser connection limit 5;
    create role repl2 login replication connection limit 5; grant billing_rw to repl2;
    create role standby login replication connection limit 5; grant pg_monitor to standby;
    create role dumper login connection limit 5; grant pg_read_all_data to dumper;
    create role writer login connection limit 5; grant pg_write_all_data to writer;
    create role backup login bypassrls connection limit 5; grant pg_read_all_data, pg_monitor to backup;
    create role dump login bypassrls connection limit 5; grant pg_read_all_data to dump;
    create role support login connection limit 5; grant billing_rw to support with admin option;
    create role till login connection limit 5; create role shop_owner;
    create role clerk login connection limit 5;
    create role alice login valid until '2020-01-01' connection limit 5;
    create role bob login valid until '2999-01-01' connection limit 5;
    create role legacy login connection limit 5;
    create role test login;
    create role rds_superuser; create role hosted login connection limit 5; grant rds_superuser to hosted;
    alter role till set password_encryption = 'md5';";

fn sinful() -> PgServer {
    let pg = fixture::server(&[("password_encryption", "md5"), ("authentication_timeout", "120s")]);
    pg.psql("postgres", &predefined(SINS));
    pg.psql("postgres", &format!("create role {} login superuser connection limit 5", quote_ident(&HOSTILE)));
    pg.psql("postgres", "create database shop");
    pg.psql("postgres", "grant connect on database shop to alice, bob, test");
    pg.psql(
        "shop",
        "create table by_till (a int); alter table by_till owner to till;
         create table by_owner (a int); alter table by_owner owner to shop_owner;
         create table by_super (a int); create view v as select 1;",
    );
    let hostile = quote_ident(&HOSTILE);
    pg.psql("shop", &format!("create table by_hostile (a int); alter table by_hostile owner to {hostile}"));
    pg
}

fn clean() -> PgServer {
    let settings = [("shared_preload_libraries", "auth_delay,passwordcheck"), ("password_encryption", "scram-sha-256")];
    let pg = fixture::server(&settings);
    pg.psql(
        "postgres",
        &predefined(
            "create role backup login bypassrls connection limit 5; grant pg_read_all_data, pg_monitor to backup;
         create role standby login replication connection limit 5; grant pg_monitor to standby;
         create role shop_owner; create role app_rw; create role app login connection limit 5; grant app_rw to app;
         create role dump login bypassrls connection limit 5; grant pg_read_all_data to dump;
         alter role app set password_encryption = 'scram-sha-256';",
        ),
    );
    pg.psql("postgres", "create database shop owner shop_owner");
    pg.psql("shop", "create table t (a int); alter table t owner to shop_owner; grant select, insert on t to app_rw;");
    pg
}

async fn session(pg: &PgServer, role: &str, database: &str) -> Session {
    let conn = ConnParams::for_socket(pg.socket_dir(), pg.port(), role, database);
    conn.connect_read_only("test").await.unwrap()
}

/// What the family says of a server and one database, as `role` sees them.
async fn live(pg: &PgServer, role: &str, policy: &Policy) -> Vec<CheckResult> {
    let session = session(pg, role, "shop").await;
    let server = Server::live(&session).await.unwrap();
    let mut seen = Sightings::default();
    seen.server(&server, policy);
    seen.database(&Database::new(&session, "shop", Plane::Live, &server, policy)).await;
    seen.results(None)
}

fn judged(server: &Server, policy: &Policy) -> Vec<CheckResult> {
    let mut seen = Sightings::default();
    seen.server(server, policy);
    seen.results(None)
}

#[track_caller]
fn outcome(results: &[CheckResult], id: &str, wanted: Outcome, why: &str) {
    let result = of(results, id);
    assert_eq!(result.outcome, wanted, "{id}: {result:#?}");
    assert!(result.reason.as_deref().unwrap_or_default().contains(why), "{id}: {result:#?}");
}

fn message<'a>(results: &'a [CheckResult], id: &str, object: &str) -> &'a str {
    of(results, id).findings.iter().find(|f| f.object == object).map_or("", |f| f.message.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn power_in_the_wrong_hands_is_found() {
    assert_eq!(HOSTILE.len(), 63);
    let pg = sinful();
    let hostile = format!("role {}", *HOSTILE);
    let _hands = Client::connect(&pg, "clerk", "shop", "psql");
    let _service = Client::connect(&pg, "clerk", "shop", "billing");
    let policy = Policy::default();
    let all = live(&pg, "backup", &policy).await;

    found(&all, "EXP-ROLE-001", &["role admin2", "role app", "role repl", &hostile]);
    assert_eq!(message(&all, "EXP-ROLE-001", "role app"), "app reaches SUPERUSER through ops, admin2");
    assert_eq!(severity(&all, "EXP-ROLE-001", "role app"), Severity::Critical);
    found(&all, "EXP-ROLE-002", &["role filer", "role loader"]);
    assert!(message(&all, "EXP-ROLE-002", "role loader").contains("through loaders, pg_read_server_files"));
    found(&all, "EXP-ROLE-003", &["role dump", "role reporter"]);
    found(&all, "EXP-ROLE-004", &["role mkrole"]);
    let create_role = if major() < 16 { Severity::High } else { Severity::Medium };
    assert_eq!(severity(&all, "EXP-ROLE-004", "role mkrole"), create_role);
    found(&all, "EXP-ROLE-005", &["role repl", "role repl2"]);
    if major() >= 14 {
        found(&all, "EXP-ROLE-006", &["role backup", "role dump", "role dumper", "role writer"]);
        assert_eq!(severity(&all, "EXP-ROLE-006", "role backup"), Severity::Info);
        assert_eq!(severity(&all, "EXP-ROLE-006", "role dumper"), Severity::High);
    }
    found(&all, "EXP-ROLE-007", &["role support: admin option for role billing_rw"]);
    let owners = ["database shop: role postgres", "database shop: role till", &format!("database shop: {hostile}")];
    found(&all, "EXP-ROLE-008", &owners);
    assert_eq!(of(&all, "EXP-ROLE-008").examined, 4);
    found(&all, "EXP-ROLE-009", &["role clerk"]);
    found(&all, "EXP-ROLE-010", &["role alice"]);
    found(&all, "EXP-ROLE-011", &["role legacy"]);
    found(&all, "EXP-ROLE-012", &["login roles: connection limit", "role test"]);
    assert!(message(&all, "EXP-ROLE-012", "login roles: connection limit").ends_with(": 1 (test)"));
    found(&all, "EXP-ROLE-013", &["role hosted"]);
    found(&all, "EXP-AUTH-003", &["role till: setting password_encryption", "setting password_encryption"]);
    found(&all, "EXP-AUTH-005", &["login delay", "password rules", "setting authentication_timeout"]);
    silent(&all, "EXP-TOOL-004");
    assert!(!all.iter().any(|r| r.id == "EXP-AUTH-001"), "a live server tells nothing of stored passwords");

    // As postgres, backups have more power than they need.
    found(&live(&pg, "postgres", &policy).await, "EXP-TOOL-004", &["role postgres"]);
    // What the backup role needs is judged by its own check, and its name is not everybody's.
    let as_dump = live(&pg, "dump", &policy).await;
    found(&as_dump, "EXP-ROLE-003", &["role backup", "role reporter"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_is_judged_by_it() {
    let pg = sinful();
    let mut policy = Policy::default();
    policy.expect.admins = Some(["postgres", "admin2", "repl", &HOSTILE, "hosted", "till"].map(str::to_owned).to_vec());
    policy.expect.services = Some(["app", "bob", "clerk", "legacy"].map(str::to_owned).to_vec());
    policy.expect.dump_role = Some("dumper".into());
    let all = live(&pg, "backup", &policy).await;
    found(&all, "EXP-ROLE-001", &["role app"]);
    silent(&all, "EXP-ROLE-013");
    found(&all, "EXP-ROLE-005", &["role repl2"]);
    found(&all, "EXP-TOOL-004", &["role backup"]);
    if major() >= 14 {
        assert_eq!(severity(&all, "EXP-ROLE-006", "role dumper"), Severity::Info);
    }
    // An administrator may own tables, but not one that is a superuser.
    let owners = ["database shop: role postgres", &format!("database shop: role {}", *HOSTILE)];
    found(&all, "EXP-ROLE-008", &owners);
    // legacy and clerk are services, and so are not asked what they are for.
    silent(&all, "EXP-ROLE-011");
    let ends: Vec<&str> = of(&all, "EXP-ROLE-010").findings.iter().map(|f| f.object.as_str()).collect();
    assert!(ends.contains(&"role alice") && ends.contains(&"role filer"), "{ends:?}");
    assert!(!ends.contains(&"role app") && !ends.contains(&"role bob") && !ends.contains(&"role backup"), "{ends:?}");

    policy.expect.admins = Some(vec!["admin2".into()]);
    let all = live(&pg, "backup", &policy).await;
    found(&all, "EXP-ROLE-001", &["role app", "role postgres", "role repl", &format!("role {}", *HOSTILE)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_server_is_silent_and_what_is_not_seen_is_no_pass() {
    let pg = clean();
    let _service = Client::connect(&pg, "app", "shop", "shop-api");
    // The other dump role is somebody else's backup.
    let mut policy = Policy::default();
    policy.expect.dump_role = Some("dump".into());
    let server = ["EXP-ROLE-001", "EXP-ROLE-002", "EXP-ROLE-003", "EXP-ROLE-004", "EXP-ROLE-005", "EXP-ROLE-007"];
    let habits = ["EXP-ROLE-008", "EXP-ROLE-010", "EXP-ROLE-012", "EXP-AUTH-003"];
    let all = live(&pg, "backup", &policy).await;
    for id in server.iter().chain(&habits).chain(&["EXP-ROLE-009", "EXP-ROLE-011", "EXP-AUTH-005"]) {
        silent(&all, id);
    }
    outcome(&all, "EXP-ROLE-013", Outcome::NotApplicable, "no group");

    // Without pg_monitor.
    let plain = live(&pg, "dump", &policy).await;
    for id in server.iter().chain(&habits).filter(|id| **id != "EXP-ROLE-003") {
        silent(&plain, id);
    }
    // Nothing says that the other one takes backups, too.
    found(&plain, "EXP-ROLE-003", &["role backup"]);
    silent(&plain, "EXP-TOOL-004");
    outcome(&plain, "EXP-ROLE-009", Outcome::NotEvaluated, "its own sessions only");
    outcome(&plain, "EXP-ROLE-011", Outcome::NotEvaluated, "its own sessions only");
    outcome(&plain, "EXP-AUTH-005", Outcome::NotEvaluated, "shared_preload_libraries");

    // What a role or client sets for itself says nothing of the others.
    pg.psql("postgres", "alter role backup set password_encryption = 'scram-sha-256'");
    let all = live(&pg, "backup", &policy).await;
    outcome(&all, "EXP-AUTH-003", Outcome::NotEvaluated, "of its own");

    // A silent database of its own is no pass.
    pg.psql("shop", "drop table t");
    outcome(&live(&pg, "backup", &policy).await, "EXP-ROLE-008", Outcome::NotApplicable, "no tables");
    pg.psql("shop", &predefined("revoke select on pg_shdepend from public; revoke pg_read_all_data from backup"));
    outcome(&live(&pg, "backup", &policy).await, "EXP-ROLE-011", Outcome::NotEvaluated, "may not read");
    outcome(&live(&pg, "backup", &policy).await, "EXP-ROLE-005", Outcome::NotEvaluated, "may not read");
}

/// Facts as a physical backup of this server would hold them.
async fn facts(pg: &PgServer) -> Facts {
    let session = fixture::session(pg, "shop").await;
    Facts {
        format: Facts::FORMAT.into(),
        version: 1,
        server: probe::server(&session).await.unwrap(),
        databases: vec![pgseal::source::catalog::database(&session).await.unwrap()],
        roles: probe::roles(&session).await.unwrap(),
        memberships: Some(probe::memberships(&session).await.unwrap()),
        settings_of_all: None,
        posture: Some(posture::read(&session).await),
        streams: BTreeMap::new(),
        physical: Some(PhysicalFacts {
            backup_manifest_sha256: Digest::of(b""),
            start_lsn: "0/1".parse().unwrap(),
            stop_lsn: "0/2".parse().unwrap(),
            timeline: 1,
            files: 1,
            bytes: 1,
            configured_by: None,
            steady: None,
        }),
        warnings: Vec::new(),
        left_out: Vec::new(),
        pinned: BTreeMap::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_posture_is_judged_as_the_server_was() {
    let pg = sinful();
    let facts: Facts = serde_json::from_slice(&serde_json::to_vec(&facts(&pg).await).unwrap()).unwrap();
    let policy = Policy::default();
    let then = Server::sealed(&facts);
    let sealed = judged(&then, &policy);
    let mut live = Server::live(&fixture::session(&pg, "shop").await).await.unwrap();
    // Who is connected is another matter a moment later.
    live.posture.sessions = then.posture.sessions.clone();
    let now = judged(&live, &policy);
    let said = |all: &[CheckResult]| {
        all.iter().map(|r| (r.id.clone(), r.outcome, r.findings.clone(), r.reason.clone())).collect::<Vec<_>>()
    };
    assert_eq!(said(&sealed), said(&now));

    // A backup of an older version has less to judge.
    let old = Facts { posture: None, memberships: None, ..facts };
    let old = judged(&Server::sealed(&old), &policy);
    found(&old, "EXP-ROLE-001", &["role admin2", "role app", "role repl", &format!("role {}", *HOSTILE)]);
    outcome(&old, "EXP-ROLE-009", Outcome::NotEvaluated, "kept no posture");
    outcome(&old, "EXP-AUTH-003", Outcome::NotEvaluated, "kept no posture");
    let reason = of(&old, "EXP-ROLE-010").reason.as_deref().unwrap();
    assert!(reason.contains("when the server was looked at"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_passwords_of_a_copy_are_judged_and_stay_there() {
    let pg = fixture::server(&[("password_encryption", "scram-sha-256")]);
    let strong = "correct-horse-battery-staple";
    pg.psql("postgres", "create database shop");
    pg.psql(
        "postgres",
        &format!(
            "set password_encryption = 'md5';
             create role old login password '{strong}'; create role old_group password '{strong}';
             create role lazy login password 'changeme';
             set password_encryption = 'scram-sha-256';
             create role boss login superuser password 'boss'; create role shopper login password 'shop';
             create role careful login password '{strong}'; create role twin1 login password '{strong}';
             create role cheap login password 'SCRAM-SHA-256$1000:c2FsdHNhbHQ=${zeros}:{zeros}';",
            zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
    );
    let verifier =
        |role: &str| pg.psql("postgres", &format!("select rolpassword from pg_authid where rolname = '{role}'"));
    let copied = verifier("twin1");
    pg.psql("postgres", &format!("create role twin2 login password {}", quote_literal(&copied)));
    let facts = facts(&pg).await;
    let session = fixture::session(&pg, "postgres").await;
    let policy = Policy::default();
    let copy = Server::copy(&facts, &session, &[1; 32], Guessing::Try).await.unwrap();
    assert_eq!(copy.plane, Plane::Copy);
    let all = judged(&copy, &policy);
    found(&all, "EXP-AUTH-001", &["role lazy", "role old", "role old_group"]);
    assert_eq!(severity(&all, "EXP-AUTH-001", "role old_group"), Severity::Low);
    found(&all, "EXP-AUTH-002", &["role boss", "role lazy", "role shopper"]);
    assert_eq!(severity(&all, "EXP-AUTH-002", "role boss"), Severity::Critical);
    assert_eq!(severity(&all, "EXP-AUTH-002", "role lazy"), Severity::High);
    assert!(of(&all, "EXP-AUTH-002").reason.is_none(), "all were tried");
    found(&all, "EXP-AUTH-006", &["role cheap", "roles twin1, twin2"]);

    // Nothing of it gets out: neither verifiers nor which guess fitted.
    let told = format!("{copy:?}{}", serde_json::to_string(&all).unwrap());
    for role in ["old", "lazy", "boss", "twin1"] {
        let stored = verifier(role);
        for part in stored.split(['$', ':']).filter(|p| p.len() > 8 && *p != "SCRAM-SHA-256") {
            assert!(!told.contains(part), "{role}: {part}");
        }
    }
    assert!(!told.contains("changeme\"") && !told.contains(strong));

    // The tag is the same for as long as the password was not set again, under one key.
    let tag = |server: &Server, role: &str| {
        server.verifiers.get().unwrap().iter().find(|v| v.role == role).unwrap().tag.clone()
    };
    pg.psql("postgres", &format!("alter role careful password '{strong}'"));
    let later = Server::copy(&facts, &session, &[1; 32], Guessing::Skip).await.unwrap();
    assert_eq!(tag(&copy, "boss"), tag(&later, "boss"));
    assert_ne!(tag(&copy, "careful"), tag(&later, "careful"));
    let other_key = Server::copy(&facts, &session, &[2; 32], Guessing::Skip).await.unwrap();
    assert_ne!(tag(&later, "boss"), tag(&other_key, "boss"));
    outcome(&judged(&later, &policy), "EXP-AUTH-002", Outcome::NotEvaluated, "not tried");
    let unwanted = Policy { guess_passwords: false, ..Policy::default() };
    outcome(&judged(&copy, &unwanted), "EXP-AUTH-002", Outcome::NotEvaluated, "guess_passwords");

    // A healthy copy, and copies that hold no passwords.
    pg.psql("postgres", "drop role old, old_group, lazy, boss, shopper, cheap, twin2");
    let healthy = Server::copy(&facts, &session, &[1; 32], Guessing::Try).await.unwrap();
    for id in ["EXP-AUTH-001", "EXP-AUTH-002", "EXP-AUTH-006"] {
        silent(&judged(&healthy, &policy), id);
    }
    pg.psql("postgres", "drop role careful, twin1");
    let none = Server::copy(&facts, &session, &[1; 32], Guessing::Try).await.unwrap();
    outcome(&judged(&none, &policy), "EXP-AUTH-001", Outcome::NotApplicable, "no role has");
    let logical = Facts { physical: None, ..facts };
    let unknown = Server::copy(&logical, &session, &[1; 32], Guessing::Try).await.unwrap();
    outcome(&judged(&unknown, &policy), "EXP-AUTH-001", Outcome::NotEvaluated, "no globals");
    let stream = serde_json::json!({ "database": null, "argv": ["pg_dumpall", "--no-role-passwords"], "tables": [] });
    let streams = BTreeMap::from([("s01".to_owned(), serde_json::from_value(stream).unwrap())]);
    let without = Server::copy(&Facts { streams, ..logical }, &session, &[1; 32], Guessing::Try).await.unwrap();
    outcome(&judged(&without, &policy), "EXP-AUTH-002", Outcome::NotEvaluated, "without stored passwords");
}
