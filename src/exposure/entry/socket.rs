//! EXP-HBA-009: nobody becomes a superuser over the socket just by being there.

use super::{PLANES, by_rule};
use crate::exposure::access::listed;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{Method, Transport};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-009",
        title: "local users prove who they are",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[4, 5, 20],
        refs: &["CIS 5.3"],
        why: "`local … trust`, and trust for loopback, make every user and every process of the host any role: a hole in \
              one web application there is a hole in the database.",
        inspects: "Accepting rules with trust over the socket or from loopback. High where a superuser is among the roles \
                   and the socket is open to every user of the host (unix_socket_permissions) or the rule is for loopback.",
        remedy: "Use `local all all peer`, with a map in pg_ident.conf where names differ.",
        false_positives: "A container with a single user: waive it, or use peer, which works there, too.",
        source: "PostgreSQL manual, \"Peer Authentication\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let open = server.value("unix_socket_permissions").map_or(true, open_to_others);
    by_rule(
        server,
        |access, cell| cell.method == Method::Trust && !access.is_remote(cell),
        |_, hit| {
            let over_socket = hit.transports.contains(&Transport::Socket);
            let bad = !hit.supers.is_empty() && (open || !over_socket);
            let severity = if bad { Severity::High } else { Severity::Medium };
            let whom =
                if hit.supers.is_empty() { listed(&hit.roles) } else { format!("superuser {}", listed(&hit.supers)) };
            let way = if over_socket { "over the socket" } else { "from loopback" };
            Some(Found::new(hit.object(), format!("any user of the host can be {whom} {way}")).at(severity))
        },
    )
}

/// Whether a mode (`0777`) lets others than owner and group write, which is
/// what connecting needs.
fn open_to_others(mode: &str) -> bool {
    u32::from_str_radix(mode, 8).map_or(true, |m| m & 0o002 != 0)
}
