//! EXP-HBA-005: the whole cluster is streamed to few, and only with proof.

use super::internet::streams;
use super::{PLANES, by_rule};
use crate::exposure::access::{Access, Hit, listed};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{Interval, Method, Transport};

/// Most IPv4 addresses of a rule for replication: a /28.
const MOST_V4: u128 = 1 << 4;
/// Most IPv6 addresses: a /120.
const MOST_V6: u128 = 1 << 8;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-005",
        title: "replication is open to few addresses, dedicated roles and strong methods only",
        severity: Severity::High,
        planes: PLANES,
        guide: &[5, 22],
        refs: &["CIS 7.1", "SRG-APP-000172"],
        why: "Whoever may replicate takes the whole cluster with one command: every database, every password verifier, \
              past every privilege and row policy.",
        inspects: "The evaluated rules for physical replication from beyond loopback: method trust, md5 or one in clear \
                   text; more than 16 IPv4 (or 256 IPv6) addresses; a role that is a superuser.",
        remedy: "One `hostssl replication repl 10.0.0.7/32 scram-sha-256` line for each standby, with a role that has \
                 LOGIN and REPLICATION and nothing else.",
        false_positives: "Standbys that come and go in one small network: narrow it and waive the rest.",
        source: "PostgreSQL manual, \"Log-Shipping Standby Servers\", section \"Authentication\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    by_rule(server, |access, cell| streams(cell) && access.is_remote(cell), found)
}

fn found(access: &Access, hit: &Hit<'_>) -> Option<Found> {
    let of_rule = access.matrix.accepting().filter(|c| {
        streams(c)
            && access.is_remote(c)
            && access.config.rules.get(c.rule).is_some_and(|r| r.number == hit.rule.number)
    });
    let wide = of_rule.into_iter().any(|c| {
        let count =
            |v6| c.addresses.iter().filter(|i| i.is_v6() == v6).map(Interval::count).fold(0, u128::saturating_add);
        count(false) > MOST_V4 || count(true) > MOST_V6
    });
    let mut wrong = Vec::new();
    match hit.rule.method {
        Method::Trust => wrong.push("without any authentication".to_owned()),
        Method::Md5 => wrong.push("by MD5".to_owned()),
        m if m.clear_text() && hit.transports.contains(&Transport::Plain) => {
            wrong.push(format!("by {}, which is clear text without TLS", m.word()));
        }
        _ => {}
    }
    if wide {
        let class = hit.class.map_or("", crate::hba::AddressClass::word);
        wrong.push(format!("from {} {class} addresses", crate::exposure::access::amount(hit.addresses)));
    }
    if !hit.supers.is_empty() {
        wrong.push(format!("as superuser {}", listed(&hit.supers)));
    }
    (!wrong.is_empty())
        .then(|| Found::new(hit.object(), format!("the whole cluster can be streamed {}", wrong.join(", "))))
}
