//! EXP-HBA-007: no private network is let in that is wider than needed.

use super::{PLANES, by_rule};
use crate::exposure::access::amount;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{AddressClass, Cell, Interval};

/// Most IPv4 addresses: a /16.
const MOST_V4: u128 = 1 << 16;
/// Most IPv6 addresses: a /64, one network.
const MOST_V6: u128 = 1 << 64;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-007",
        title: "no rule lets in a private network wider than a site",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[2, 5],
        refs: &["pgdsat 5.9"],
        why: "10.0.0.0/8 is every office, every VPN user and every printer. The first machine that is taken over there is \
              next to the database.",
        inspects: "The evaluated rules: accepting rules that fit more than 65,536 private IPv4 addresses or more than one \
                   /64 of IPv6. Public addresses are EXP-HBA-002's.",
        remedy: "Name the networks of the applications, one line each.",
        false_positives: "The pod network of a cluster, narrowed by network policies: waive it with the policy's owner.",
        source: "PostgreSQL manual, \"The pg_hba.conf File\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    by_rule(
        server,
        |access, cell| access.is_remote(cell) && cell.class() != Some(AddressClass::Global) && too_wide(cell),
        |_, hit| {
            let message = format!("{} private addresses are let in, {}", amount(hit.addresses), hit.who());
            Some(Found::new(hit.object(), message))
        },
    )
}

fn too_wide(cell: &Cell) -> bool {
    let count =
        |v6| cell.addresses.iter().filter(|i| i.is_v6() == v6).map(Interval::count).fold(0, u128::saturating_add);
    count(false) > MOST_V4 || count(true) > MOST_V6
}
