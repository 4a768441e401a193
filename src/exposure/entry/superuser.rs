//! EXP-HBA-003: no superuser enters over the network.

use super::{PLANES, by_rule};
use crate::exposure::access::{Access, Hit, listed};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{Cell, DbSet};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-003",
        title: "no superuser can log in over the network",
        severity: Severity::High,
        planes: PLANES,
        guide: &[2, 5, 6, 20],
        refs: &["pgdsat 5.11", "SRG-APP-000211"],
        why: "A superuser runs programs on the host, reads every file of the server and switches off every log. With a \
              network path to it, one password is worth all of that. Rules for `all` users let superusers in, too.",
        inspects: "The evaluated rules: roles that are superusers, or can become one by membership, and may enter from \
                   beyond loopback. Medium where the rule is for a single address (a bastion).",
        remedy: "Put `host all +admins all reject` (or one line for each superuser) above the broad rules, and let \
                 superusers in over the socket by peer.",
        false_positives: "A bastion host: keep it at one address and wait for the finding to be medium, or waive it.",
        source: "PostgreSQL manual, \"Role Attributes\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    by_rule(
        server,
        |access, cell| access.is_remote(cell) && access.holds_superuser(cell) && cell.databases != DbSet::Replication,
        found,
    )
}

fn found(access: &Access, hit: &Hit<'_>) -> Option<Found> {
    let of_rule = |c: &Cell| access.config.rules.get(c.rule).is_some_and(|r| r.number == hit.rule.number);
    // Of this rule's cells only those in which a superuser is.
    let of_supers = access.matrix.accepting().filter(|c| of_rule(c) && access.holds_superuser(c));
    let single = of_supers.map(Cell::count).max() == Some(1);
    let severity = if single { Severity::Medium } else { Severity::High };
    let (supers, method) = (listed(&hit.supers), hit.rule.method.word());
    let (class, count) = (hit.class?.word(), crate::exposure::access::amount(hit.addresses));
    let message = format!("superuser access for {supers} from {count} {class} addresses by {method}");
    Some(Found::new(hit.object(), message).at(severity))
}
