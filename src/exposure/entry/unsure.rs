//! EXP-HBA-008: no rule believes what others say of a client.

use super::{PLANES, by_rule};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{Address, Method};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-008",
        title: "no rule rests on host names, ident answers or the server's own networks",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[5],
        refs: &["CIS 5.4"],
        why: "An ident answer is what the client's machine says of itself. A host name is what DNS says. samenet becomes \
              another network with the next interface. Each can change without a line in this file.",
        inspects: "Accepting rules with method ident over TCP, and with a host name, a suffix, samehost or samenet in place \
                   of an address.",
        remedy: "Write addresses, and scram-sha-256 or cert in place of ident.",
        false_positives: "`ident` in a local line means peer and is no finding.",
        source: "PostgreSQL manual, \"Ident Authentication\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    by_rule(
        server,
        |_, _| true,
        |_, hit| {
            let what = match (&hit.rule.address, hit.rule.method) {
                (_, Method::Ident) => "it believes the client's ident answer",
                (Address::Host(_) | Address::Suffix(_), _) => "it rests on a host name, and so on DNS",
                (Address::SameHost | Address::SameNet, _) => "it follows the server's own network interfaces",
                _ => return None,
            };
            Some(Found::new(hit.object(), what))
        },
    )
}
