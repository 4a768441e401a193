//! EXP-ROLE-004: who makes roles, and takes them.

use std::collections::BTreeSet;

use super::super::{PLANES, ordinary, through};
use crate::exposure::powers::How;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-004",
        title: "no ordinary role may create roles",
        severity: Severity::High,
        planes: PLANES,
        guide: &[6],
        refs: &["CIS 4.3"],
        why: "Before PostgreSQL 16, CREATEROLE could grant itself every role that is no superuser, \
              pg_execute_server_program among them, and set the password of all of them: a superuser in two statements. Since \
              16 it rules the roles that it made itself, and can still hide logins of its own.",
        inspects: "Roles with LOGIN that have CREATEROLE or can SET ROLE to a role that has: high before 16, medium since. \
                   Superusers are judged by EXP-ROLE-001, declared administrators not at all.",
        remedy: "ALTER ROLE mkrole NOCREATEROLE; let an administrator or the configuration management make roles; \
                 upgrade servers older than 16.",
        false_positives: "A provisioning role that nobody logs in as by hand: declare it in expect.admins, or waive.",
        source: "PostgreSQL manual, \"Role Attributes\"; release notes of 16, \"Privileges\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    let mut seen = Seen::all_of(server.logins().count());
    let makers: BTreeSet<&str> = server.roles.iter().filter(|r| r.create_role).map(|r| r.name.as_str()).collect();
    let old = server.version.major() < 16;
    for role in ordinary(server, policy) {
        if let Some(way) = server.powers.nearest(&role.name, How::Set, |name| makers.contains(name)) {
            let name = &role.name;
            let message = if old {
                format!(
                    "{name} can become any role that is no superuser, pg_execute_server_program too{}",
                    through(&way)
                )
            } else {
                format!("{name} can create roles, and rules those that it made{}", through(&way))
            };
            let severity = if old { Severity::High } else { Severity::Medium };
            seen.add(Found::new(format!("role {name}"), message).at(severity));
        }
    }
    seen
}
