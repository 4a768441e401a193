//! EXP-NET-001: the server listens where its clients are, and nowhere else.

use std::net::IpAddr;

use super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{AddressClass, Interval};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-NET-001",
        title: "the server listens at chosen addresses, none of them public",
        severity: Severity::High,
        planes: PLANES,
        guide: &[1],
        refs: &["CIS 5.2", "SRG-APP-000142"],
        why: "listen_addresses is the outermost fence: where the server does not listen, no rule, no password and no flaw in \
              the protocol can be tried. `*` takes every interface, also the one that is added next year.",
        inspects: "listen_addresses: `*`, 0.0.0.0, :: and public addresses; medium for names other than localhost, which \
                   may be any address.",
        remedy: "ALTER SYSTEM SET listen_addresses = '10.0.0.7, localhost'; it needs a restart.",
        false_positives: "In a container `*` is the container's own network: waive it there, with what limits that network.",
        source: "PostgreSQL manual, \"Connections and Authentication\", listen_addresses",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let value = match server.value("listen_addresses") {
        Ok(value) => value,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::all_of(1);
    for address in value.split(',').map(|a| a.trim().trim_matches('"')).filter(|a| !a.is_empty()) {
        let (message, severity) = match (address, address.parse::<IpAddr>()) {
            ("*", _) => ("it listens at every interface".to_owned(), Severity::High),
            (_, Ok(ip)) if ip.is_unspecified() => (format!("{ip} is every interface"), Severity::High),
            (_, Ok(ip)) if Interval { from: ip, to: ip }.class() == AddressClass::Global => {
                (format!("{ip} is a public address"), Severity::High)
            }
            (_, Ok(_)) | ("localhost", _) => continue,
            (name, Err(_)) => (format!("{name} is whatever its name resolves to"), Severity::Medium),
        };
        seen.add(Found::new(format!("setting listen_addresses: {address}"), message).at(severity));
    }
    seen
}
