//! EXP-ROLE-003: whom no row policy binds.

use std::collections::BTreeSet;

use super::super::{PLANES, is_backup, ordinary, through};
use crate::exposure::powers::How;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-003",
        title: "no role but the backup role ignores row security",
        severity: Severity::High,
        planes: PLANES,
        guide: &[12],
        refs: &["CIS 4.7"],
        why: "BYPASSRLS turns off every row policy of every table for whoever logs in with it, silently. One report role \
              that has it, or can SET ROLE to one that has, sees the rows of all tenants.",
        inspects: "Roles with LOGIN that have BYPASSRLS or can SET ROLE to a role that has. The role that backups are \
                   taken with needs it and is left out, and so are superusers (EXP-ROLE-001) and declared administrators.",
        remedy: "ALTER ROLE reporter NOBYPASSRLS; and write a policy that shows it what it may see.",
        false_positives: "Backup tools other than pgseal dump with such a role; declare it as expect.dump_role.",
        source: "PostgreSQL manual, \"Row Security Policies\" and \"CREATE ROLE\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    let mut seen = Seen::all_of(server.logins().count());
    let free: BTreeSet<&str> = server.roles.iter().filter(|r| r.bypass_rls).map(|r| r.name.as_str()).collect();
    for role in ordinary(server, policy).filter(|r| !is_backup(server, policy, &r.name)) {
        if let Some(way) = server.powers.nearest(&role.name, How::Set, |name| free.contains(name)) {
            let message = format!("{} ignores every row policy{}", role.name, through(&way));
            seen.add(Found::new(format!("role {}", role.name), message));
        }
    }
    seen
}
