//! Files of a data directory: a real cluster that ran and was stopped, with what should not be there.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgseal::checks::{CheckResult, Outcome, Severity};
use pgseal::exposure::outcome::Pictures;
use pgseal::exposure::run::Sightings;
use pgseal::exposure::secrets::Files;
use pgseal::exposure::{Plane, Policy, Server};

use super::{CANARY, collector, credentials, nothing_sings};
use crate::exposure::fixture::{self, found, of, severity, silent};
use crate::exposure::pg::{PgServer, bindir, done};

const SETTINGS: &[(&str, &str)] = &[
    ("logging_collector", "on"),
    ("log_directory", "log"),
    ("log_filename", "a.log"),
    ("log_connections", "on"),
    ("lc_messages", "C"),
    ("password_encryption", "scram-sha-256"),
];

fn copy(pg: &PgServer, to: &Path) -> PathBuf {
    let copied = to.join("d");
    done(Command::new("/bin/cp").arg("-a").arg(pg.data_dir()).arg(&copied), "cp");
    std::fs::create_dir_all(to.join("evidence")).unwrap();
    copied
}

fn openssl(dir: &Path, args: &str) {
    done(Command::new("/usr/bin/openssl").args(args.split(' ')).current_dir(dir), args);
}

async fn looked(dir: &Path, server: &Server) -> (Vec<CheckResult>, Pictures) {
    looked_at(dir, server, jiff::Timestamp::now()).await
}

async fn looked_at(dir: &Path, server: &Server, now: jiff::Timestamp) -> (Vec<CheckResult>, Pictures) {
    let (collector, policy) = (collector(), Policy::default());
    let mut seen = Sightings::default();
    let files = Files {
        data_dir: &dir.join("d"),
        evidence_dir: &dir.join("evidence"),
        server,
        policy: &policy,
        now,
        collector: Some(&collector),
    };
    seen.files(&files).await;
    (seen.results(None), collector.into_pictures())
}

#[tokio::test]
async fn files_of_a_copy_are_read_and_nothing_of_them_is_told() {
    let hba = |data: &Path| {
        let path = data.join("pg_hba.conf");
        let rest = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("local all victim,ghost scram-sha-256\n{rest}")).unwrap();
    };
    let mut pg = PgServer::start_with(&bindir(), SETTINGS, &[], hba);
    pg.psql("postgres", "CREATE ROLE victim LOGIN");
    pg.stop();
    let clean = tempfile::tempdir().unwrap();
    let clean_data = copy(&pg, clean.path());
    openssl(
        &clean_data,
        "req -x509 -newkey rsa:2048 -sha256 -days 365 -nodes -subj /CN=h -keyout /dev/null -out server.crt",
    );

    pg.restart(&[SETTINGS, &[("log_statement", "all")]].concat());
    pg.psql("postgres", &format!("ALTER ROLE victim PASSWORD '{CANARY}'"));
    for (role, password, tries) in [("victim", "wrong", 11), ("victim", CANARY, 1), ("ghost", "wrong", 12)] {
        for _ in 0..tries {
            let mut psql = pg.client("psql", "postgres");
            let entered =
                psql.env("PGUSER", role).env("PGPASSWORD", password).args(["-c", "SELECT 1"]).output().unwrap();
            assert_eq!(entered.status.success(), password == CANARY);
        }
    }
    let server = fixture::roles(&pg, Plane::Copy).await;
    pg.stop();
    let sinful = tempfile::tempdir().unwrap();
    let data = copy(&pg, sinful.path());
    openssl(&data, "req -x509 -newkey rsa:1024 -sha1 -days 9 -nodes -subj /CN=h -keyout server.key -out server.crt");
    openssl(&data, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x -out guarded.key");
    openssl(&data, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out base/1/id_ecdsa");
    let write = |name: &str, text: &str| std::fs::write(data.join(name), text).unwrap();
    write(".pgpass", &format!("# all\n*:*:*:app:{CANARY}\n"));
    write(".psql_history", "select 1;\n");
    write("old.sql", "--\n-- PostgreSQL database dump\n--\n");
    write("core.77", "\u{7f}ELF");
    write("postgresql.auto.conf", &format!("primary_conninfo = 'host=h user=r password={CANARY}'\n"));
    write("notes.txt", "nothing of interest\n");
    std::os::unix::fs::symlink("/etc/passwd", data.join("link.key")).unwrap();
    let rule = format!("host all all 10.0.0.0/8 ldap ldapserver=l ldapbindpasswd={CANARY}\n");
    std::fs::write(sinful.path().join("evidence/pg_hba.conf"), rule).unwrap();

    let (results, pictures) = looked(sinful.path(), &server).await;
    let file = |name: &str| format!("file {name}");
    let wanted = [
        ("server.key", Severity::High),
        ("guarded.key", Severity::Low),
        ("base/1/id_ecdsa", Severity::Critical),
        (".pgpass", Severity::Critical),
        (".psql_history", Severity::Medium),
        ("old.sql", Severity::High),
        ("core.77", Severity::High),
        ("postgresql.auto.conf", Severity::High),
        ("pg_hba.conf", Severity::High),
    ];
    let objects: Vec<String> = wanted.iter().map(|w| file(w.0)).collect();
    found(&results, "EXP-SECR-006", &objects.iter().map(String::as_str).collect::<Vec<_>>());
    for (name, bad) in wanted {
        assert_eq!(severity(&results, "EXP-SECR-006", &file(name)), bad, "{name}");
    }
    let stray = of(&results, "EXP-SECR-006");
    assert!(stray.reason.as_ref().unwrap().contains("link.key is a link"), "{stray:#?}");
    found(&results, "EXP-SECR-007", &["directory log"]);
    found(&results, "EXP-LOG-006", &["role victim", "roles that do not exist"]);
    assert_eq!(severity(&results, "EXP-LOG-006", "role victim"), Severity::High);
    found(&results, "EXP-TLS-003", &["file server.crt"]);
    let said = &of(&results, "EXP-TLS-003").findings[0].message;
    for part in ["expires in 8 days", "SHA-1", "1024 bits"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let all = credentials(&pictures);
    for credential in [
        ("file .pgpass", "password in a connection string"),
        ("file server.key", "private key"),
        ("file pg_hba.conf", "password or key"),
        ("file postgresql.auto.conf", "password in a connection string"),
        ("directory log", "password in sql"),
    ] {
        assert!(all.contains(&credential), "{credential:?}: {all:#?}");
    }
    let key = std::fs::read_to_string(data.join("server.key")).unwrap();
    nothing_sings(&results, &pictures, &[key.lines().nth(3).unwrap(), "root:x:0"]);

    let (results, pictures) = looked(clean.path(), &server).await;
    for id in ["EXP-SECR-006", "EXP-SECR-007", "EXP-LOG-006", "EXP-TLS-003"] {
        silent(&results, id);
    }
    assert!(pictures.credentials.is_empty(), "{pictures:?}");

    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 400);
    let (results, _) = looked_at(clean.path(), &server, later).await;
    assert_eq!(severity(&results, "EXP-TLS-003", "file server.crt"), Severity::High, "it expired");
    std::fs::write(clean_data.join("server.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    std::fs::write(clean_data.join("large.bin"), vec![0; 2 << 20]).unwrap();
    std::fs::remove_dir_all(clean_data.join("log")).unwrap();
    let (results, _) = looked(clean.path(), &server).await;
    for (id, outcome) in [
        ("EXP-TLS-003", Outcome::NotEvaluated),
        ("EXP-SECR-006", Outcome::NotEvaluated),
        ("EXP-SECR-007", Outcome::NotApplicable),
        ("EXP-LOG-006", Outcome::NotApplicable),
    ] {
        assert_eq!(of(&results, id).outcome, outcome, "{id}");
    }
    std::fs::remove_dir_all(&clean_data).unwrap();
    let (results, _) = looked(clean.path(), &server).await;
    for id in ["EXP-TLS-003", "EXP-SECR-006", "EXP-SECR-007", "EXP-LOG-006"] {
        assert_eq!(of(&results, id).outcome, Outcome::NotEvaluated, "{id}: nothing could be looked at");
    }
}
