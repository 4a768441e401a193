//! EXP-AUTH-001: no password is stored as md5.

use super::may_log_in;
use crate::exposure::server::VerifierKind;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-AUTH-001",
        title: "no password is stored as md5",
        severity: Severity::High,
        planes: &[Plane::Copy],
        guide: &[4],
        refs: &["CIS 5.4", "pgdsat 5.12", "SRG-APP-000171"],
        why: "An md5 verifier is the password, as far as the server is concerned: whoever reads it in a backup can log in \
              without guessing. Its only salt is the role's name, so guesses run at billions a second. PostgreSQL 18 \
              deprecates it.",
        inspects: "The kind of every stored password in the restored copy. Roles without LOGIN are told as low.",
        remedy: "SET password_encryption = 'scram-sha-256'; then set the password again (\\password app in psql), and \
                 change md5 to scram-sha-256 in pg_hba.conf.",
        false_positives: "None; clients older than libpq 10 need an update.",
        source: "PostgreSQL manual, \"Password Authentication\"; release notes of 18",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let all = match server.verifiers.get() {
        Ok(all) if all.is_empty() => return Seen::not_applicable("no role has a stored password"),
        Ok(all) => all,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::all_of(all.len());
    for verifier in all {
        let found = match verifier.kind {
            VerifierKind::Scram { .. } => continue,
            VerifierKind::Md5 => Found::new(format!("role {}", verifier.role), format!("{} stores md5", verifier.role)),
            VerifierKind::Unknown => {
                seen.open.push(format!("the stored password of {} is of no known kind", verifier.role));
                seen.examined -= 1;
                continue;
            }
        };
        seen.add(if may_log_in(server, verifier) { found } else { found.at(Severity::Low) });
    }
    seen
}
