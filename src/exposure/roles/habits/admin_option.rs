//! EXP-ROLE-007: who hands out roles.

use super::super::{PLANES, is_admin};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-007",
        title: "only administrators hand out roles",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[7],
        refs: &["SRG-APP-000328"],
        why: "Whoever has a role WITH ADMIN OPTION can give it to anybody, himself included, and take it from others. \
              Access then spreads without an administrator knowing.",
        inspects: "Memberships WITH ADMIN OPTION whose member is neither effectively a superuser nor a declared \
                   administrator. Since 16 a role with CREATEROLE has the option on what it created: that is told by \
                   EXP-ROLE-004 alone.",
        remedy: "REVOKE ADMIN OPTION FOR billing_rw FROM support;",
        false_positives: "Delegation by intent, of a team's own role to its lead: waive, with an owner.",
        source: "PostgreSQL manual, \"GRANT\" and \"Role Membership\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    if server.memberships.is_empty() {
        return Seen::not_applicable("no role is a member of another");
    }
    let mut seen = Seen::all_of(server.memberships.len());
    for m in server.memberships.iter().filter(|m| m.admin) {
        let creator = server.version.major() >= 16 && server.role(&m.member).is_some_and(|r| r.create_role);
        if creator || server.powers.is_super(&m.member) || is_admin(server, policy, &m.member) {
            continue;
        }
        let object = format!("role {}: admin option for role {}", m.member, m.role);
        seen.add(Found::new(object, format!("{} can hand out role {}", m.member, m.role)));
    }
    seen
}
