//! EXP-TLS-004: nobody is connected from beyond the host without encryption.

use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TLS-004",
        title: "no session from beyond the host is unencrypted",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Posture],
        guide: &[3],
        refs: &["SRG-APP-000441"],
        why: "That rules allow plain connections is one thing; that somebody uses them is another: these clients send rows \
              and statements readable, now.",
        inspects: "pg_stat_ssl and pg_stat_gssapi beside pg_stat_activity: sessions with a client address beyond loopback and \
                   neither TLS nor GSSAPI encryption, walsenders too.",
        remedy: "Set sslmode=verify-full in these clients, then make the rules hostssl.",
        false_positives: "A pooler on a private wire: waive it with what protects the wire.",
        source: "PostgreSQL manual, \"pg_stat_ssl\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let sessions = match server.posture.sessions.get() {
        Ok(sessions) => sessions,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::default();
    for s in sessions {
        let Some(address) = s.address.filter(|a| !a.is_loopback()) else { continue };
        seen.present += s.count;
        let role = s.role.as_deref().unwrap_or("?");
        if s.tls == Some(true) || s.gss == Some(true) {
            seen.examined += s.count;
        } else if s.tls == Some(false) {
            seen.examined += s.count;
            let message = format!("{} sessions are unencrypted ({})", s.count, s.backend);
            seen.add(Found::new(format!("role {role} from {address}"), message));
        }
    }
    if seen.examined < seen.present {
        seen.open.push("the encryption of other roles' sessions may not be seen: GRANT pg_read_all_stats".to_owned());
    }
    if seen.present == 0 {
        seen.note = Some("nobody was connected from beyond the host".to_owned());
    }
    seen
}
