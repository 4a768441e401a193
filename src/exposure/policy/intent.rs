//! EXP-GOV-004, 005: what is declared is there. What is there and not declared is
//! told by the checks of roles, extensions and replication.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::network::Network;
use crate::exposure::look::Check;
use crate::exposure::{About, Found, Look, Plane, Seen, Severity};

/// Declared roles.
pub const ROLES: Check = Check {
    about: About {
        id: "EXP-GOV-004",
        title: "every declared role is there",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Posture, Plane::Copy],
        guide: &[20, 24],
        refs: &[],
        why: "A name on the list of admins or services is trusted before anybody has it: whoever may create roles can take \
              the name of one that is gone, and no check will speak of it.",
        inspects: "`admins`, `dump_role` and `services` of [expect] beside the roles of the server: a finding where a name \
                   is declared and no such role exists.",
        remedy: "Remove the name from [expect], or find out who dropped or renamed the role.",
        false_positives: "One file of declarations for several servers: give each what differs in a file of its own.",
        source: "src/exposure/policy/mod.rs",
    },
    look: Look::Server(|server, policy| {
        let expect = &policy.expect;
        let lists = [
            ("an admin", expect.admins.as_deref().unwrap_or_default()),
            ("the dump role", expect.dump_role.as_slice()),
            ("a service", expect.services.as_deref().unwrap_or_default()),
        ];
        let mut declared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (what, names) in lists {
            for name in names {
                declared.entry(name).or_default().push(what);
            }
        }
        if declared.is_empty() {
            return Seen::not_applicable("no role is declared");
        }
        // A server has at least the role that it was made with.
        if server.roles.is_empty() {
            return Seen::not_evaluated("the roles are not known");
        }
        let mut seen = Seen::all_of(declared.len());
        for (name, what) in declared {
            if server.role(name).is_none() && !name.starts_with("pg_") {
                let what = what.join(" and ");
                seen.add(Found::new(format!("role {name}"), format!("is declared as {what} and is not there")));
            }
        }
        seen
    }),
};

/// Declared standbys.
pub const REPLICAS: Check = Check {
    about: About {
        id: "EXP-GOV-005",
        title: "every declared standby streams",
        severity: Severity::Low,
        planes: &[Plane::Live, Plane::Posture],
        guide: &[22, 24],
        refs: &[],
        why: "A declared address from which no standby streams is an address from which a copy of everything may be taken \
              without a finding. And a standby that is away protects nobody.",
        inspects: "`replicas` of [expect] beside the receivers that the server streams to: a finding where none comes from \
                   the address or network.",
        remedy: "Bring the standby back, or remove its address from [expect].",
        false_positives: "A standby under maintenance, or one that streams from another standby.",
        source: "PostgreSQL manual, The Cumulative Statistics System, pg_stat_replication",
    },
    look: Look::Server(|server, policy| {
        let declared = policy.expect.replicas.as_deref().unwrap_or_default();
        if declared.is_empty() {
            return Seen::not_applicable("no standby is declared");
        }
        let senders = match server.posture.replication.get() {
            Ok(replication) => &replication.senders,
            Err(why) => return Seen::not_evaluated(format!("who streams is not known: {why}")),
        };
        let from: Vec<IpAddr> = senders.iter().filter_map(|s| s.address).collect();
        let mut seen = Seen::all_of(declared.len());
        for replica in declared {
            match replica.parse::<Network>() {
                Ok(network) if from.iter().any(|a| network.contains(*a)) => {}
                Ok(_) => seen.add(Found::new(format!("replica {replica}"), "is declared and nothing streams to it")),
                Err(e) => seen.open.push(e),
            }
        }
        seen
    }),
};
