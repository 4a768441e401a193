//! EXP-MAN-002: what the store can read without any key tells no names.

use std::collections::{BTreeMap, BTreeSet};

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, ready};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-MAN-002",
        title: "manifests and keys tell no names of hosts, databases and roles",
        severity: Severity::Low,
        planes: &[Plane::Trail],
        guide: &[16],
        refs: &[],
        why: "Manifests are signed, not sealed: whoever reads the store learns from them what is worth attacking. \
              pgseal keeps names of databases, roles, tables and hosts in the sealed facts; what is left are names \
              that an operator gave: of the source, and labels.",
        inspects: "The name of the source and the label of every manifest, against the names of databases in the \
                   configuration, and of databases, roles and the host in the sealed facts where an identity opens \
                   them. Names shorter than four letters are not looked for.",
        remedy: "Name the source after nothing (shop-1, not payroll), or accept it: renaming a source begins a new \
                 history. Leave names out of labels.",
        false_positives: "By choice: a source called as its database is easy to find at night. Waive it.",
        source: "pgseal's FORMAT.md, \"What the store can see\".",
    },
    look: Look::Trail(look),
};

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    ready(judge(trail))
}

fn judge(trail: &Trail<'_>) -> Seen {
    let entries = &trail.catalog.entries;
    let mut names: BTreeMap<&str, &str> = trail.databases.iter().map(|d| (d.as_str(), "database")).collect();
    match trail.facts.get() {
        Ok(facts) => {
            names.extend(facts.databases.iter().map(|d| (d.name.as_str(), "database")));
            let built_in = ["postgres", facts.server.bootstrap_superuser.as_str()];
            let roles = facts.roles.iter().map(|r| r.name.as_str()).filter(|r| !built_in.contains(r));
            for role in roles {
                names.entry(role).or_insert("role");
            }
            names.insert(&facts.server.host, "host");
        }
        Err(why) if names.is_empty() => {
            let why = format!("the names that must not be told are sealed: {why}");
            return Seen { present: entries.len() as u64, ..Seen::not_evaluated(why) };
        }
        Err(_) => {}
    }
    names.retain(|name, _| name.chars().count() >= 4);
    let mut seen = Seen::all_of(entries.len());
    let told = |text: &str| {
        let text = text.to_lowercase();
        names.iter().find(|(name, _)| text.contains(&name.to_lowercase())).map(|(name, what)| (*name, *what))
    };
    if !entries.is_empty()
        && let Some((name, what)) = told(trail.source.as_str())
    {
        let text = format!("every key and manifest tells it: it holds the name of {what} {}", shown(name));
        seen.add(Found::new(format!("source {}", trail.source), text));
    }
    let labels: BTreeSet<&str> = entries.iter().filter_map(|e| e.manifest.label.as_deref()).collect();
    for label in labels {
        if let Some((name, what)) = told(label) {
            let text = format!("it holds the name of {what} {}", shown(name));
            seen.add(Found::new(format!("label {label}"), text));
        }
    }
    if entries.is_empty() {
        seen.note = Some("the source has no backup with a good signature".into());
    } else if let Err(why) = trail.facts.get() {
        seen.note = Some(format!("only names of databases in the configuration were looked for: {why}"));
    }
    seen
}
