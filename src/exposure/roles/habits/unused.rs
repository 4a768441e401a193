//! EXP-ROLE-011: logins that can do nothing.

use std::collections::BTreeSet;

use super::super::{PLANES, is_admin, is_backup};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::source::facts::RoleFacts;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-011",
        title: "every login is there for something",
        severity: Severity::Low,
        planes: PLANES,
        guide: &[11, 24],
        refs: &["CIS 4.4"],
        why: "A login that owns nothing, was granted nothing and is in no group is mostly one that was forgotten. It \
              still has a password that somebody knows, and whatever PUBLIC may do.",
        inspects: "Roles with LOGIN that own nothing and have no privilege in any database (pg_shdepend), are members of \
                   nothing, have no attribute that gives power and were not connected at the moment of the look. \
                   Declared services and administrators, the backup role and superusers are left out. Whether a role \
                   stays away for long is told by comparing looks.",
        remedy: "ALTER ROLE legacy NOLOGIN; and, when nobody missed it, DROP ROLE legacy;",
        false_positives: "Roles that work by PUBLIC's privileges alone; monitoring logins: declare them in expect.services.",
        source: "PostgreSQL manual, \"pg_shdepend\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    let (holdings, sessions) = match (server.posture.holdings.get(), server.posture.sessions.get()) {
        (Ok(holdings), Ok(sessions)) => (holdings, sessions),
        (Err(why), _) => return Seen::not_evaluated(format!("what roles own: {why}")),
        (_, Err(why)) => return Seen::not_evaluated(format!("who is connected: {why}")),
    };
    let connected: BTreeSet<&str> = sessions.iter().filter_map(|s| s.role.as_deref()).collect();
    let bare: BTreeSet<&str> = holdings.iter().filter(|h| !h.owns && !h.granted).map(|h| h.role.as_str()).collect();
    let members: BTreeSet<&str> = server.memberships.iter().map(|m| m.member.as_str()).collect();
    let service = |name: &String| policy.expect.services.as_ref().is_some_and(|all| all.contains(name));
    let plain = |r: &RoleFacts| !(r.superuser || r.create_role || r.create_db || r.replication || r.bypass_rls);
    let mut seen = Seen::all_of(server.logins().count());
    for role in server.logins().filter(|r| plain(r)) {
        let name = &role.name;
        let meant = is_admin(server, policy, name) || is_backup(server, policy, name) || service(name);
        let used =
            !bare.contains(name.as_str()) || members.contains(name.as_str()) || connected.contains(name.as_str());
        if !meant && !used {
            let message = format!("{name} owns nothing, has no privilege and no group, and is not connected");
            seen.add(Found::new(format!("role {name}"), message));
        }
    }
    seen
}
