//! EXP-TOOL-002: no secret lies in the environment of what runs for long.

use std::collections::BTreeMap;

use crate::exposure::house::jobs::Origin;
use crate::exposure::house::line::{Place, secret, variable};
use crate::exposure::house::processes::Process;
use crate::exposure::house::{House, file};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TOOL-002",
        title: "no password lies in the environment of this user's processes, units and profiles",
        severity: Severity::High,
        planes: &[Plane::House],
        guide: &[10],
        refs: &["CIS 1.6", "CIS 1.7"],
        why: "A variable is handed to everything that a process starts, shows up in crash dumps and in `systemctl \
              show`, and outlives the job that needed it.",
        inspects: "The environment of pgseal itself and of all processes of this user (as root: of all); \
                   Environment= and EnvironmentFile= of services that run pgseal or PostgreSQL's programs; cron \
                   tables; the user's shell profiles: PGPASSWORD, AWS_SECRET_ACCESS_KEY, age identities, connection \
                   URIs with a password. Environments of other users' processes are theirs, and are not looked at.",
        remedy: "PostgreSQL: ~/.pgpass instead of PGPASSWORD. S3: a profile of ~/.aws/credentials (0600) or an \
                 instance role. Identities: LoadCredential= of systemd, and keys.identity as its path.",
        false_positives: "A CI runner that hands secrets over as variables of one short step: audit the host, not the \
                          step.",
        source: "PostgreSQL manual, \"Environment Variables\", PGPASSWORD; systemd.exec(5), \"Credentials\".",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    seen.present += 1;
    seen.examined += 1;
    for (name, value) in house.env {
        if let Some(what) = variable(name, value) {
            let object = format!("variable {name} of this run");
            seen.add(Found::new(object, format!("it holds {what}")));
        }
    }
    processes(house, &mut seen);
    for t in house.jobs.texts.iter().filter(|t| t.origin != Origin::History) {
        seen.present += 1;
        seen.examined += 1;
        let lines = t.text.lines().filter(|l| !l.trim_start().starts_with('#'));
        let found = lines.filter_map(secret).find(|(place, _)| *place == Place::Variable);
        if let Some((_, what)) = found {
            seen.add(Found::new(file(&t.path), format!("it sets {what}")));
        }
    }
    seen.open.extend(house.jobs.closed.iter().cloned());
    seen
}

fn processes(house: &House<'_>, seen: &mut Seen) {
    let me = i32::try_from(std::process::id()).unwrap_or(0);
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut closed: BTreeMap<String, u64> = BTreeMap::new();
    let mine = |p: &&Process| (house.uid == 0 || p.uid == house.uid) && p.pid != me && !p.arguments.is_empty();
    for p in house.processes.all.iter().filter(mine) {
        seen.present += 1;
        match p.environment() {
            Ok(environment) => {
                seen.examined += 1;
                for (name, value) in environment {
                    if variable(&name, &value).is_some() {
                        *found.entry((p.name(), name)).or_default() += 1;
                    }
                }
            }
            Err(_) => *closed.entry(p.name()).or_default() += 1,
        }
    }
    for ((program, name), count) in found {
        let object = format!("process {program}: variable {name}");
        seen.add(Found::new(object, format!("it holds a secret in {count} processes")));
    }
    for (program, count) in closed {
        seen.open.push(format!("the environment of {count} processes of {program} cannot be read"));
    }
}
