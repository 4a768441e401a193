//! EXP-ROLE-005: who streams the cluster, and does other things with the same login.

use super::super::{PLANES, is_admin, is_backup};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::source::facts::RoleFacts;

/// Memberships that go with streaming and watching.
const FITTING: [&str; 5] =
    ["pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables", "pg_checkpoint"];

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-005",
        title: "roles that replicate do nothing else",
        severity: Severity::High,
        planes: PLANES,
        guide: &[7, 22],
        refs: &["CIS 7.1"],
        why: "REPLICATION copies the whole cluster, every table and every stored password, without any privilege on \
              them. Such a login lives on standbys and backup hosts: if it is an application's role or a superuser, too, \
              whoever breaks one of those hosts also writes.",
        inspects: "Roles with LOGIN and REPLICATION that are also superusers, may create roles or databases, ignore row \
                   security, own anything, or are members of other roles than those for monitoring. The backup role may \
                   have what dumping needs (judged by EXP-TOOL-004); the bootstrap superuser and declared administrators \
                   are left out.",
        remedy: "CREATE ROLE replica LOGIN REPLICATION; for standbys alone, and ALTER ROLE app NOREPLICATION;",
        false_positives: "Logical replication into the role's own tables: the subscriber's login owns them; waive.",
        source: "PostgreSQL manual, \"Role Attributes\" and \"Authentication\" in \"Log-Shipping Standby Servers\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    let mut seen = Seen::all_of(server.logins().count());
    let replicas = server.logins().filter(|r| r.replication && !is_admin(server, policy, &r.name));
    for role in replicas.filter(|r| r.name != server.bootstrap) {
        match others(server, role, is_backup(server, policy, &role.name)) {
            (reasons, _) if !reasons.is_empty() => {
                let message = format!("{} may replicate, and {}", role.name, reasons.join(", "));
                seen.add(Found::new(format!("role {}", role.name), message));
            }
            (_, Some(why)) if !seen.open.contains(&why) => seen.open.push(why),
            _ => {}
        }
    }
    seen
}

/// What else the role is, and what of that is not known.
fn others(server: &Server, role: &RoleFacts, backup: bool) -> (Vec<String>, Option<String>) {
    let mut reasons = Vec::new();
    if role.superuser {
        reasons.push("is a superuser".to_owned());
    }
    if role.create_role {
        reasons.push("may create roles".to_owned());
    }
    if role.create_db {
        reasons.push("may create databases".to_owned());
    }
    if role.bypass_rls && !backup {
        reasons.push("ignores row security".to_owned());
    }
    let direct = server.memberships.iter().filter(|m| m.member == role.name && !backup);
    reasons
        .extend(direct.filter(|m| !FITTING.contains(&m.role.as_str())).map(|m| format!("is a member of {}", m.role)));
    let unknown = match server.posture.holdings.get() {
        Ok(all) => {
            if all.iter().any(|h| h.role == role.name && h.owns) {
                reasons.push("owns objects".to_owned());
            }
            None
        }
        Err(why) => Some(format!("what roles that replicate own: {why}")),
    };
    (reasons, unknown)
}
