//! EXP-ROLE-009: logins that several use.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// How the programs that people sit at call themselves, in lower case.
const BY_HAND: [&str; 11] = [
    "psql",
    "pgadmin",
    "dbeaver",
    "datagrip",
    "intellij",
    "navicat",
    "tableplus",
    "heidisql",
    "beekeeper",
    "pgcli",
    "postico",
];

/// Networks from which one login may come before it counts as shared.
const NETWORKS: usize = 3;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-009",
        title: "each login has one user: a person or a service",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[7, 9, 13],
        refs: &["SRG-APP-000148"],
        why: "Where people and services share a login, the log does not say who did it, the password cannot be changed \
              without an outage, and nobody leaves it behind when leaving the company.",
        inspects: "Sessions at the moment of the look: roles that are used by a program that people sit at (psql, pgAdmin, \
                   DBeaver, …) and by another one, or from three or more client networks (/24, /64). Programs call \
                   themselves what they like (application_name), and who was away is not seen.",
        remedy: "Give people logins of their own that are members of a common NOLOGIN role, and change the service's \
                 password once they have them.",
        false_positives: "Poolers and services that run in several networks; psql in the jobs of a service.",
        source: "PostgreSQL manual, \"The Cumulative Statistics System\", pg_stat_activity",
    },
    look: Look::Server(look),
};

/// Who uses one login.
#[derive(Default)]
struct Users<'a> {
    people: BTreeSet<&'a str>,
    services: BTreeSet<&'a str>,
    networks: BTreeSet<IpAddr>,
}

fn look(server: &Server, _: &Policy) -> Seen {
    let sessions = match server.posture.sessions.get() {
        Ok(sessions) => sessions,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut roles: BTreeMap<&str, Users<'_>> = BTreeMap::new();
    for session in sessions.iter().filter(|s| s.backend == "client backend") {
        let Some(role) = session.role.as_deref() else { continue };
        let users = roles.entry(role).or_default();
        let name = session.application.as_str();
        if is_by_hand(name) {
            users.people.insert(name);
        } else if !name.is_empty() {
            users.services.insert(name);
        }
        users.networks.extend(session.address.and_then(network));
    }
    if roles.is_empty() {
        return Seen::not_applicable("nobody else was connected when the server was looked at");
    }
    let mut seen = Seen::all_of(roles.len());
    for (role, users) in roles {
        let mixed = !users.people.is_empty() && !users.services.is_empty();
        let reason = if mixed {
            let few = |names: &BTreeSet<&str>| names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
            format!("{role} is used by hand ({}) and by {}", few(&users.people), few(&users.services))
        } else if users.networks.len() >= NETWORKS {
            format!("{role} is used from {} networks", users.networks.len())
        } else {
            continue;
        };
        seen.add(Found::new(format!("role {role}"), reason));
    }
    seen
}

fn is_by_hand(application: &str) -> bool {
    let name = application.to_lowercase();
    BY_HAND.iter().any(|p| name.starts_with(p))
}

/// The network of an address; none for the host itself.
fn network(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        a if a.is_loopback() => None,
        IpAddr::V4(a) => Some(IpAddr::V4((u32::from(a) & 0xffff_ff00).into())),
        IpAddr::V6(a) => Some(IpAddr::V6((u128::from(a) & (u128::MAX << 64)).into())),
    }
}
