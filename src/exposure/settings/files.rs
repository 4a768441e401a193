//! EXP-CONF-002: socket and data directory are closed to others.

use super::{Look as Settings, PLANES, of};
use crate::exposure::{About, Check, Look, Policy, Seen, Server, Severity};
use crate::hba::{Method, Transport};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-CONF-002",
        title: "socket and data directory are closed to users who have no business there",
        severity: Severity::Low,
        planes: PLANES,
        guide: &[5],
        refs: &["CIS 2.1", "pgdsat 2.6", "SRG-APP-000243"],
        why: "Who may open the socket may try to be a role; with trust, or a password that is guessed, that is all it takes. \
              Who reads the data directory needs no role at all.",
        inspects: "unix_socket_permissions that let every user connect while a local rule asks for no proof or a password; \
                   data_directory_mode other than 0700 and 0750.",
        remedy: "Set unix_socket_group and unix_socket_permissions = 0770 (restart), or use peer in local rules.",
        false_positives: "0777 with peer only is harmless and no finding.",
        source: "PostgreSQL manual, \"Connections and Authentication\", unix_socket_permissions",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut look = Settings::at(server);
    look.setting("data_directory_mode", |value| {
        let fits = matches!(u32::from_str_radix(value, 8), Ok(0o700 | 0o750));
        (!fits).then(|| of("data_directory_mode", format!("the data directory has mode {value}")))
    });
    let open = match server.value("unix_socket_permissions") {
        Ok(mode) => u32::from_str_radix(mode, 8).map_or(true, |m| m & 0o002 != 0),
        Err(why) => {
            look.seen.open.push(why);
            return look.seen;
        }
    };
    if !open {
        look.seen.merge(Seen::all_of(1));
        return look.seen;
    }
    match server.access() {
        Ok(access) => {
            let weak = |m: Method| matches!(m, Method::Trust | Method::Password | Method::Md5 | Method::Scram);
            let hits = access.hits(|c| c.transport == Transport::Socket && weak(c.method));
            look.seen.merge(Seen::one((!hits.is_empty()).then(|| {
                let rules = hits.len();
                of(
                    "unix_socket_permissions",
                    format!("every user of the host can try {rules} local rules that are not peer"),
                )
            })));
        }
        Err(why) => look.seen.open.push(why.to_owned()),
    }
    look.seen
}
