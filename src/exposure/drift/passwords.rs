//! EXP-AUTH-004: passwords are changed now and then.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::History;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-AUTH-004",
        title: "no password is older than a year, of superusers than 90 days",
        severity: Severity::Medium,
        planes: &[Plane::Copy],
        guide: &[11],
        refs: &["SRG-APP-000174"],
        why: "Who left the company, what was in a ticket, which laptop was lost: an old password is known to more people \
              than anybody counts. PostgreSQL does not record when a password was set.",
        inspects: "An HMAC of each login role's stored password, under a key of this host, beside those of earlier looks: as \
                   long as it stays the same the password was not set again. A finding where it is so for more than 365 \
                   days, or 90 where the role is, or can become, a superuser. Earlier looks go back only so far: a password \
                   that was not changed since the first of them, which is younger, is not judged.",
        remedy: "Set a new one with \\password, which keeps it out of logs, and drop roles that nobody needs. Better: \
                 certificates or GSSAPI, which have no password.",
        false_positives: "None: setting the same password again gives another verifier, so it is the lower bound of an age.",
        source: "RFC 5803 (SCRAM verifiers are salted)",
    },
    look: Look::History(look),
};

/// Days after which a password is old.
const OLD: i64 = 365;
/// The same of superusers.
const OLD_SUPER: i64 = 90;

fn look(history: &History<'_>, _: &Policy) -> Seen {
    let verifiers = match history.now.verifiers.get() {
        Ok(verifiers) => verifiers,
        Err(why) => return Seen::not_evaluated(why),
    };
    let looked: Vec<_> = history.past.iter().filter(|p| !p.credentials.is_empty()).collect();
    let Some(first) = looked.iter().map(|p| p.at).min() else {
        return Seen::not_evaluated("no earlier look saw stored passwords");
    };
    // By what each look carries on from those before it.
    let mut since: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for (tag, at) in looked.iter().flat_map(|p| &p.credentials) {
        since.entry(tag).and_modify(|known| *known = (*at).min(*known)).or_insert(*at);
    }
    let first = since.values().copied().min().map_or(first, |at| at.min(first));
    let days = |from: Timestamp| history.at.duration_since(from).as_hours() / 24;
    let mut seen = Seen::default();
    let mut young = 0;
    for v in verifiers {
        if !history.now.role(&v.role).is_some_and(|r| r.login) {
            continue;
        }
        seen.present += 1;
        let superuser = history.now.powers.is_super(&v.role);
        let limit = if superuser { OLD_SUPER } else { OLD };
        match since.get(v.tag.as_str()) {
            Some(from) if days(*from) > limit => {
                seen.examined += 1;
                let looks = looked.iter().filter(|p| p.credentials.contains_key(&v.tag)).count();
                let whose = if superuser { ", and the role is a superuser or can become one" } else { "" };
                let message =
                    format!("its password is unchanged for at least {} days ({looks} looks){whose}", days(*from));
                seen.add(Found::new(format!("role {}", v.role), message));
            }
            // It was there at the first look of all: how old it was then nobody knows.
            Some(from) if *from <= first => young += 1,
            _ => seen.examined += 1,
        }
    }
    if young > 0 {
        let n = days(first);
        seen.open
            .push(format!("{young} passwords were not changed since the first look, {n} days ago: no age is known"));
    }
    if seen.present == 0 {
        seen.note = Some("no login role has a stored password".to_owned());
    }
    seen
}
