//! EXP-TLS-005: our own connections know whom they talk to.

use crate::exposure::house::{House, is_local};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::source::conn::SslMode;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TLS-005",
        title: "backups over the network verify the server's certificate and name",
        severity: Severity::Medium,
        planes: &[Plane::House],
        guide: &[3, 16],
        refs: &["SRG-APP-000441"],
        why: "A backup is the whole database on the wire. Below verify-full anybody on the way can pass for the \
              server, read all of it, and hand over another.",
        inspects: "The connection of every source, resolved as a backup would resolve it (text, service, PG* \
                   variables, defaults): sslmode to a server that is not on this host. Sockets and loopback need none.",
        remedy: "sslmode=verify-full sslrootcert=/etc/pgseal/root.crt (or sslrootcert=system) in the connection or the \
                 service.",
        false_positives: "A tunnel of your own (WireGuard, SSH) to the server: name it as loopback, or waive it.",
        source: "PostgreSQL manual, \"SSL Support\", \"Protection Provided in Different Modes\".",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    for (name, connection) in house.connections() {
        seen.present += 1;
        let connection = match connection {
            Ok(connection) => connection,
            Err(e) => {
                seen.open.push(format!("the connection of source {name} cannot be resolved: {e}"));
                continue;
            }
        };
        seen.examined += 1;
        if !is_local(&connection) && connection.sslmode < SslMode::VerifyFull {
            let what = format!("backups go over the network with sslmode={}", connection.sslmode.name());
            seen.add(Found::new(format!("source {name}"), what));
        }
    }
    if seen.present == 0 {
        seen.note = Some("no source is configured".into());
    }
    seen
}
