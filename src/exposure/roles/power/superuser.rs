//! EXP-ROLE-001: who is a superuser in effect.

use super::super::{PLANES, is_admin, through};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-001",
        title: "no login role is effectively a superuser, but those that are meant to be",
        severity: Severity::Critical,
        planes: PLANES,
        guide: &[6, 20],
        refs: &["CIS 4.3", "SRG-APP-000340"],
        why: "No privilege, row policy or read-only setting binds a superuser, and it runs programs as the server's \
              operating system user. An application or a person that becomes one by a chain of memberships makes every \
              stolen password or SQL injection the loss of the whole host.",
        inspects: "Roles with LOGIN that have SUPERUSER or can become a role that has it, over memberships of any length; \
                   since PostgreSQL 16 by the options of each membership. Roles declared in expect.admins are meant to be \
                   superusers; where none are declared, the one that initdb made, alone.",
        remedy: "ALTER ROLE app NOSUPERUSER; or REVOKE admin FROM app; and give what it really needs: pg_monitor, \
                 pg_maintain, pg_signal_backend, ownership of its own schema. List the administrators in expect.admins.",
        false_positives: "Personal roles of administrators: declare them in expect.admins.",
        source: "PostgreSQL manual, \"Role Attributes\" and \"Role Membership\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    let mut seen = Seen::all_of(server.logins().count());
    for role in server.logins().filter(|r| !is_admin(server, policy, &r.name)) {
        if let Some(way) = server.powers.to_superuser(&role.name) {
            let what = if way.is_empty() { "is a superuser" } else { "reaches SUPERUSER" };
            seen.add(Found::new(format!("role {}", role.name), format!("{} {what}{}", role.name, through(&way))));
        }
    }
    seen
}
