//! EXP-BKP-010: a backup leaves out nothing in silence.

use std::collections::BTreeSet;

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{NEWEST, Trail, ready};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::manifest::model::Role;
use crate::source::Facts;
use crate::types::{Kind, shown};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-BKP-010",
        title: "the newest backup leaves out nothing: roles, subscriptions, contents",
        severity: Severity::Medium,
        planes: &[Plane::Trail],
        guide: &[12, 16],
        refs: &[],
        why: "A dump without globals restores tables that nobody may read: roles, memberships and settings are gone. A \
              role without the rights skips what it may not see. None of it shows before the restore.",
        inspects: "The signed manifest of the newest backup: a logical one needs a globals stream. Its sealed facts, \
                   where an identity is here to open them: subscriptions that a role that is no superuser leaves out, \
                   databases without contents or without an inventory, no posture, and what the run warned of. Rows that row \
                   security hides need no look: pgseal dumps with row_security off, and such a dump fails.",
        remedy: "Let globals be dumped (a superuser, or a role that may read pg_authid, or role_passwords = false). \
                 Write CREATE SUBSCRIPTION statements down elsewhere, or let a superuser dump them.",
        false_positives: "Subscriptions that a restore is not meant to bring back: waive them by name.",
        source: "PostgreSQL manual, \"pg_dump\", Notes on subscriptions; \"pg_dumpall\", --globals-only.",
    },
    look: Look::Trail(look),
};

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    ready(judge(trail))
}

fn judge(trail: &Trail<'_>) -> Seen {
    let Some(newest) = trail.newest() else {
        return Seen::not_applicable("the source has no backup with a good signature");
    };
    let manifest = &newest.manifest;
    let mut seen = Seen::all_of(1);
    if manifest.kind == Kind::Logical && !manifest.streams.iter().any(|s| s.role == Role::Globals) {
        seen.add(Found::new(format!("{NEWEST}: globals"), "it holds no roles, memberships and tablespaces"));
    }
    if trail.facts.get().is_ok_and(|f| f.posture.is_none()) {
        let what = "no posture was sealed with it: drills cannot judge settings, access rules and sessions";
        seen.add(Found::new(format!("{NEWEST}: posture"), what).at(Severity::Low));
    }
    match trail.facts.get() {
        Ok(facts) if manifest.kind == Kind::Logical => of_facts(facts, &mut seen),
        Ok(facts) => warnings(facts, &mut seen),
        Err(why) => seen.open.push(format!("what the run could not see is not known: {why}")),
    }
    seen
}

fn of_facts(facts: &Facts, seen: &mut Seen) {
    let role = facts.roles.iter().find(|r| r.name == facts.server.role);
    for db in &facts.databases {
        seen.present += 1;
        seen.examined += 1;
        let name = |what: &str| format!("{NEWEST}: database {}: {what}", db.name);
        let subscriptions = db.object_counts.get("subscription").copied().unwrap_or(0);
        match role {
            // pg_dump leaves them out where it is no superuser, with a warning.
            Some(role) if subscriptions > 0 && !role.superuser => {
                let what =
                    format!("its {subscriptions} subscriptions are not in it: {} is no superuser", shown(&role.name));
                seen.add(Found::new(name("subscriptions"), what));
            }
            None if subscriptions > 0 => {
                seen.open.push(format!("whether the subscriptions of database {} are in it", shown(&db.name)));
            }
            _ => {}
        }
        if !db.contents_known {
            seen.add(Found::new(name("contents"), "no rows and digests were read off its dump").at(Severity::Low));
        }
        if db.inventory.is_none() {
            let what = "no inventory of its objects was taken, so that a restore cannot be compared with it";
            seen.add(Found::new(name("inventory"), what).at(Severity::Low));
        }
    }
    warnings(facts, seen);
}

fn warnings(facts: &Facts, seen: &mut Seen) {
    let texts: BTreeSet<&str> = facts.warnings.iter().map(String::as_str).collect();
    for text in texts {
        let what = "the run that took it warned of this";
        seen.add(Found::new(format!("{NEWEST}: warning: {text}"), what).at(Severity::Low));
    }
}
