//! DRIFT, and ages.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use pgseal::checks::{CheckResult, Outcome};
use pgseal::exposure::drift::{Before, History, Past, Telling};
use pgseal::exposure::outcome::{RULESET, ReachRow};
use pgseal::exposure::server::{Verifier, VerifierKind};
use pgseal::exposure::{Look, Plane, Policy, Server, catalogue};
use pgseal::source::facts::{DatabaseFacts, RoleFacts};
use pgseal::source::posture::{AccessFiles, DatabaseEntry, SessionFacts, SettingFacts};
use pgseal::source::{ConnParams, Session, catalog, inventory, probe};
use pgseal::types::{Known, PgVersion};

use crate::exposure::pg::PgServer;

mod looked;
mod looks;

const KEY: [u8; 32] = [7; 32];

fn telling() -> Telling<'static> {
    Telling::new(&KEY)
}

fn now() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

fn days_ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

/// A server with these roles, and a posture that knows nothing but settings and databases.
fn server(roles: &[RoleFacts]) -> Server {
    let mut server = Server::new(Plane::Posture, PgVersion(150_018), roles.to_vec(), Vec::new());
    let setting = |value: &str| SettingFacts { value: Some(value.to_owned()), ..SettingFacts::default() };
    let settings = [
        ("ssl", "off"),
        ("listen_addresses", "*"),
        ("shared_preload_libraries", ""),
        ("session_preload_libraries", ""),
        ("local_preload_libraries", ""),
    ];
    let all: BTreeMap<String, SettingFacts> = settings.iter().map(|(n, v)| ((*n).to_owned(), setting(v))).collect();
    server.posture.settings = Known::Yes(all);
    let database = |name: &str| DatabaseEntry {
        name: name.to_owned(),
        owner: "postgres".to_owned(),
        template: false,
        connectable: true,
        grants: Vec::new(),
    };
    server.posture.databases = Known::Yes(vec![database("shop")]);
    server
}

fn role(name: &str) -> RoleFacts {
    RoleFacts {
        name: name.to_owned(),
        superuser: false,
        inherit: true,
        create_role: false,
        create_db: false,
        login: true,
        replication: false,
        bypass_rls: false,
        connection_limit: -1,
        valid_until: None,
        member_of: Vec::new(),
        settings: Vec::new(),
        more: None,
    }
}

/// What a look saw of a server.
struct World {
    server: Server,
    databases: Vec<DatabaseFacts>,
}

impl World {
    fn of(server: Server) -> Self {
        Self { server, databases: Vec::new() }
    }

    /// A real server with these databases.
    async fn read(pg: &PgServer, databases: &[&str]) -> Self {
        let session = session(pg, "postgres").await;
        let (roles, members) = (probe::roles(&session).await.unwrap(), probe::memberships(&session).await.unwrap());
        let known = server(&roles).posture;
        let version = probe::version(&session).await.unwrap();
        let server = Server { posture: known, ..Server::new(Plane::Posture, version, roles, members) };
        let mut world = Self::of(server);
        for name in databases {
            let session = self::session(pg, name).await;
            let facts = catalog::database(&session).await.unwrap();
            world.databases.push(DatabaseFacts { inventory: Some(inventory::read(&session).await.unwrap()), ..facts });
        }
        world
    }

    fn before(self) -> Before {
        Before { at: days_ago(7), server: self.server, databases: self.databases }
    }
}

async fn session(pg: &PgServer, database: &str) -> Session {
    ConnParams::for_socket(pg.socket_dir(), pg.port(), "postgres", database).connect_read_only("test").await.unwrap()
}

/// Earlier looks, and what is told of data.
#[derive(Default)]
struct Rest<'a> {
    past: &'a [Past],
    reach: &'a [ReachRow],
}

fn look(id: &str, now_is: &World, before: Option<&Before>, rest: &Rest<'_>, policy: &Policy) -> CheckResult {
    let check = catalogue::find(id).unwrap();
    let history = History {
        now: &now_is.server,
        databases: Known::Yes(&now_is.databases),
        before: before.map_or_else(|| Known::no("no earlier backup was drilled"), Known::Yes),
        past: rest.past,
        reach: rest.reach,
        telling: telling(),
        at: now(),
    };
    let Look::History(looked) = check.look else { panic!("{id} does not look at history") };
    looked(&history, policy).judged(&check.about, None)
}

fn drifted(id: &str, then: World, now_is: &World) -> CheckResult {
    look(id, now_is, Some(&then.before()), &Rest::default(), &Policy::default())
}

#[track_caller]
fn found(result: &CheckResult, wanted: &[(&str, &str)]) {
    let mut is: Vec<&str> = result.findings.iter().map(|f| f.object.as_str()).collect();
    let mut objects: Vec<&str> = wanted.iter().map(|w| w.0).collect();
    is.sort_unstable();
    objects.sort_unstable();
    assert_eq!(is, objects, "{result:#?}");
    for (object, word) in wanted {
        let f = result.findings.iter().find(|f| f.object == *object).unwrap();
        assert!(f.message.contains(word), "{object}: {word}: {}", f.message);
    }
}

#[track_caller]
fn silent(result: &CheckResult) {
    assert_eq!((result.outcome, result.findings.len()), (Outcome::Pass, 0), "{result:#?}");
    assert!(result.examined > 0, "{result:#?}");
}

const WORST_NAME: &str = "h\"'\n<b>\u{1b}[1m";

/// What of it the server allows.
static HOSTILE: LazyLock<String> = LazyLock::new(|| crate::exposure::pg::allowed(WORST_NAME));

const SHOP: &str = "
    CREATE ROLE app LOGIN; CREATE ROLE ops LOGIN; CREATE ROLE dba LOGIN; CREATE ROLE gone LOGIN SUPERUSER;
    CREATE ROLE \"group\"; GRANT \"group\" TO app;
    CREATE TABLE open_t (id int, tenant_id int); CREATE TABLE rls (id int); CREATE TABLE quiet (id int);
    ALTER TABLE rls ENABLE ROW LEVEL SECURITY; ALTER TABLE rls FORCE ROW LEVEL SECURITY;
    CREATE POLICY mine ON rls USING (id = 1); CREATE POLICY bounded ON rls AS RESTRICTIVE USING (id < 100);
    ALTER TABLE quiet ENABLE ROW LEVEL SECURITY; CREATE POLICY same ON quiet USING (id = 1);
    CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'select 1';
    CREATE FUNCTION shut() RETURNS int LANGUAGE sql AS 'select 1'; REVOKE EXECUTE ON FUNCTION shut() FROM PUBLIC;
    CREATE FUNCTION sd() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'select 1';
    CREATE VIEW dropped AS SELECT 1 AS one;";

const CHANGED: &str = "
    ALTER ROLE app BYPASSRLS; GRANT pg_read_all_data TO \"group\"; ALTER ROLE gone NOSUPERUSER; ALTER ROLE dba SUPERUSER;
    CREATE ROLE evil LOGIN REPLICATION; GRANT postgres TO ops;
    GRANT SELECT ON open_t TO PUBLIC; GRANT EXECUTE ON FUNCTION shut() TO PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
    ALTER TABLE rls DISABLE ROW LEVEL SECURITY; ALTER TABLE rls NO FORCE ROW LEVEL SECURITY;
    ALTER POLICY mine ON rls USING (true); DROP POLICY bounded ON rls; CREATE POLICY more ON quiet USING (true);
    ALTER FUNCTION plain() SECURITY DEFINER; CREATE OR REPLACE FUNCTION sd() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'select 2';
    DROP VIEW dropped; CREATE TABLE fresh (id int);
    CREATE EXTENSION file_fdw; CREATE SERVER peer FOREIGN DATA WRAPPER file_fdw; CREATE PUBLICATION pub FOR TABLE fresh;
    CREATE FUNCTION hook() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end'; CREATE EVENT TRIGGER ev ON ddl_command_end EXECUTE FUNCTION hook();";

#[tokio::test]
async fn what_changed_in_a_real_server_is_told_and_what_did_not_is_silent() {
    let pg = PgServer::start(&crate::exposure::pg::bindir(), &[("wal_level", "logical")]);
    pg.psql("postgres", "CREATE DATABASE shop");
    pg.psql("shop", SHOP);
    let ids = ["EXP-DRIFT-001", "EXP-DRIFT-003", "EXP-DRIFT-004"];
    let same = World::read(&pg, &["shop"]).await;
    for id in ids {
        silent(&drifted(id, World::read(&pg, &["shop"]).await, &same));
    }
    let then = same.before();
    pg.psql("shop", CHANGED);
    let hostile = format!("CREATE ROLE \"{}\" LOGIN SUPERUSER", HOSTILE.replace('"', "\"\""));
    pg.psql("shop", &hostile);
    let now_is = World::read(&pg, &["shop"]).await;
    let policy = Policy {
        expect: pgseal::exposure::policy::Expect { admins: Some(vec!["dba".into()]), ..Default::default() },
        ..Policy::default()
    };
    let of = |id| look(id, &now_is, Some(&then), &Rest::default(), &policy);
    let default_acl = "default acl for role postgres on tables";
    let powers = of("EXP-DRIFT-001");
    found(
        &powers,
        &[
            (
                "role app",
                "it gained BYPASSRLS; it now has what pg_read_all_data may do, through group, pg_read_all_data",
            ),
            ("role evil", "it is new, with REPLICATION"),
            ("role ops", "it can now become a superuser through postgres"),
            (&format!("role {}", *HOSTILE), "it is new, with SUPERUSER"),
            ("database shop: table public.open_t", "PUBLIC has now SELECT"),
            ("database shop: function public.shut()", "PUBLIC may use it again"),
            ("database shop: table public.fresh", "PUBLIC has now SELECT"),
            (&format!("database shop: {default_acl}"), "of everything new PUBLIC gets now SELECT"),
            ("database shop: table public.rls", "row security was switched off; row security is no longer forced"),
            ("database shop: policy mine on public.rls", "its USING changed"),
            ("database shop: policy bounded on public.rls", "this restrictive policy is gone"),
            ("database shop: policy more on public.quiet", "lets more rows through"),
            ("database shop: function public.plain()", "it now runs as postgres"),
        ],
    );
    found(
        &of("EXP-DRIFT-003"),
        &[
            ("database shop: extension file_fdw", "was added"),
            ("database shop: server peer", "it was added"),
            ("database shop: event trigger ev", "it was added"),
            ("database shop: publications", "there are 1, there were 0"),
        ],
    );
    let schema = of("EXP-DRIFT-004");
    found(
        &schema,
        &[
            ("database shop", "gone (view: public.dropped)"),
            ("database shop: function public.sd()", "its body changed"),
        ],
    );
    assert!(schema.findings.iter().any(|f| f.message.contains("new (") && f.message.contains("table: public.fresh")));
    // The other way round: what was taken away is no gain.
    let back = look(
        "EXP-DRIFT-001",
        &World { server: then.server, databases: then.databases },
        Some(&now_is.before()),
        &Rest::default(),
        &policy,
    );
    found(
        &back,
        &[("role gone", "it gained SUPERUSER"), ("database shop: policy mine on public.rls", "its USING changed")],
    );
}

#[test]
fn without_an_earlier_backup_nothing_is_compared() {
    let world = World::of(server(&[role("app")]));
    for id in ["EXP-DRIFT-001", "EXP-DRIFT-002", "EXP-DRIFT-003", "EXP-DRIFT-004"] {
        let result = look(id, &world, None, &Rest::default(), &Policy::default());
        assert_eq!(result.outcome, Outcome::NotEvaluated, "{id}");
        assert!(result.reason.unwrap().contains("no earlier backup was drilled"), "{id}");
    }
}

/// A world with these access rules.
fn ruled(rules: &str, names: &[&str]) -> World {
    let mut server = server(&names.iter().map(|n| role(n)).collect::<Vec<_>>());
    let texts = BTreeMap::from([("/hba".to_owned(), rules.to_owned())]);
    server.posture.hba = Known::Yes(AccessFiles { path: "/hba".to_owned(), texts, ..AccessFiles::default() });
    World::of(server)
}

#[test]
fn ways_in_that_opened_are_told_and_edits_without_effect_are_not() {
    let then = "host shop app 10.0.0.0/16 scram-sha-256\nhost all all 192.168.0.0/24 scram-sha-256\n";
    let said = |now_is: &str| drifted("EXP-DRIFT-002", ruled(then, &["app", "ops"]), &ruled(now_is, &["app", "ops"]));
    silent(&said(then));
    // Other order, split in two, a comment, a rule that is never first, one that takes away.
    silent(&said(
        "# x\nhost all all 192.168.0.0/24 scram-sha-256\nhost shop app 10.0.0.0/17 scram-sha-256\nhost shop app 10.0.128.0/17 scram-sha-256\n",
    ));
    silent(&said(&format!("{then}host shop app 10.0.7.0/24 trust\n")));
    silent(&said("host shop app 10.0.0.0/16 scram-sha-256\n"));
    let wider = said(&then.replace("10.0.0.0/16", "10.0.0.0/15"));
    found(&wider, &[("rule host shop app 10.0.0.0/15 scram-sha-256", "from 65536 private addresses")]);
    assert!(wider.findings[0].message.contains(": app, to shop"), "{wider:#?}");
    found(
        &said(&format!("{then}host shop ops 10.0.0.0/16 scram-sha-256\n")),
        &[("rule host shop ops 10.0.0.0/16 scram-sha-256", "ops, to shop")],
    );
    // A weaker method, first for a few.
    let weaker = said(&format!("host shop app 10.0.7.0/24 trust\n{then}"));
    found(&weaker, &[("rule host shop app 10.0.7.0/24 trust", "from 256 private addresses")]);
    found(&said(&format!("local all all peer\n{then}")), &[("rule local all all peer", "over the socket")]);
    // Whom it fits is not known here.
    found(
        &said(&format!("{then}host all all db.example.org trust\n")),
        &[("rule host all all db.example.org trust", "not known here")],
    );
}

#[test]
fn new_roles_gain_by_new_rules_only_and_listening_wider_is_told() {
    let rules = "host all all 10.0.0.0/16 scram-sha-256\n";
    silent(&drifted("EXP-DRIFT-002", ruled(rules, &["app"]), &ruled(rules, &["app", "new"])));
    let more = format!("host all new 0.0.0.0/0 trust\n{rules}");
    let told = drifted("EXP-DRIFT-002", ruled(rules, &["app"]), &ruled(&more, &["app", "new"]));
    found(&told, &[("rule host all new 0.0.0.0/0 trust", "new, to shop")]);
    let mut near = ruled(rules, &["app"]);
    if let Known::Yes(settings) = &mut near.server.posture.settings {
        settings.get_mut("listen_addresses").unwrap().value = Some("localhost".to_owned());
    }
    found(&drifted("EXP-DRIFT-002", near, &ruled(rules, &["app"])), &[("setting listen_addresses", "does now")]);
    // Rules that cannot be read are no pass.
    let broken = drifted("EXP-DRIFT-002", ruled("nonsense\n", &["app"]), &ruled(rules, &["app"]));
    assert_eq!(broken.outcome, Outcome::NotEvaluated);
    let unknown = drifted("EXP-DRIFT-002", World::of(server(&[role("app")])), &ruled(rules, &["app"]));
    assert_eq!(unknown.outcome, Outcome::NotEvaluated);
}

/// An earlier look that knows nothing but its time.
fn past(days: i64) -> Past {
    Past {
        at: days_ago(days),
        ruleset: RULESET,
        planes: vec![Plane::Copy],
        saw: BTreeSet::new(),
        findings: BTreeMap::new(),
        credentials: BTreeMap::new(),
        classes: None,
        networks: None,
    }
}

#[test]
fn old_passwords_are_told_and_those_of_unknown_age_are_no_pass() {
    let mut world = World::of(server(&[role("old"), role("fresh"), RoleFacts { superuser: true, ..role("dba") }]));
    let verifier = |role: &str, tag: &str| Verifier {
        role: role.to_owned(),
        kind: VerifierKind::Scram { iterations: 4096 },
        tag: tag.to_owned(),
        salt_tag: None,
        guessed: None,
    };
    let with = |days: i64, credentials: &[(&str, i64)]| Past {
        credentials: credentials.iter().map(|(t, d)| ((*t).to_owned(), days_ago(*d))).collect(),
        ..past(days)
    };
    let mut said = |verifiers: &[(&str, &str)], past: &[Past]| {
        world.server.verifiers = Known::Yes(verifiers.iter().map(|(r, t)| verifier(r, t)).collect());
        look("EXP-AUTH-004", &world, None, &Rest { past, ..Rest::default() }, &Policy::default())
    };
    let looks = [with(400, &[("a", 400), ("d", 400)]), with(100, &[("a", 400), ("s", 100)])];
    let told = said(&[("old", "a"), ("fresh", "b"), ("dba", "s")], &looks);
    found(
        &told,
        &[
            ("role old", "at least 400 days (2 looks)"),
            ("role dba", "at least 100 days (1 looks), and the role is a superuser"),
        ],
    );
    assert_eq!((told.present, told.examined, told.reason), (3, 3, None));
    silent(&said(&[("old", "new"), ("fresh", "b")], &looks));
    // The first look is too young to say anything of what it saw.
    let young = said(&[("old", "a"), ("fresh", "b")], &[with(30, &[("a", 30)])]);
    assert_eq!((young.outcome, young.examined), (Outcome::NotEvaluated, 1), "{young:#?}");
    assert_eq!(said(&[("old", "a")], &[]).outcome, Outcome::NotEvaluated);
    assert_eq!(said(&[], &looks).outcome, Outcome::NotApplicable);
}

/// Facts of a backup of an older version say who is a member, and have no posture.
#[test]
fn an_old_backup_is_compared_as_far_as_it_goes() {
    let facts = serde_json::json!({
        "format": "pgseal-facts", "version": 1,
        "server": { "version_num": 150_018, "version": "", "system_identifier": "1", "timeline": 1, "in_recovery": false,
            "data_checksums": true, "bootstrap_superuser": "postgres", "settings": {}, "preload_libraries": [], "host": "h",
            "role": "backup" },
        "databases": [],
        "roles": [
            { "name": "app", "superuser": false, "inherit": true, "create_role": false, "create_db": false, "login": true,
              "replication": false, "bypass_rls": false, "connection_limit": -1, "valid_until": null,
              "member_of": ["pg_monitor"], "settings": [] }],
        "streams": {}, "physical": null, "warnings": [],
    });
    let before = Before::of(serde_json::from_value(facts).unwrap(), days_ago(7));
    assert!(before.server.powers.can_become("app", "pg_monitor"));
    let now_is = World::of(server(&[role("app")]));
    silent(&look("EXP-DRIFT-001", &now_is, Some(&before), &Rest::default(), &Policy::default()));
    for id in ["EXP-DRIFT-002", "EXP-DRIFT-003", "EXP-DRIFT-004"] {
        assert_eq!(
            look(id, &now_is, Some(&before), &Rest::default(), &Policy::default()).outcome,
            Outcome::NotEvaluated,
            "{id}"
        );
    }
}
