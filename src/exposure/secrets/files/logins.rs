//! EXP-LOG-006: failed logins in logs.

use std::collections::BTreeMap;
use std::path::Path;

use super::logs::{is_log, pieces};
use super::on_disk;
use super::tree::Tree;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::secrets::Files;
use crate::exposure::{About, Blind, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-LOG-006",
        title: "the logs show no run of failed logins",
        severity: Severity::Medium,
        planes: &[Plane::Copy],
        guide: &[19],
        refs: &[],
        why: "Guessing passwords leaves hundreds of lines in the log of a server that nobody reads. A login that \
              succeeds after them is the moment to be told of.",
        inspects: "Messages of failed authentication in the logs that lie in the restored copy (log, pg_log; stderr, \
                   csv and json format, in English): ten or more failures of one role are a finding, high where a login \
                   of that role succeeds behind them; so are ten or more of roles that do not exist.",
        remedy: "Find the client by its address in the log. Block it in pg_hba.conf with a reject rule, load auth_delay, \
                 and change the password of a role that was entered after failures.",
        false_positives: "A retired client that still tries its old password, a monitoring probe: mend or stop it, or \
                          waive the role.",
        source: "PostgreSQL manual, \"Client Authentication\", \"Authentication Problems\"",
    },
    look: Look::Files(look),
};

/// Failures of one role that are no slip any more.
const RUN: u64 = 10;
/// Most of the logs that is read, bytes.
const ALTOGETHER: u64 = 2 * 1024 * 1024 * 1024;

fn look<'a>(files: &'a Files<'a>) -> Looking<'a> {
    Box::pin(see(files))
}

async fn see(files: &Files<'_>) -> Result<Seen, Blind> {
    let data = files.data_dir.to_owned();
    let mut roles: BTreeMap<String, Logins> =
        files.server.roles.iter().map(|r| (r.name.clone(), Logins::default())).collect();
    let known = !roles.is_empty();
    let (logs, open, roles, unknown) = on_disk(move || {
        let mut unknown = Logins::default();
        let (logs, open) = read(&data, &mut |line| count(line, &mut roles, &mut unknown));
        (logs, open, roles, unknown)
    })
    .await?;
    if logs == 0 && open.is_empty() {
        return Ok(Seen::not_applicable("there are no logs in the data directory"));
    }
    let mut seen = Seen { open, ..Seen::all_of(logs) };
    if !known {
        seen.open.push("the roles of the server are not known".to_owned());
    }
    for (role, logins) in roles.iter().filter(|(_, l)| l.failed >= RUN) {
        let found = Found::new(format!("role {role}"), logins.words());
        seen.add(if logins.entered { found.at(Severity::High) } else { found });
    }
    if unknown.failed >= RUN {
        let message = format!("{} failed logins of roles that do not exist", unknown.failed);
        seen.add(Found::new("roles that do not exist", message));
    }
    Ok(seen)
}

/// What is seen of one role's logins.
#[derive(Default)]
struct Logins {
    failed: u64,
    /// Whether a login succeeded behind a run of failures.
    entered: bool,
}

impl Logins {
    fn words(&self) -> String {
        let then = if self.entered { "; then a login succeeded" } else { "" };
        format!("{} failed logins stand in the logs{then}", self.failed)
    }
}

/// Reads the lines of all logs, in the order of their names.
fn read(data: &Path, line: &mut dyn FnMut(&str)) -> (usize, Vec<String>) {
    let Ok(tree) = Tree::open(data) else { return (0, vec!["the data directory could not be opened".to_owned()]) };
    let listing = tree.list(&is_log);
    let (mut open, mut budget) = (Vec::new(), ALTOGETHER);
    for entry in &listing.files {
        open.extend(pieces(&tree, entry, &mut budget, &mut |text| text.lines().for_each(&mut *line)));
    }
    (listing.files.len(), open)
}

/// Counts one line. A role that the server does not have is counted with its like: the
/// names were chosen by whoever knocked.
fn count(line: &str, roles: &mut BTreeMap<String, Logins>, unknown: &mut Logins) {
    let failed = line.contains("authentication failed for user")
        || line.contains("no pg_hba.conf entry for")
        || line.contains("pg_hba.conf rejects connection for")
        || (line.contains("FATAL") && line.contains("role ") && line.contains("does not exist"));
    let entered = !failed && line.contains("connection authorized: user=");
    if !failed && !entered {
        return;
    }
    let Some(name) = (if entered { authorized(line) } else { refused(line) }) else { return };
    let logins = match roles.get_mut(&name) {
        Some(logins) => logins,
        None if failed => unknown,
        None => return,
    };
    if failed {
        logins.failed += 1;
    } else if logins.failed >= RUN {
        logins.entered = true;
    }
}

/// `app` of `… for user "app"`, `role "app" does not exist`; quotes are doubled in csv
/// and escaped in json.
fn refused(line: &str) -> Option<String> {
    let line = line.replace("\"\"", "\"").replace("\\\"", "\"");
    let after = ["user \"", "role \""].iter().find_map(|w| line.split_once(w))?.1;
    let ends = ["\", database", "\", no encryption", "\", SSL", "\" does not exist"];
    let end = ends.iter().filter_map(|e| after.find(e)).min().or_else(|| after.find('"'))?;
    Some(after[..end].to_owned())
}

/// `app` of `connection authorized: user=app database=shop …`.
fn authorized(line: &str) -> Option<String> {
    let after = line.split_once("connection authorized: user=")?.1;
    let end = after.find(" database=").or_else(|| after.find([' ', '"', ','])).unwrap_or(after.len());
    Some(after[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_all_three_formats() {
        for line in [
            "2026-11-26 UTC [1] FATAL:  password authentication failed for user \"app\"",
            "2026-11-26,\"app\",\"shop\",1,\"10.0.0.9:1\",x,1,\"authentication\",2026,3/1,0,FATAL,28P01,\"password authentication failed for user \"\"app\"\"\",,",
            "{\"user\":\"x\",\"message\":\"password authentication failed for user \\\"app\\\"\"}",
            "FATAL:  no pg_hba.conf entry for host \"10.0.0.9\", user \"app\", database \"shop\", no encryption",
            "FATAL:  role \"app\" does not exist",
        ] {
            let (mut roles, mut unknown) = (BTreeMap::from([("app".to_owned(), Logins::default())]), Logins::default());
            count(line, &mut roles, &mut unknown);
            assert_eq!((roles["app"].failed, unknown.failed), (1, 0), "{line}");
            count(&line.replace("app", "nobody"), &mut roles, &mut unknown);
            assert_eq!((roles["app"].failed, unknown.failed), (1, 1), "{line}");
        }
    }

    #[test]
    fn only_a_run_of_failures_makes_a_login_suspicious() {
        let (mut roles, mut unknown) = (BTreeMap::from([("app".to_owned(), Logins::default())]), Logins::default());
        let fail = "FATAL:  password authentication failed for user \"app\"";
        let enter = "LOG:  connection authorized: user=app database=shop application_name=psql";
        for _ in 0..9 {
            count(fail, &mut roles, &mut unknown);
        }
        count(enter, &mut roles, &mut unknown);
        assert!(!roles["app"].entered);
        count(fail, &mut roles, &mut unknown);
        count(enter, &mut roles, &mut unknown);
        assert!(roles["app"].entered);
    }
}
