//! EXP-AUTH-002: no password is obvious.

use super::may_log_in;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-AUTH-002",
        title: "no password is one of the few that everybody tries",
        severity: Severity::High,
        planes: &[Plane::Copy],
        guide: &[4],
        refs: &["CIS 5.6"],
        why: "Whoever reaches the port tries the role's own name, the database's, postgres and changeme before anything \
              else, and needs no more than a minute for it.",
        inspects: "In the sealed copy, without any login: whether one of at most 50 passwords fits a stored one (the \
                   role's name, also backwards and with digits, names of databases, words as postgres, password, \
                   changeme). Which one is not told, nor kept. Critical where the role is effectively a superuser, low \
                   where it has no LOGIN. Off with guess_passwords = false; the work is bounded, and what was not tried \
                   is told.",
        remedy: "Set another password: \\password app in psql, with one that a password manager made.",
        false_positives: "None: the password fits. Where the login is open to nobody (NOLOGIN, no rule), it is still known.",
        source: "RFC 5802 and RFC 7677 (SCRAM); PostgreSQL manual, \"pg_authid\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    if !policy.guess_passwords {
        return Seen::not_evaluated("passwords are not to be tried (guess_passwords = false)");
    }
    let all = match server.verifiers.get() {
        Ok(all) if all.is_empty() => return Seen::not_applicable("no role has a stored password"),
        Ok(all) => all,
        Err(why) => return Seen::not_evaluated(why),
    };
    let untried = all.iter().filter(|v| v.guessed.is_none()).count();
    let mut seen = Seen { examined: (all.len() - untried) as u64, ..Seen::all_of(all.len()) };
    if untried > 0 {
        seen.open.push(format!("{untried} of {} stored passwords were not tried: they would take too long", all.len()));
    }
    for verifier in all.iter().filter(|v| v.guessed == Some(true)) {
        let name = &verifier.role;
        let found = Found::new(format!("role {name}"), format!("the password of {name} is one that everybody tries"));
        seen.add(match (may_log_in(server, verifier), server.powers.is_super(name)) {
            (false, _) => found.at(Severity::Low),
            (true, true) => found.at(Severity::Critical),
            (true, false) => found,
        });
    }
    seen
}
