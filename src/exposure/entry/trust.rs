//! EXP-HBA-001: nobody enters over the network unasked.

use super::{PLANES, by_rule};
use crate::exposure::access::{Access, Hit};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{Cell, Method};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-001",
        title: "nobody enters over the network without authentication",
        severity: Severity::Critical,
        planes: PLANES,
        guide: &[4, 5],
        refs: &["CIS 5.4", "SRG-APP-000023"],
        why: "A rule with method trust lets everybody who reaches the port be any role that the rule names. No password, \
              no certificate, no trace of who it was.",
        inspects: "The evaluated rules: who is let in by trust from any address beyond loopback, as which roles.",
        remedy: "Replace trust by scram-sha-256 (or cert), name the application's network instead of all, then \
                 SELECT pg_reload_conf().",
        false_positives: "None. A network that only sealed pods reach is still one in which every pod is every role: \
                          waive it with its owner, or use certificates.",
        source: "PostgreSQL manual, \"Trust Authentication\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    by_rule(server, wanted, |_, hit| Some(found(hit)))
}

fn wanted(access: &Access, cell: &Cell) -> bool {
    cell.method == Method::Trust && access.is_remote(cell)
}

fn found(hit: &Hit<'_>) -> Found {
    let worst = if hit.supers.is_empty() { "" } else { ", superusers among them" };
    Found::new(hit.object(), format!("it lets anybody in {} without any authentication{worst}", hit.who()))
}
