//! HBA, NET and TLS.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use pgseal::checks::{CheckResult, Outcome, Severity};
use pgseal::exposure::{Policy, Server};
use pgseal::source::posture::SessionFacts;
use pgseal::types::Known;

use crate::exposure::fixture::{found, of, server_checks, severity, silent};
use crate::exposure::pg::{PgServer, bindir, done, own, predefined};

/// Roles and databases that the rules speak of.
const PEOPLE: &str = "CREATE ROLE app LOGIN; CREATE ROLE legacy LOGIN; CREATE ROLE repl LOGIN REPLICATION; \
     CREATE ROLE admin2 LOGIN; CREATE ROLE dba SUPERUSER; GRANT dba TO admin2";

/// A name for loopback that is no address: the server listens beyond loopback as
/// far as its setting tells, and nobody from outside reaches the test.
const NAMED_LOOPBACK: &str = "127.1";

fn write(data: &Path, name: &str, text: &str) {
    std::fs::write(data.join(name), text).unwrap();
    own(&data.join(name));
}

fn start(hba: &str, ident: &str, settings: &[(&str, &str)], more: impl FnOnce(&Path)) -> PgServer {
    PgServer::start_with(&bindir(), settings, &[], |data| {
        write(data, "pg_hba.conf", hba);
        write(data, "pg_ident.conf", ident);
        more(data);
    })
}

fn port() -> String {
    // Free now; the socket file of this server alone depends on it.
    crate::exposure::pg::free_port().to_string()
}

async fn look(pg: &PgServer) -> Vec<CheckResult> {
    server_checks(&live(pg).await, &Policy::default())
}

async fn live(pg: &PgServer) -> Server {
    crate::exposure::fixture::live(pg).await
}

#[tokio::test]
async fn every_bad_rule_is_found_for_what_it_lets_in() {
    let hba = "local all all trust\n\
               host shop app 172.16.0.0/12 scram-sha-256\n\
               host all all 10.0.0.0/8 trust\n\
               host shop app 11.22.33.0/24 scram-sha-256\n\
               host all admin2 11.22.44.5/32 scram-sha-256\n\
               host replication repl 192.168.0.0/16 md5\n\
               host shop legacy 192.168.7.0/24 password\n\
               host all all 10.9.0.0/16 reject\n\
               host shop app 192.168.9.9/32 ident map=m\n\
               host shop app db.example.org scram-sha-256\n";
    let ident = "m /^.*$ app\nm /^ceo.*$ dba\nunused /^.*$ postgres\n";
    let (port, name) = (port(), NAMED_LOOPBACK);
    let settings = [("listen_addresses", name), ("port", port.as_str()), ("unix_socket_permissions", "0777")];
    let pg = start(hba, ident, &settings, |_| ());
    pg.psql("postgres", PEOPLE);
    pg.psql("postgres", "CREATE DATABASE shop");
    let r = look(&pg).await;

    found(&r, "EXP-HBA-001", &["rule host all all 10.0.0.0/8 trust"]);
    let public = "rule host shop app 11.22.33.0/24 scram-sha-256";
    let bastion = "rule host all admin2 11.22.44.5/32 scram-sha-256";
    found(&r, "EXP-HBA-002", &[public, bastion]);
    assert_eq!(severity(&r, "EXP-HBA-002", public), Severity::High);
    assert_eq!(severity(&r, "EXP-HBA-002", bastion), Severity::Critical, "admin2 can become a superuser");
    found(&r, "EXP-HBA-003", &["rule host all all 10.0.0.0/8 trust", bastion]);
    assert_eq!(severity(&r, "EXP-HBA-003", bastion), Severity::Medium, "a single address");
    assert_eq!(severity(&r, "EXP-HBA-003", "rule host all all 10.0.0.0/8 trust"), Severity::High);
    let md5 = "rule host replication repl 192.168.0.0/16 md5";
    let password = "rule host shop legacy 192.168.7.0/24 password";
    found(&r, "EXP-HBA-004", &[md5, password]);
    assert_eq!(severity(&r, "EXP-HBA-004", md5), Severity::Low, "verifiers are not known of a live server");
    assert_eq!(severity(&r, "EXP-HBA-004", password), Severity::High);
    found(&r, "EXP-HBA-005", &[md5]);
    let of_replication = &of(&r, "EXP-HBA-005").findings[0].message;
    assert!(of_replication.contains("by MD5") && of_replication.contains("65536"), "{of_replication}");
    let ident_rule = "rule host shop app 192.168.9.9/32 ident map=m";
    let named = "rule host shop app db.example.org scram-sha-256";
    let wide = "rule host shop app 172.16.0.0/12 scram-sha-256";
    found(
        &r,
        "EXP-HBA-006",
        &[wide, "rule host all all 10.0.0.0/8 trust", public, bastion, md5, named, password, ident_rule],
    );
    found(&r, "EXP-HBA-007", &[wide, "rule host all all 10.0.0.0/8 trust"]);
    found(&r, "EXP-HBA-008", &[named, ident_rule]);
    found(&r, "EXP-HBA-009", &["rule local all all trust"]);
    assert_eq!(severity(&r, "EXP-HBA-009", "rule local all all trust"), Severity::High);
    found(&r, "EXP-HBA-010", &["map line m /^.*$ app", "map line m /^ceo.*$ dba"]);
    assert_eq!(severity(&r, "EXP-HBA-010", "map line m /^ceo.*$ dba"), Severity::High);
    found(&r, "EXP-HBA-011", &["rule host all all 10.9.0.0/16 reject"]);
    assert_eq!(severity(&r, "EXP-HBA-011", "rule host all all 10.9.0.0/16 reject"), Severity::Medium);
    silent(&r, "EXP-HBA-012");
    silent(&r, "EXP-HBA-013");
    found(&r, "EXP-HBA-014", &["rule host all all 10.0.0.0/8 trust"]);
    found(&r, "EXP-NET-001", &["setting listen_addresses: 127.1"]);
    found(&r, "EXP-TLS-001", &["setting ssl"]);
    assert_eq!(of(&r, "EXP-TLS-002").outcome, Outcome::NotApplicable);
    found(&r, "EXP-CONF-002", &["setting unix_socket_permissions"]);

    let server = live(&pg).await;
    let picture = server.access().unwrap().picture(&server);
    let worst = &picture[0];
    assert_eq!((worst.method.as_str(), worst.class.as_str(), worst.superuser), ("trust", "private", true), "{worst:?}");
    assert_eq!(worst.addresses, "16777216");
}

#[tokio::test]
async fn a_careful_server_sets_off_nothing() {
    let hba = "local all postgres peer map=own\n\
               local all all scram-sha-256\n\
               hostnossl all all all reject\n\
               hostssl shop app 10.1.2.0/28 scram-sha-256\n\
               hostssl replication repl 10.1.3.7/32 scram-sha-256\n\
               host all all all reject\n";
    let (port, name) = (port(), NAMED_LOOPBACK);
    let settings = [
        ("listen_addresses", "127.0.0.1"),
        ("port", port.as_str()),
        ("unix_socket_permissions", "0700"),
        ("ssl", "on"),
        ("ssl_ciphers", "HIGH:!aNULL:!MD5:!3DES"),
    ];
    let me = if rustix::process::geteuid().is_root() { "root" } else { "postgres" };
    let pg = start(hba, &format!("own {me} postgres\nown postgres postgres\n"), &settings, certificate);
    pg.psql("postgres", PEOPLE);
    pg.psql("postgres", "CREATE DATABASE shop");
    let r = look(&pg).await;
    for n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14] {
        silent(&r, &format!("EXP-HBA-{n:03}"));
    }
    for id in ["EXP-NET-001", "EXP-TLS-001", "EXP-TLS-002", "EXP-CONF-002"] {
        silent(&r, id);
    }
    assert_eq!(of(&r, "EXP-TLS-004").outcome, Outcome::NotApplicable, "nobody is connected from elsewhere");

    // The same rules, and weak TLS.
    drop(pg);
    let weak = [
        ("listen_addresses", name),
        ("port", port.as_str()),
        ("ssl", "on"),
        ("ssl_min_protocol_version", "TLSv1"),
        ("ssl_ciphers", "HIGH:MEDIUM:+3DES:!aNULL"),
        ("ssl_prefer_server_ciphers", "off"),
    ];
    let pg = start("local all all trust\n", "", &weak, certificate);
    let r = look(&pg).await;
    found(
        &r,
        "EXP-TLS-002",
        &["setting ssl_ciphers", "setting ssl_min_protocol_version", "setting ssl_prefer_server_ciphers"],
    );
}

fn certificate(data: &Path) {
    let line = "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.crt -days 30 -subj /CN=localhost";
    done(Command::new("/usr/bin/openssl").args(line.split(' ')).current_dir(data), "openssl");
    std::fs::set_permissions(data.join("server.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    own(&data.join("server.key"));
    own(&data.join("server.crt"));
}

#[tokio::test]
async fn sessions_without_encryption_from_beyond_the_host_are_found() {
    let pg = crate::exposure::fixture::server(&[]);
    let mut server = crate::exposure::fixture::live(&pg).await;
    let mut with = |all: &[(&str, Option<bool>, Option<bool>)]| {
        let session = |(address, tls, gss): &(&str, Option<bool>, Option<bool>)| SessionFacts {
            role: Some("app".into()),
            database: Some("shop".into()),
            address: address.parse().ok(),
            application: "till".into(),
            backend: "client backend".into(),
            tls: *tls,
            gss: *gss,
            count: 2,
        };
        server.posture.sessions = Known::Yes(all.iter().map(session).collect());
        server_checks(&server, &Policy::default())
    };
    let (plain, tls, gss) = ((Some(false), Some(false)), (Some(true), Some(false)), (Some(false), Some(true)));
    let r = with(&[("10.0.0.7", plain.0, plain.1), ("10.0.0.8", tls.0, tls.1), ("127.0.0.1", plain.0, plain.1)]);
    found(&r, "EXP-TLS-004", &["role app from 10.0.0.7"]);
    silent(&with(&[("10.0.0.8", tls.0, tls.1), ("fd00::7", gss.0, gss.1)]), "EXP-TLS-004");
    // What may not be seen is no pass.
    let r = with(&[("10.0.0.8", tls.0, tls.1), ("10.0.0.9", None, None)]);
    assert_eq!(of(&r, "EXP-TLS-004").outcome, Outcome::NotEvaluated);
    let r = with(&[("", plain.0, plain.1)]);
    assert_eq!(of(&r, "EXP-TLS-004").outcome, Outcome::NotApplicable, "over a socket");
}

#[tokio::test]
async fn rules_that_are_not_loaded_or_not_seen_are_no_pass() {
    // A bad line: the server goes on with what it had.
    let pg = crate::exposure::fixture::server(&[]);
    write(&pg.data_dir(), "pg_hba.conf", "local all all trust\nhost all all 10.0.0.0/8 tryst\n");
    pg.psql("postgres", "SELECT pg_reload_conf()");
    let r = look(&pg).await;
    let unloaded = of(&r, "EXP-HBA-012");
    assert_eq!(unloaded.outcome, Outcome::Finding, "{unloaded:?}");
    assert!(unloaded.findings.iter().any(|f| f.message.contains("line 2")), "{unloaded:?}");
    for n in [1, 2, 3, 5, 6, 9, 11] {
        assert_eq!(of(&r, &format!("EXP-HBA-{n:03}")).outcome, Outcome::NotEvaluated, "{n}");
    }

    // A file that is newer than the last load. Its times have whole seconds only.
    let hba = pg.data_dir().join("pg_hba.conf");
    let changed = |at: std::time::SystemTime| {
        std::fs::File::options().write(true).open(&hba).unwrap().set_modified(at).unwrap();
    };
    let (now, hour) = (std::time::SystemTime::now(), std::time::Duration::from_hours(1));
    write(&pg.data_dir(), "pg_hba.conf", "local all all trust\nhost all all 10.0.0.0/8 reject\n");
    changed(now + hour);
    found(&look(&pg).await, "EXP-HBA-012", &["file pg_hba.conf"]);
    changed(now - hour);
    silent(&look(&pg).await, "EXP-HBA-012");

    // A file of names that is not there to be seen: whoever it names may enter.
    write(&pg.data_dir(), "pg_hba.conf", "local all all trust\nhost all @/nonexistent/names 10.0.0.0/8 trust\n");
    pg.psql("postgres", "SELECT pg_reload_conf()");
    let r = look(&pg).await;
    let unresolved = [of(&r, "EXP-HBA-013").outcome, of(&r, "EXP-HBA-012").outcome];
    assert!(unresolved.contains(&Outcome::Finding), "{unresolved:?}");
    assert_ne!(of(&r, "EXP-HBA-001").outcome, Outcome::Pass);
}

#[tokio::test]
async fn a_role_that_may_not_read_the_rules_gets_no_pass() {
    let pg = crate::exposure::fixture::server(&[]);
    pg.psql("postgres", &predefined("CREATE ROLE dumper LOGIN; GRANT pg_read_all_data TO dumper"));
    let r = server_checks(&crate::exposure::fixture::live_as(&pg, "dumper").await, &Policy::default());
    for n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14] {
        // The test runs on the server's host: what SQL hides may be read there as a file.
        let outcome = of(&r, &format!("EXP-HBA-{n:03}")).outcome;
        let readable = rustix::process::geteuid().is_root();
        assert!(outcome == Outcome::NotEvaluated || readable, "{n}: {outcome:?}");
    }
    assert_eq!(of(&r, "EXP-HBA-012").outcome, Outcome::NotEvaluated);
}
