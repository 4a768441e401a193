//! EXP-ROLE-010: logins without an end, and after it.

use jiff::Timestamp;

use super::super::{PLANES, is_backup};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-010",
        title: "logins of people end, and what has ended cannot log in",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[9, 11, 20],
        refs: &["CIS 4.4"],
        why: "VALID UNTIL ends a password, not the login: by peer, cert, ldap or gss one still comes in, and with trust \
              anyway. A login that was to end and is still there is one that nobody looks after.",
        inspects: "Roles with LOGIN whose VALID UNTIL is over. Where expect.services declares the roles of services: also \
                   roles with LOGIN that have no VALID UNTIL and are neither declared services nor the backup role nor \
                   the bootstrap superuser. Where it does not, a missing end is not judged.",
        remedy: "ALTER ROLE left_us NOLOGIN; or DROP ROLE; for people ALTER ROLE alice VALID UNTIL '…'; for services list \
                 the role in expect.services.",
        false_positives: "Roles that only log in by other means than a password and are ended elsewhere (LDAP, Kerberos).",
        source: "PostgreSQL manual, \"CREATE ROLE\", VALID UNTIL",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    let mut seen = Seen::all_of(server.logins().count());
    let now = Some(server.posture.taken_at).filter(|t| *t != Timestamp::default());
    for role in server.logins() {
        let (name, object) = (&role.name, format!("role {}", role.name));
        let judged = match role.valid_until.as_deref() {
            None | Some("infinity") => {
                let meant = policy.expect.services.as_ref().is_none_or(|all| all.contains(name))
                    || is_backup(server, policy, name)
                    || *name == server.bootstrap;
                if meant { Ok(None) } else { Ok(Some(format!("{name} has no VALID UNTIL and is no declared service"))) }
            }
            Some(until) => ended(until, now).map(|over| {
                let superuser = if server.powers.is_super(name) { ", as a superuser" } else { "" };
                over.then(|| format!("{name} ended on {}, and may still log in{superuser}", day(until)))
            }),
        };
        match judged {
            Ok(Some(message)) => seen.add(Found::new(object, message)),
            Ok(None) => {}
            Err(why) => {
                seen.open.push(format!("role {name}: {why}"));
                seen.examined -= 1;
            }
        }
    }
    if policy.expect.services.is_none() {
        seen.note =
            Some("services are not declared (expect.services), so logins without an end were not judged".into());
    }
    seen
}

/// Whether a time of PostgreSQL (ISO, with its zone) is over.
fn ended(until: &str, now: Option<Timestamp>) -> Result<bool, String> {
    if until == "-infinity" || until.ends_with(" BC") {
        return Ok(true);
    }
    // Our clock ends within the year 9999, and people write its last day for "never".
    if until.split('-').next().is_some_and(|y| y == "9999" || (y.len() > 4 && y.bytes().all(|b| b.is_ascii_digit()))) {
        return Ok(false);
    }
    let end: Timestamp = until.parse().map_err(|_| "its VALID UNTIL cannot be read".to_owned())?;
    now.map(|now| end <= now).ok_or_else(|| "it is not known when the server was looked at".to_owned())
}

fn day(until: &str) -> &str {
    until.split(' ').next().unwrap_or(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_as_postgresql_writes_them() {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let ended = |until: &str| ended(until, Some(now));
        for over in ["2020-01-01 00:00:00+00", "2026-06-01 00:00:00+00", "2026-05-31 23:59:59.999999+00", "-infinity"] {
            assert_eq!(ended(over), Ok(true), "{over}");
        }
        for ahead in ["2026-06-01 00:00:00.000001+00", "9999-12-31 00:00:00+00", "294276-12-31 23:59:59+00"] {
            assert_eq!(ended(ahead), Ok(false), "{ahead}");
        }
        assert_eq!(ended("0044-03-15 00:00:00+00 BC"), Ok(true));
        assert!(ended("soon").is_err());
        assert!(super::ended("2020-01-01 00:00:00+00", None).is_err());
    }
}
