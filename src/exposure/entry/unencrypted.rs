//! EXP-HBA-006: nobody enters from beyond the host without encryption.

use super::{PLANES, by_rule};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::Transport;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-006",
        title: "no rule lets in over the network without encryption",
        severity: Severity::High,
        planes: PLANES,
        guide: &[3, 5],
        refs: &["CIS 6.8", "SRG-APP-000441", "SRG-APP-000442"],
        why: "What travels plain can be read and changed on the way: rows, statements, and sessions that were \
              authenticated can be taken over. `host` takes plain connections even where TLS is on.",
        inspects: "The evaluated rules: accepting rules that fit plain TCP connections from beyond loopback. TLS and GSSAPI \
                   encryption both count as encrypted.",
        remedy: "Write hostssl in place of host, and `hostnossl all all all reject` above it.",
        false_positives: "A pooler or proxy on the same host ends TLS: let it connect over loopback or the socket.",
        source: "PostgreSQL manual, \"Secure TCP/IP Connections with SSL\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    by_rule(
        server,
        |access, cell| cell.transport == Transport::Plain && access.is_remote(cell),
        |_, hit| Some(Found::new(hit.object(), format!("it takes unencrypted connections {}", hit.who()))),
    )
}
