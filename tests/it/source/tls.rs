//! `sslmode` against a server with TLS, with psql as the oracle.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use pgseal::source::ConnParams;

use crate::source::pg::{PgServer, bindir, done, free_port, own};

fn openssl(dir: &Path, line: &str) {
    done(Command::new("/usr/bin/openssl").args(line.split(' ')).current_dir(dir), line);
}

fn self_signed(dir: &Path, name: &str, subject: &str, more: &str) {
    openssl(
        dir,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.crt \
             -subj /CN={subject} {more}"
        ),
    );
}

#[tokio::test]
async fn every_sslmode_agrees_with_libpq() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let san = "-days 2 -addext subjectAltName=DNS:localhost";
    self_signed(d, "self", "localhost", san);
    self_signed(d, "other", "localhost", san);
    self_signed(d, "ca", "ca", "-days 2");
    for (name, host) in [("leaf", "localhost"), ("wrong", "elsewhere.example")] {
        openssl(d, &format!("req -new -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={host}"));
        std::fs::write(d.join("ext"), format!("subjectAltName=DNS:{host}")).unwrap();
        openssl(
            d,
            &format!(
                "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out {name}.crt"
            ),
        );
    }
    openssl(d, "req -new -key self.key -out old.csr -subj /CN=localhost");
    std::fs::write(d.join("ext"), "subjectAltName=DNS:localhost").unwrap();
    openssl(d, "x509 -req -in old.csr -signkey self.key -days -1 -extfile ext -out old.crt");
    std::fs::copy(d.join("self.key"), d.join("old.key")).unwrap();

    for certificate in ["self", "leaf", "wrong", "old"] {
        let port = free_port().to_string();
        let settings = [("listen_addresses", "127.0.0.1"), ("port", port.as_str()), ("ssl", "on")];
        let server = PgServer::start_with(&bindir(), &settings, &[], |data| {
            for (from, to) in [("crt", "server.crt"), ("key", "server.key")] {
                std::fs::copy(d.join(format!("{certificate}.{from}")), data.join(to)).unwrap();
                std::fs::set_permissions(data.join(to), std::fs::Permissions::from_mode(0o600)).unwrap();
                own(&data.join(to));
            }
            std::fs::write(data.join("pg_hba.conf"), "local all all trust\nhost all all 127.0.0.1/32 trust\n").unwrap();
        });
        for mode in ["disable", "prefer", "require", "verify-ca", "verify-full"] {
            // Below TLS nobody sees the messages, so it is above it that they are timed.
            if certificate == "self" && ["disable", "prefer", "require"].contains(&mode) {
                let text = format!("host=localhost hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres");
                let conn = ConnParams::resolve(&format!("{text} sslmode={mode}"), &|_| None).unwrap();
                let conn = conn.patient(std::time::Duration::from_secs(1));
                let session = conn.connect("test").await.unwrap();
                let e = session.client().batch_execute("SELECT pg_sleep(60)").await.unwrap_err();
                let e = conn.explained(pgseal::source::Session::failed("cannot wait", e));
                assert_eq!(e.code(), pgseal::Code::Deadline, "{mode}: {e}");
            }
            for root in ["", "self", "other", "ca", "old"] {
                let mut text = format!(
                    "host=localhost hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres sslmode={mode}"
                );
                if !root.is_empty() {
                    let file = d.join(format!("{root}.crt"));
                    text = format!("{text} sslrootcert={}", file.display());
                }
                let ask = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
                let mut psql = server.client("psql", "unset");
                let out = psql.args(["-XAtqw", "-c", ask, "-d", &text]).output().unwrap();
                let oracle = out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim_end() == "t");
                let none = |_: &str| Some("/nonexistent".to_owned()).filter(|_| false);
                let ours = match ConnParams::resolve(&text, &none).unwrap().connect("test").await {
                    Ok(s) => Some(s.client().query_one(ask, &[]).await.unwrap().get::<_, bool>(0)),
                    Err(_) => None,
                };
                // libpq's "prefer" checks against a root certificate, and then goes on in the clear; pgseal stays encrypted.
                let oracle = if mode == "prefer" { Some(true) } else { oracle };
                assert_eq!(ours, oracle, "server {certificate}, sslmode={mode}, sslrootcert={root}: {out:?}");
            }
        }
    }
}
