//! EXP-AUTH-006: SCRAM verifiers are strong, and of one role only.

use std::collections::BTreeMap;

use crate::exposure::server::VerifierKind;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Server, Severity};

/// PostgreSQL's default, and the least that RFC 7677 allows.
const ITERATIONS: u32 = 4_096;

/// Roles that are named in one object.
const FEW: usize = 20;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-AUTH-006",
        title: "stored SCRAM passwords are slow to guess, and none is shared by two roles",
        severity: Severity::Low,
        planes: &[Plane::Copy],
        guide: &[9],
        refs: &[],
        why: "Salts are random: two roles have the same one only where one stored password was copied to another role, \
              so both logins have one password. Fewer iterations than 4,096 make guessing in a stolen backup cheap.",
        inspects: "Stored SCRAM passwords in the restored copy: iterations below 4,096, and equal salts in several roles.",
        remedy: "ALTER SYSTEM RESET scram_iterations (16 and newer), and set the passwords again, one for each role.",
        false_positives: "A role that was copied to be renamed, as long as the old one has no LOGIN.",
        source: "RFC 7677 section 4; PostgreSQL manual, \"scram_iterations\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let all = match server.verifiers.get() {
        Ok(all) => all,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut salts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut seen = Seen::default();
    for verifier in all {
        let VerifierKind::Scram { iterations } = verifier.kind else { continue };
        seen.present += 1;
        seen.examined += 1;
        if iterations < ITERATIONS {
            let message = format!("the stored password of {} has {iterations} iterations", verifier.role);
            seen.add(Found::new(format!("role {}", verifier.role), message));
        }
        if let Some(salt) = &verifier.salt_tag {
            salts.entry(salt).or_default().push(&verifier.role);
        }
    }
    if seen.present == 0 {
        return Seen::not_applicable("no password is stored as SCRAM");
    }
    for mut roles in salts.into_values().filter(|r| r.len() > 1) {
        roles.sort_unstable();
        let more = if roles.len() > FEW { " and more" } else { "" };
        let names = roles.iter().take(FEW).copied().collect::<Vec<_>>().join(", ");
        seen.add(Found::new(
            format!("roles {names}{more}"),
            format!("{} roles share one stored password", roles.len()),
        ));
    }
    seen
}
