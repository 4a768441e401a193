//! EXP-ROLE-011: every login role is used for something.

use std::collections::BTreeSet;

use super::History;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Severity};
use crate::source::facts::DatabaseFacts;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-011",
        title: "every login role owns something, may do something, or was seen",
        severity: Severity::Low,
        planes: &[Plane::Posture],
        guide: &[11, 24],
        refs: &["CIS 4.4"],
        why: "A login that nobody uses is a password that nobody misses. Roles are left behind by people, services and trials \
              that are gone.",
        inspects: "Login roles that own nothing, have no privilege of their own, belong to no role and are in no session of \
                   this and the earlier looks that saw sessions, at least two. Superusers, the role of backups and declared \
                   services are left aside. A hint, not a proof: a job that runs once a month is seldom seen.",
        remedy: "Ask, then ALTER ROLE … NOLOGIN; if nobody complains for a month, DROP ROLE.",
        false_positives: "Batch and emergency accounts: declare them as services or admins in [expect].",
        source: "PostgreSQL manual, \"DROP ROLE\"",
    },
    look: Look::History(look),
};

/// Looks that must have seen sessions, this one included.
const LOOKS: usize = 2;

fn look(history: &History<'_>, policy: &Policy) -> Seen {
    let server = history.now;
    let databases = match history.databases.get() {
        Ok(databases) => *databases,
        Err(why) => return Seen::not_evaluated(format!("who owns what is not known: {why}")),
    };
    let mut open = Vec::new();
    let here: BTreeSet<&str> = databases.iter().map(|d| d.name.as_str()).collect();
    match server.posture.databases.get() {
        Ok(all) => {
            let missing =
                all.iter().filter(|d| d.connectable && !d.template && !here.contains(d.name.as_str())).count();
            if missing > 0 {
                open.push(format!(
                    "{missing} databases are not in this backup: their owners and privileges are not known"
                ));
            }
        }
        Err(why) => open.push(format!("the databases are not known: {why}")),
    }
    let blind = databases.iter().filter(|d| d.inventory.is_none()).count();
    if blind > 0 {
        open.push(format!("the objects of {blind} databases are not known"));
    }
    let (seen_in, looks) = sessions(history);
    if looks < LOOKS {
        open.push("sessions were seen by fewer than two looks".to_owned());
    }
    let mut used = used(databases);
    for m in &server.memberships {
        used.extend([m.role.clone(), m.member.clone()]);
    }
    for d in server.posture.databases.ok().into_iter().flatten() {
        used.insert(d.owner.clone());
        used.extend(d.grants.iter().filter_map(|(role, _)| role.clone()));
    }
    used.extend(server.posture.parameter_grants.ok().into_iter().flatten().filter_map(|g| g.role.clone()));
    let declared = |name: &str| {
        let services = policy.expect.services.iter().flatten().chain(policy.expect.admins.iter().flatten());
        services.chain(policy.expect.dump_role.iter()).any(|n| n == name)
    };
    let asked: Vec<_> = server
        .logins()
        .filter(|r| !r.superuser && server.backup_role.as_deref() != Some(r.name.as_str()) && !declared(&r.name))
        .collect();
    let mut seen = Seen { present: asked.len() as u64, open, ..Seen::default() };
    if seen.open.is_empty() {
        seen.examined = seen.present;
        for role in asked {
            let name = &role.name;
            let tag = history.telling.tag(name);
            if !used.contains(name) && !seen_in.contains(name) && !seen_in.contains(&tag) {
                let message =
                    format!("it owns nothing, may do nothing of its own, and was in no session of {looks} looks");
                seen.add(Found::new(format!("role {name}"), message));
            }
        }
    } else if seen.present == 0 {
        seen.open.clear();
    }
    if seen.present == 0 {
        seen.note = Some("there is no login role to ask about".to_owned());
    }
    seen
}

/// Roles of sessions, as names or as tags, and how many looks saw any.
fn sessions(history: &History<'_>) -> (BTreeSet<String>, usize) {
    let then = history.before.ok().map(|b| &b.server.posture);
    let mut roles = BTreeSet::new();
    let mut looks = 0;
    for sessions in [Some(&history.now.posture), then].into_iter().flatten().filter_map(|p| p.sessions.ok()) {
        looks += 1;
        roles.extend(sessions.iter().filter_map(|s| s.role.clone()));
    }
    for networks in history.past.iter().filter_map(|p| p.networks.as_ref()) {
        looks += 1;
        roles.extend(networks.keys().cloned());
    }
    (roles, looks)
}

/// Owners, and roles that privileges name.
fn used(databases: &[DatabaseFacts]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for d in databases {
        used.insert(d.owner.clone());
        let Some(inventory) = &d.inventory else { continue };
        used.extend(inventory.objects.values().filter_map(|o| o.owner.clone()));
        let grants = inventory.grants.values().chain(inventory.default_grants.values()).flatten();
        used.extend(grants.filter_map(|g| grantee(g)));
        used.extend(d.role_settings.iter().map(|(role, _)| role.clone()));
    }
    used
}

/// The role of `app SELECT`, `"a b" SELECT WITH GRANT OPTION` (`quote_ident()`).
fn grantee(grant: &str) -> Option<String> {
    let Some(quoted) = grant.strip_prefix('"') else {
        return grant.split(' ').next().map(str::to_owned);
    };
    let mut name = String::new();
    let mut chars = quoted.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if chars.peek() == Some(&'"') => name.extend(chars.next()),
            '"' => return Some(name),
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::text::quote_ident;

    #[test]
    fn grantees_are_read_as_they_were_written() {
        for name in ["app", "a b", "a\"b", "PUBLIC", "x SELECT"] {
            let written = if name == "app" { name.to_owned() } else { quote_ident(name) };
            assert_eq!(grantee(&format!("{written} SELECT WITH GRANT OPTION")).as_deref(), Some(name));
        }
        assert_eq!(grantee("\"open"), None);
    }
}
