//! EXP-NET-002: clients come from where they came from before.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::past::Networks;
use super::{History, Telling};
use crate::exposure::access::listed;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Severity};
use crate::hba::{AddressClass, Interval};
use crate::source::posture::SessionFacts;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-NET-002",
        title: "clients come from no public address, and from networks that were seen before",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Posture],
        guide: &[1, 2, 19],
        refs: &[],
        why: "A stolen password is used from somewhere else. And a client with a public address shows that the server is \
              reachable from the internet, whatever rules and firewalls were meant to say.",
        inspects: "Addresses of the sessions now: a finding for each role and public address; and one for a role that comes \
                   from more than one network (/24, IPv6 /64) that no earlier look saw it come from. Earlier looks are the \
                   ledger of this host's audits and the backup drilled before.",
        remedy: "If nobody knows the client: end it with pg_terminate_backend(), change the role's password, narrow \
                 pg_hba.conf. If it is known, narrow the rule to its address.",
        false_positives: "A move to another network; clients behind a translation that changes: known from the next look on.",
        source: "PostgreSQL manual, \"pg_stat_activity\"",
    },
    look: Look::History(look),
};

/// New networks of one role that are no finding yet: one host may have moved.
const TOLERATED: usize = 1;

fn look(history: &History<'_>, _: &Policy) -> Seen {
    let sessions = match history.now.posture.sessions.get() {
        Ok(sessions) => sessions,
        Err(why) => return Seen::not_evaluated(format!("sessions are not known: {why}")),
    };
    let mut seen = Seen::default();
    let mut new: BTreeMap<&str, BTreeMap<String, IpAddr>> = BTreeMap::new();
    for s in sessions {
        let Some(address) = s.address.map(|a| a.to_canonical()).filter(|a| !a.is_loopback()) else { continue };
        seen.present += s.count;
        seen.examined += s.count;
        let role = s.role.as_deref().unwrap_or("?");
        new.entry(role).or_default().insert(network(address), address);
        if (Interval { from: address, to: address }).class() == AddressClass::Global {
            let object = format!("role {role} from {address}");
            if !seen.found.iter().any(|f| f.object == object) {
                seen.add(Found::new(object, "this client has a public address"));
            }
        }
    }
    if sessions.iter().any(|s| s.role.is_none() && s.backend == "client backend") {
        seen.open.push("sessions of other roles may not be seen: GRANT pg_read_all_stats".to_owned());
    }
    let Some(known) = known(history) else {
        if seen.present > 0 {
            seen.open.push("no earlier look saw sessions".to_owned());
        }
        return noted(seen);
    };
    for (role, networks) in &mut new {
        let before = known.get(&history.telling.tag(role));
        networks.retain(|n, _| !before.is_some_and(|b| b.contains(&history.telling.tag(n))));
        if networks.len() > TOLERATED {
            let addresses: Vec<String> = networks.values().map(ToString::to_string).collect();
            let addresses: BTreeSet<&str> = addresses.iter().map(String::as_str).collect();
            let message = format!("it comes from {} networks not seen before: {}", networks.len(), listed(&addresses));
            seen.add(Found::new(format!("role {role}"), message));
        }
    }
    noted(seen)
}

fn noted(mut seen: Seen) -> Seen {
    if seen.present == 0 {
        seen.note = Some("nobody was connected from beyond the host".to_owned());
    }
    seen
}

/// Networks of all earlier looks by role, both as tags; `None` where no look saw sessions.
fn known(history: &History<'_>) -> Option<Networks> {
    let before = history.before.ok().and_then(|b| b.server.posture.sessions.ok());
    let before = before.map(|sessions| tagged(sessions, &history.telling));
    let looks: Vec<Networks> = history.past.iter().filter_map(|p| p.networks.clone()).chain(before).collect();
    let mut known = Networks::new();
    for (role, networks) in looks.iter().flatten() {
        known.entry(role.clone()).or_default().extend(networks.iter().cloned());
    }
    (!looks.is_empty()).then_some(known)
}

/// Networks that each role came from, all of it as tags. A role that came over the
/// socket alone is among them, without any.
pub fn tagged(sessions: &[SessionFacts], telling: &Telling<'_>) -> Networks {
    let mut all = Networks::new();
    for s in sessions {
        let Some(role) = &s.role else { continue };
        let networks = all.entry(telling.tag(role)).or_default();
        let address = s.address.map(|a| a.to_canonical()).filter(|a| !a.is_loopback());
        networks.extend(address.map(|a| telling.tag(&network(a))));
    }
    all
}

/// `10.1.2.0/24`, `2001:db8:0:1::/64`.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(a) => {
            let [a, b, c, _] = a.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(a) => format!("{}/64", std::net::Ipv6Addr::from(u128::from(a) & !u128::from(u64::MAX))),
    }
}
