//! What is gathered of a server.

use std::process::Command;

use pgseal::exposure::{Plane, Server};
use pgseal::hba;
use pgseal::source::posture::{AccessWay, Posture, RoleSetting};
use pgseal::source::{ConnParams, Session, posture};

use crate::exposure::fixture::Client;
use crate::exposure::pg::{PgServer, bindir, done, major, predefined, put};

/// The first line lets the tests in; the second has a file inside and a password.
const HBA: &str = "local all all trust\n\
    host shop @app-roles 10.0.0.0/8 ldap ldapserver=10.0.0.1 ldapbasedn=o \\\n  ldapbindpasswd=hidden-in-hba\n\
    hostssl \"all\" +ops 192.0.2.0 255.255.255.0 scram-sha-256 # hidden radiussecrets=hidden-in-comment\n\
    host all \"odd, role\" samenet reject\n";

/// A method that this build has, and its secret option: 16 of the tests has no LDAP, 19 no
/// RADIUS any more.
fn method() -> (&'static str, &'static str) {
    let built = done(Command::new(bindir().join("pg_config")).arg("--configure"), "pg_config").stdout;
    let ldap = String::from_utf8(built).unwrap().contains("with-ldap");
    if ldap { ("ldap", "ldapbindpasswd") } else { ("radius", "radiussecrets") }
}

/// Lines go on behind a backslash from 14 on.
fn hba() -> String {
    let hba = if major() >= 14 { HBA.to_owned() } else { HBA.replace("\\\n", "") };
    let (method, secret) = method();
    if method == "ldap" {
        return hba;
    }
    let radius = hba.replace("ldap ldapserver=10.0.0.1 ldapbasedn=o", "radius radiusservers=10.0.0.1");
    radius.replace("ldapbindpasswd", secret)
}

fn server() -> PgServer {
    let settings = [("archive_mode", "on"), ("archive_command", "echo key=hidden-in-command >/dev/null")];
    let pg = PgServer::start_with(&bindir(), &settings, &[], |data| {
        put(&data.join("pg_hba.conf"), &hba());
        put(&data.join("app-roles"), "app, \"odd, role\"\n");
    });
    pg.psql(
        "postgres",
        &predefined(
            "create role app login password 'x'; create role ops; create role \"odd, role\";
         create role dump login; grant pg_read_all_data to dump;
         create role monitor login; grant pg_monitor to monitor;
         create role viewer login; grant execute on function pg_hba_file_rules() to viewer;
         alter role app set statement_timeout = '5s'; alter role app set app.token = 'hidden-in-role-7Kq2X9';",
        ),
    );
    pg.psql("postgres", "create database shop owner app");
    pg.psql("postgres", "alter database shop set search_path = public; revoke temp on database shop from public");
    pg
}

async fn session(pg: &PgServer, role: &str) -> Session {
    let conn = ConnParams::for_socket(pg.socket_dir(), pg.port(), role, "postgres");
    conn.connect_read_only("test").await.unwrap()
}

async fn seen_by(pg: &PgServer, role: &str) -> Posture {
    posture::read(&session(pg, role).await).await
}

fn unknown(posture: &Posture) -> Vec<&'static str> {
    posture.unknown().into_iter().map(|(what, _)| what).collect()
}

/// The rules as the server's own reader would have them.
fn rules(posture: &Posture) -> Vec<String> {
    let config = hba::parse(&posture.hba.get().unwrap().files(), major());
    assert!(config.errors.is_empty() && config.is_complete(), "{config:?}");
    config.rules.iter().map(hba::Rule::canonical).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_what_it_may_and_the_rest_is_not_known() {
    let pg = server();
    let till = Client::connect(&pg, "app", "shop", "till");
    let all = seen_by(&pg, "postgres").await;
    assert_eq!(unknown(&all), Vec::<&str>::new(), "{all:#?}");
    let now = jiff::Timestamp::now();
    assert!(all.taken_at <= now && now.duration_since(all.taken_at).as_secs() < 60);

    // Settings: no secret, and nothing that only our session has.
    let settings = all.settings.get().unwrap();
    assert_eq!(settings["archive_command"].value, None);
    assert!(!settings["archive_command"].is_default);
    assert_eq!(settings["archive_mode"].value.as_deref(), Some("on"));
    assert_eq!(settings["shared_buffers"].unit.as_deref(), Some("8kB"));
    assert_eq!(settings["search_path"].value, None, "ours, not the server's");
    assert!(settings["search_path"].is_own() && settings["work_mem"].is_default);
    let entry = |role: Option<&str>, database: Option<&str>, name: &str, value: Option<&str>| RoleSetting {
        role: role.map(str::to_owned),
        database: database.map(str::to_owned),
        name: name.into(),
        value: value.map(str::to_owned),
        secret: None,
    };
    let role_settings = all.role_settings.get().unwrap();
    assert!(role_settings.contains(&entry(Some("app"), None, "statement_timeout", Some("5s"))), "{role_settings:?}");
    assert!(role_settings.contains(&entry(None, Some("shop"), "search_path", Some("public"))), "{role_settings:?}");
    let token = role_settings.iter().find(|s| s.name == "app.token").unwrap();
    assert!(token.value.is_none() && token.secret.is_some(), "{token:?}");

    // Access rules with the file inside, without the passwords.
    let files = all.hba.get().unwrap();
    assert_eq!(files.way, AccessWay::Server);
    assert_eq!(files.path, pg.data_dir().join("pg_hba.conf").display().to_string());
    assert_eq!(files.texts.len(), 2, "{files:#?}");
    let secrets: Vec<(u32, &str)> = files.secrets.iter().map(|s| (s.1, s.2.as_str())).collect();
    let later = if major() >= 14 { 4 } else { 3 };
    assert_eq!(secrets, [(2, method().1), (later, "radiussecrets")]);
    assert_eq!(rules(&all).len(), 4);
    let loaded = all.hba_loaded.get().unwrap();
    assert!(loaded.errors.is_empty() && loaded.loaded_at.unwrap() >= loaded.changed_at.unwrap());
    assert!(!all.ident.get().unwrap().texts.is_empty());

    // Databases, sessions, holdings.
    let shop = all.databases.get().unwrap().iter().find(|d| d.name == "shop").unwrap();
    assert_eq!((shop.owner.as_str(), shop.template, shop.connectable), ("app", false, true));
    let to_public: Vec<&str> = shop.grants.iter().filter(|g| g.0.is_none()).map(|g| g.1.as_str()).collect();
    assert_eq!(to_public, ["CONNECT"]);
    let sessions = all.sessions.get().unwrap();
    let seen = sessions.iter().find(|s| s.application == "till").unwrap();
    assert_eq!((seen.role.as_deref(), seen.database.as_deref(), seen.count), (Some("app"), Some("shop"), 1));
    assert_eq!((seen.address, seen.tls, seen.backend.as_str()), (None, Some(false), "client backend"));
    assert!(sessions.iter().all(|s| s.application != "test"), "our own session is not told");
    let holding = |role: &str| {
        let of = all.holdings.get().unwrap().iter().find(|h| h.role == role).unwrap();
        (of.owns, of.granted)
    };
    assert_eq!((holding("app"), holding("viewer"), holding("dump")), ((true, false), (false, true), (false, false)));
    assert!(all.available_extensions.get().unwrap().contains_key("plpgsql"));
    let told = format!("{all:?}{}", serde_json::to_string(&all).unwrap());
    assert!(!told.contains("hidden-in"), "a secret was kept");
    assert_eq!(serde_json::from_str::<Posture>(&serde_json::to_string(&all).unwrap()).unwrap(), all);

    // A role that dumps sees no more than its own sessions, and no file.
    let dump = seen_by(&pg, "dump").await;
    assert_eq!(unknown(&dump), ["pg_hba.conf", "pg_ident.conf", "loaded rules", "sessions", "replication"]);
    assert!(!dump.settings.get().unwrap().contains_key("hba_file"));
    assert_eq!((&dump.databases, &dump.holdings), (&all.databases, &all.holdings));

    // One that monitors learns where the file is; it lies on this host.
    let monitor = seen_by(&pg, "monitor").await;
    assert_eq!(unknown(&monitor), ["loaded rules"]);
    let local = monitor.hba.get().unwrap();
    assert_eq!((local.way, &local.texts, &local.secrets), (AccessWay::Host, &files.texts, &files.secrets));

    // One that was granted the view has the rules from there.
    let viewer = seen_by(&pg, "viewer").await;
    let view = viewer.hba.get().unwrap();
    assert_eq!(view.way, AccessWay::View);
    let as_view = |rules: Vec<String>| rules.into_iter().map(|r| r.replace("\"all\"", "all")).collect::<Vec<_>>();
    assert_eq!(rules(&viewer), as_view(rules(&all)));
    assert!(!format!("{viewer:?}").contains("hidden-in"));
    assert!(viewer.hba_loaded.get().is_ok());

    drop(till);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_server_would_refuse_is_told_with_its_line() {
    let pg = server();
    put(
        &pg.data_dir().join("pg_hba.conf"),
        &format!("{}host all all nonsense\nhost all all all {} x hidden-word\n", hba(), method().0),
    );
    // Its times have whole seconds only.
    let later = std::time::SystemTime::now() + std::time::Duration::from_hours(1);
    std::fs::File::options().write(true).open(pg.data_dir().join("pg_hba.conf")).unwrap().set_modified(later).unwrap();
    let all = seen_by(&pg, "postgres").await;
    let loaded = all.hba_loaded.get().unwrap();
    let lines = if major() >= 14 { [6, 7] } else { [5, 6] };
    assert_eq!(loaded.errors.iter().map(|e| e.1).collect::<Vec<_>>(), lines, "{loaded:?}");
    assert!(loaded.changed_at.unwrap() > loaded.loaded_at.unwrap());
    assert!(loaded.errors[1].2.contains("name=value") && !format!("{loaded:?}").contains("hidden-word"), "{loaded:?}");
    // The session lives on, in no transaction and able to ask.
    let viewer = seen_by(&pg, "viewer").await;
    assert_eq!(hba::parse(&viewer.hba.get().unwrap().files(), major()).errors.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_neither_the_reading_nor_the_session() {
    let pg = server();
    pg.psql("postgres", "revoke select on pg_shdepend, pg_db_role_setting from public");
    let session = session(&pg, "viewer").await;
    let posture = posture::read(&session).await;
    let why: Vec<_> = posture.unknown().into_iter().filter(|u| u.0.contains("of roles")).collect();
    assert_eq!(
        why,
        [
            ("settings of roles", "the role may not read the settings of roles and databases"),
            ("holdings of roles", "the role may not read what belongs to roles"),
        ]
    );
    assert!(posture.databases.get().is_ok() && posture.available_extensions.get().is_ok());
    // The session is still there, in no transaction.
    session.client().simple_query("select 1").await.unwrap();
    let left = "select count(*) from pg_stat_activity where state like 'idle in transaction%'";
    assert_eq!(pg.psql("postgres", left), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_server_is_gathered_with_its_roles() {
    let pg = server();
    let live = Server::live(&session(&pg, "dump").await).await.unwrap();
    assert_eq!((live.plane, live.bootstrap.as_str(), live.in_recovery), (Plane::Live, "postgres", false));
    assert_eq!(live.backup_role.as_deref(), Some("dump"));
    assert_eq!(live.version.major(), major());
    assert!(live.role("app").is_some() && live.powers.can_become("monitor", "pg_monitor"));
    assert!(live.verifiers.get().is_err());
    let why = live.value("search_path").unwrap_err();
    assert!(why.contains("of its own"), "{why}");
}
