//! EXP-HBA-002: nothing is offered to the whole internet.

use super::{PLANES, by_rule};
use crate::exposure::access::{Access, Hit};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{AddressClass, Cell, DbSet};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-002",
        title: "no rule lets in from public addresses",
        severity: Severity::Critical,
        planes: PLANES,
        guide: &[1, 2, 5],
        refs: &["CIS 5.2", "CIS 5.4", "SRG-APP-000142"],
        why: "Scanners try every reachable server all day. One guessed, leaked or reused password is then enough, and a \
              flaw in what runs before authentication needs none.",
        inspects: "The evaluated rules: accepting rules that fit addresses of the public internet. Critical where a \
                   superuser or replication is among what they let in, else high; medium where the server listens at \
                   loopback or nowhere now.",
        remedy: "Name the exact networks of the clients, or let them come through a VPN or a bastion; end the file with \
                 `host all all all reject`.",
        false_positives: "A managed service behind a firewall of its provider: waive with the firewall rule as the \
                          reason, it must be looked after, too.",
        source: "PostgreSQL manual, \"The pg_hba.conf File\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    by_rule(
        server,
        |_, cell| cell.class() == Some(AddressClass::Global),
        // Where a name leads is not known here: EXP-HBA-008 tells of those.
        |access, hit| hit.rule.address.is_fixed().then(|| found(access, hit)),
    )
}

fn found(access: &Access, hit: &Hit<'_>) -> Found {
    let replication = hit.databases.contains("replication");
    let severity = match (access.listens(), hit.supers.is_empty() && !replication) {
        (crate::exposure::access::Listens::Nowhere | crate::exposure::access::Listens::Loopback, _) => Severity::Medium,
        (_, true) => Severity::High,
        (_, false) => Severity::Critical,
    };
    let gain = match (hit.supers.len(), replication) {
        (0, false) => "",
        (0, true) => ", and stream the whole cluster",
        (_, false) => ", superusers among them",
        (_, true) => ", superusers and replication among them",
    };
    let now = if severity == Severity::Medium { "; the server does not listen there now" } else { "" };
    let method = hit.rule.method.word();
    Found::new(hit.object(), format!("anybody can try to enter {} by {method}{gain}{now}", hit.who())).at(severity)
}

/// Whether a cell is physical replication.
pub(super) fn streams(cell: &Cell) -> bool {
    cell.databases == DbSet::Replication
}
