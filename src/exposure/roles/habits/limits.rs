//! EXP-ROLE-012: connection limits, and names that everybody tries.

use super::super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// What is tried first by whoever tries names.
const TRIED: [&str; 10] = ["admin", "administrator", "root", "test", "guest", "user", "demo", "dev", "dba", "sa"];

/// Names in a message.
const FEW: usize = 10;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-012",
        title: "logins have a connection limit and a name that is not guessed",
        severity: Severity::Low,
        planes: PLANES,
        guide: &[7, 21],
        refs: &["CIS 5.5", "SRG-APP-000001"],
        why: "One login without a limit can take every connection, by a fault or on purpose, and lock all others out. \
              Names like admin and test are what password sprays begin with.",
        inspects: "Roles with LOGIN whose connection limit is -1 (together one finding; superusers are never limited), and \
                   roles with LOGIN called admin, administrator, root, test, guest, user, demo, dev, dba or sa.",
        remedy: "ALTER ROLE app CONNECTION LIMIT 50; ALTER ROLE test NOLOGIN;",
        false_positives: "A pooler in front that limits each application: waive the one finding.",
        source: "PostgreSQL manual, \"CREATE ROLE\", CONNECTION LIMIT",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut seen = Seen::all_of(server.logins().count());
    let unlimited: Vec<&str> =
        server.logins().filter(|r| r.connection_limit < 0 && !r.superuser).map(|r| r.name.as_str()).collect();
    if !unlimited.is_empty() {
        let more = if unlimited.len() > FEW { ", …" } else { "" };
        let names = unlimited.iter().take(FEW).copied().collect::<Vec<_>>().join(", ");
        let message = format!("login roles without connection limit: {} ({names}{more})", unlimited.len());
        seen.add(Found::new("login roles: connection limit", message));
    }
    for role in server.logins().filter(|r| TRIED.contains(&r.name.to_lowercase().as_str())) {
        let found = Found::new(format!("role {}", role.name), format!("{} is a name that everybody tries", role.name));
        seen.add(found.mend("Rename it, or take its LOGIN and give each user a login of their own name."));
    }
    seen
}
