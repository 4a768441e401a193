//! EXP-DRIFT-001: nobody can do more than before.

use std::collections::{BTreeMap, BTreeSet};

use super::History;
use super::pairs::{Pair, Said, is, pairs};
use crate::exposure::{About, Check, Look, Plane, Policy, Seen, Server, Severity};
use crate::source::Inventory;
use crate::source::facts::RoleFacts;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DRIFT-001",
        title: "nobody can do more than at the last drill",
        severity: Severity::High,
        planes: &[Plane::Posture],
        guide: &[24],
        refs: &["SRG-APP-000381"],
        why: "Whoever got in once makes sure of a way back: a role with more rights, a grant to everybody, a policy that lets \
              through. Between two looks such a change is a line among many; beside the last look it is all there is.",
        inspects: "Roles, memberships, privileges, policies and functions of this backup beside those of the backup drilled \
                   before: roles that gained SUPERUSER, BYPASSRLS, CREATEROLE or REPLICATION, logins that can now become a \
                   superuser or a predefined role, new privileges of PUBLIC, row security that was switched off, policies \
                   that are new, other or gone where that may let more through, functions that became SECURITY DEFINER. \
                   Declared admins may be superusers.",
        remedy: "Find out who changed it and why. If nobody knows, undo it (REVOKE, ALTER ROLE, ALTER TABLE … ENABLE ROW LEVEL \
                 SECURITY) and look for what was done with it; if it is meant, it counts as known from the next drill on.",
        false_positives: "A release that needed it: waive it until the next drill, with the ticket.",
        source: "PostgreSQL manual, \"Role Attributes\", \"Predefined Roles\", \"Row Security Policies\"",
    },
    look: Look::History(look),
};

/// Kinds of objects that PUBLIC may use when they are made (PostgreSQL manual,
/// "Privileges").
const BORN_PUBLIC: [&str; 6] = ["function: ", "procedure: ", "aggregate: ", "type: ", "language: ", "database: "];

fn look(history: &History<'_>, policy: &Policy) -> Seen {
    let before = match history.before.get() {
        Ok(before) => before,
        Err(why) => return Seen::not_evaluated(format!("there is nothing to compare with: {why}")),
    };
    let mut seen = Seen::all_of(history.now.roles.len());
    let mut said = Said::default();
    roles(&before.server, history.now, policy, &mut said);
    match pairs(history) {
        Err(why) => seen.open.push(why),
        Ok(all) => {
            for pair in &all {
                match pair.inventories() {
                    Err(why) => seen.open.push(why),
                    Ok((then, now)) => {
                        let things = (now.grants.len() + now.row_security.len() + now.objects.len()) as u64;
                        (seen.present, seen.examined) = (seen.present + things, seen.examined + things);
                        public(pair, then, now, &mut said);
                        row_security(pair, then, now, &mut said);
                        definers(pair, then, now, &mut said);
                    }
                }
            }
        }
    }
    said.into(&mut seen);
    seen
}

type Attribute = (&'static str, fn(&RoleFacts) -> bool);

const ATTRIBUTES: [Attribute; 4] = [
    ("SUPERUSER", |r| r.superuser),
    ("BYPASSRLS", |r| r.bypass_rls),
    ("CREATEROLE", |r| r.create_role),
    ("REPLICATION", |r| r.replication),
];

fn roles(then: &Server, now: &Server, policy: &Policy, said: &mut Said) {
    let known: BTreeMap<&str, &RoleFacts> = then.roles.iter().map(|r| (r.name.as_str(), r)).collect();
    for role in &now.roles {
        let was = known.get(role.name.as_str());
        let admin = policy.is_admin(&role.name) == Some(true);
        let object = || format!("role {}", role.name);
        let how = if was.is_some() { "gained" } else { "is new, with" };
        for (name, has) in ATTRIBUTES {
            if has(role) && !was.is_some_and(|w| has(w)) && !(admin && name == "SUPERUSER") {
                said.add(object(), format!("it {how} {name}"));
            }
        }
        // A role that could not log in could do nothing.
        let could = was.is_some_and(|w| w.login);
        if !role.login || role.superuser {
            continue;
        }
        if let Some(way) = now.powers.to_superuser(&role.name)
            && !(could && then.powers.is_super(&role.name))
            && !admin
        {
            said.add(object(), format!("it can now become a superuser through {}", way.join(", ")));
        }
        for target in now.powers.reaches(&role.name).filter(|t| t.starts_with("pg_")) {
            if !(could && then.powers.can_become(&role.name, target)) {
                let way = now.powers.way(&role.name, target).unwrap_or_default().join(", ");
                said.add(object(), format!("it now has what {target} may do, through {way}"));
            }
        }
    }
}

fn public(pair: &Pair<'_>, then: &Inventory, now: &Inventory, said: &mut Said) {
    let of_public = |grants: Option<&Vec<String>>| -> BTreeSet<String> {
        grants.into_iter().flatten().filter_map(|g| g.strip_prefix("PUBLIC ")).map(str::to_owned).collect()
    };
    for (list, was, kind) in [
        (&now.grants, &then.grants, "PUBLIC has now"),
        (&now.default_grants, &then.default_grants, "of everything new PUBLIC gets now"),
    ] {
        for (key, grants) in list {
            let before = of_public(was.get(key));
            let new: Vec<String> = of_public(Some(grants)).difference(&before).cloned().collect();
            let born = BORN_PUBLIC.iter().any(|k| key.starts_with(k)) && !was.contains_key(key);
            // What it had by birth is not written down, and no gain.
            if !new.is_empty() && !born {
                said.add(pair.object(key), format!("{kind} {}", new.join(", ")));
            }
        }
    }
    // Back to what they were born with, which is not written down.
    for (key, grants) in &then.grants {
        let there = now.objects.contains_key(key) || !then.objects.contains_key(key);
        let closed = of_public(Some(grants)).is_empty() && BORN_PUBLIC.iter().any(|k| key.starts_with(k));
        if closed && there && !now.grants.contains_key(key) {
            said.add(pair.object(key), "PUBLIC may use it again, as when it was made");
        }
    }
}

fn row_security(pair: &Pair<'_>, then: &Inventory, now: &Inventory, said: &mut Said) {
    let none = BTreeMap::new();
    for (key, was) in &then.row_security {
        let is_now = now.row_security.get(key);
        if key.starts_with("policy: ") {
            let restrictive = is(was.get("permissive"), "false");
            let table_there =
                key.split_once(" on ").is_some_and(|(_, t)| now.objects.contains_key(&format!("table: {t}")));
            if is_now.is_none() && restrictive && table_there {
                said.add(pair.object(key), "this restrictive policy is gone");
            }
            continue;
        }
        for (part, word) in
            [("enabled", "row security was switched off"), ("forced", "row security is no longer forced")]
        {
            let gone = was.contains_key(part) && !is_now.unwrap_or(&none).contains_key(part);
            if gone && now.objects.contains_key(key) {
                said.add(pair.object(key), word);
            }
        }
    }
    for (key, policy) in now.row_security.iter().filter(|(k, _)| k.starts_with("policy: ")) {
        let permissive = is(policy.get("permissive"), "true");
        let Some(was) = then.row_security.get(key) else {
            let table = key.split_once(" on ").map(|(_, t)| format!("table: {t}"));
            // Of a new table everything is new.
            if permissive && table.is_some_and(|t| then.row_security.contains_key(&t)) {
                said.add(pair.object(key), "this policy is new, and lets more rows through");
            }
            continue;
        };
        if permissive && is(was.get("permissive"), "false") {
            said.add(pair.object(key), "this policy restricted others, and now adds to them");
        }
        for (part, word) in [
            ("using", "its USING"),
            ("with check", "its WITH CHECK"),
            ("roles", "its roles"),
            ("command", "its command"),
        ] {
            if was.get(part) != policy.get(part) {
                said.add(pair.object(key), format!("{word} changed"));
            }
        }
    }
}

fn definers(pair: &Pair<'_>, then: &Inventory, now: &Inventory, said: &mut Said) {
    for (key, object) in &now.objects {
        if is(object.parts.get("security"), "definer") {
            let was = then.objects.get(key).and_then(|o| o.parts.get("security"));
            if !is(was, "definer") {
                let owner = object.owner.as_deref().unwrap_or("its owner");
                said.add(pair.object(key), format!("it now runs as {owner}, whoever calls it (SECURITY DEFINER)"));
            }
        }
    }
}
