//! EXP-TOOL-004: what the backup role could do without.

use super::super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// Predefined roles that no backup needs, and what they are for.
const NEEDLESS: [(&str, &str); 3] = [
    ("pg_write_all_data", "change every table"),
    ("pg_write_server_files", "write the server's files"),
    ("pg_execute_server_program", "run programs on the server"),
];

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TOOL-004",
        title: "backups are taken with a role of their own that can change nothing",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[6, 13],
        refs: &["SRG-APP-000340"],
        why: "The backup job's login lies in a file and runs unattended. A dump needs to read and a base backup needs to \
              replicate; a job that runs as superuser, or as the application's role, hands whoever gets its file the \
              power to change and delete what it was to protect.",
        inspects: "The role that backups are taken with: whether it is effectively a superuser, may create roles or \
                   databases, may write data or files or run programs, or owns anything; and whether it is the role \
                   that expect.dump_role declares.",
        remedy: "CREATE ROLE pgseal_logical LOGIN BYPASSRLS; GRANT pg_read_all_data, pg_monitor TO pgseal_logical; or, for \
                 base backups, CREATE ROLE pgseal_physical LOGIN REPLICATION; GRANT pg_monitor TO pgseal_physical;",
        false_positives: "Only a superuser dumps stored passwords and every large object before 17; over a unix socket \
                          with peer authentication there is no password to steal. Waive with that reason.",
        source: "PostgreSQL manual, \"pg_dump\", \"pg_basebackup\" and \"Predefined Roles\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    let Some(name) = server.backup_role.as_deref() else {
        return Seen::not_evaluated("the backup role is not known");
    };
    let Some(role) = server.role(name) else {
        return Seen::not_evaluated("the backup role is not among the roles");
    };
    let mut reasons = Vec::new();
    if server.powers.is_super(name) {
        reasons.push("is a superuser".to_owned());
    } else {
        if role.create_role || role.create_db {
            reasons.push("may create roles or databases".to_owned());
        }
        let can = NEEDLESS.iter().filter(|(target, _)| server.powers.can_become(name, target));
        reasons.extend(can.map(|(_, what)| format!("can {what}")));
    }
    if let Some(declared) = policy.expect.dump_role.as_deref().filter(|d| *d != name) {
        reasons.push(format!("is not {declared}, which is declared for it"));
    }
    let mut seen = Seen::all_of(1);
    match server.posture.holdings.get() {
        Ok(all) if all.iter().any(|h| h.role == name && h.owns) => reasons.push("owns objects".to_owned()),
        Ok(_) => {}
        Err(why) => seen.open.push(format!("what the backup role owns: {why}")),
    }
    if !reasons.is_empty() {
        let message = format!("backups are taken with {name}, which {}", reasons.join(", "));
        seen.add(Found::new(format!("role {name}"), message));
    }
    seen
}
