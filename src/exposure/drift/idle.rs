//! EXP-DRIFT-006: every login was seen now and then.

use std::collections::BTreeSet;

use super::History;
use crate::exposure::roles::{is_admin, is_backup};
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DRIFT-006",
        title: "every login was in a session of one of the audits of the last months",
        severity: Severity::Low,
        planes: &[Plane::Live],
        guide: &[11, 24],
        refs: &["CIS 4.4"],
        why: "A login that stays away may still do all that it was once given. Roles are left behind by people, services and \
              trials that are gone, and nobody misses a password that is never used.",
        inspects: "Login roles that were in no session of this audit and of the earlier ones on this host, where at least \
                   five audits over at least 30 days saw sessions. Administrators, declared services and the role of backups \
                   are left out. A hint, not a proof: an audit sees one moment, and a job that runs once a month is seldom \
                   in it.",
        remedy: "Ask, then ALTER ROLE … NOLOGIN; if nobody complains for a month, DROP ROLE.",
        false_positives: "Batch and emergency accounts: declare them as services or admins in [expect].",
        source: "PostgreSQL manual, \"pg_stat_activity\", \"DROP ROLE\"",
    },
    look: Look::History(look),
};

/// Audits that must have seen sessions, this one included.
const AUDITS: usize = 5;
/// Days that they must span.
const DAYS: i64 = 30;

fn look(history: &History<'_>, policy: &Policy) -> Seen {
    let server = history.now;
    let sessions = match server.posture.sessions.get() {
        Ok(sessions) => sessions,
        Err(why) => return Seen::not_evaluated(format!("sessions are not known: {why}")),
    };
    if sessions.iter().any(|s| s.role.is_none() && s.backend == "client backend") {
        return Seen::not_evaluated("sessions of other roles may not be seen: GRANT pg_read_all_stats");
    }
    let earlier: Vec<_> = history.past.iter().filter_map(|p| Some((p.at, p.networks.as_ref()?))).collect();
    let first = earlier.iter().map(|(at, _)| *at).min().unwrap_or(history.at);
    let days = history.at.duration_since(first).as_hours() / 24;
    let audits = earlier.len() + 1;
    if audits < AUDITS || days < DAYS {
        return Seen::not_evaluated(format!("{audits} audits over {days} days saw sessions: too few to tell"));
    }
    let mut there: BTreeSet<String> = earlier.iter().flat_map(|(_, roles)| roles.keys().cloned()).collect();
    there.extend(sessions.iter().filter_map(|s| s.role.as_deref()).map(|r| history.telling.tag(r)));
    let service = |name: &String| policy.expect.services.as_ref().is_some_and(|all| all.contains(name));
    let meant = |name: &String| is_admin(server, policy, name) || is_backup(server, policy, name) || service(name);
    let asked: Vec<&String> = server.logins().map(|r| &r.name).filter(|n| !meant(n)).collect();
    let mut seen = Seen::all_of(asked.len());
    for name in asked {
        if !there.contains(&history.telling.tag(name)) {
            let message = format!("it was in no session that {audits} audits over {days} days saw");
            seen.add(Found::new(format!("role {name}"), message));
        }
    }
    if seen.present == 0 {
        seen.note = Some("there is no login role to ask about".to_owned());
    }
    seen
}
