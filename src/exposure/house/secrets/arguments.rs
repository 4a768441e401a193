//! EXP-TOOL-001: no secret stands among arguments.

use std::collections::BTreeMap;

use crate::exposure::house::jobs::Origin;
use crate::exposure::house::line::{Place, secret};
use crate::exposure::house::{House, file};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TOOL-001",
        title: "no password and no key stands among the arguments of programs and jobs",
        severity: Severity::High,
        planes: &[Plane::House],
        guide: &[10],
        refs: &["CIS 5.1", "SRG-APP-000172"],
        why: "Arguments are readable by every user of the host (/proc/PID/cmdline), land in process lists, monitoring \
              and shell histories, and stay there.",
        inspects: "The arguments of all processes that this user sees; cron tables; systemd services that run pgseal \
                   or PostgreSQL's programs; the user's shell histories: connection URIs and conninfo strings with a \
                   password, age identities. References ($PW, $(cat …)) are no findings. What is found is not \
                   repeated.",
        remedy: "Change the password that was seen. Put the new one into ~/.pgpass (0600) or a service file with \
                 passfile=, and name the service: connection = \"service=shop\". Take the line out of the history.",
        false_positives: "A password of a throw-away server in a history: take the line out anyway.",
        source: "PostgreSQL manual, \"The Password File\"; proc(5).",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    let as_argument = |line: &str| secret(line).filter(|(place, _)| *place == Place::Argument).map(|(_, what)| what);
    seen.present += 1;
    seen.examined += 1;
    if let Some(what) = as_argument(&house.arguments.join(" ")) {
        seen.add(Found::new("arguments of this run", format!("{what} stands among them")));
    }
    // By program: several may run at once, and process ids change.
    let mut found: BTreeMap<String, (&str, u64)> = BTreeMap::new();
    for p in &house.processes.all {
        seen.present += 1;
        seen.examined += 1;
        if let Some(what) = as_argument(&p.arguments.join(" ")) {
            found.entry(p.name()).or_insert((what, 0)).1 += 1;
        }
    }
    for (name, (what, count)) in found {
        let text = format!("{what} stands among the arguments of {count} processes");
        seen.add(Found::new(format!("process {name}"), text));
    }
    seen.open.extend(house.processes.closed.clone());
    for t in &house.jobs.texts {
        seen.present += 1;
        seen.examined += 1;
        let mut found = None;
        let mut lines = 0u64;
        for line in t.text.lines().filter(|l| !l.trim_start().starts_with('#') || t.origin == Origin::History) {
            let what = match t.origin {
                // What was typed is a secret in a file, whatever form it had.
                Origin::History => secret(line).map(|(_, what)| what),
                _ => as_argument(line),
            };
            if let Some(what) = what {
                found = found.or(Some(what));
                lines += 1;
            }
        }
        if let Some(what) = found {
            seen.add(Found::new(file(&t.path), format!("{lines} lines hold a secret: {what}")));
        }
    }
    seen.open.extend(house.jobs.closed.iter().cloned());
    seen
}
