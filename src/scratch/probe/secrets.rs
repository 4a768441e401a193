//! ISO-012: what the server was given along with its start. Only names are told.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::inside::Answers;
use super::{Rule, Seen, Target, processes};
use crate::config::schema::Isolation;
use crate::scratch::procfs::{self, Living};

/// ISO-012.
pub const RULE: Rule = Rule {
    id: "ISO-012",
    title: "no secret in its environment, no foreign file or socket open, no key within reach",
    from: Isolation::I1,
};

/// Variables that hold nothing of ours. Locale settings are allowed by prefix.
const HARMLESS: [&str; 6] = ["PATH", "TZ", "LANG", "HOME", "PWD", "TMPDIR"];

/// Where programs and their data lie; reading there is everyone's right.
const PUBLIC: [&str; 6] = ["/usr", "/lib", "/lib64", "/bin", "/proc", "/dev"];

/// Files that the C library opens for a moment to look up users and times.
const LOOK_UPS: [&str; 7] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/hosts",
    "/etc/resolv.conf",
];

/// Largest environment that is read, bytes.
const ENVIRONMENT: usize = 1024 * 1024;

pub(super) fn look(t: Target<'_>, answers: &Result<Answers, String>) -> Seen {
    let Some(postmaster) = processes::postmaster(t.pid) else {
        return Seen::blind("the server's process cannot be seen");
    };
    let Ok(environment) = std::fs::read(format!("/proc/{postmaster}/environ")) else {
        return Seen::blind("its environment cannot be read");
    };
    if environment.len() > ENVIRONMENT {
        return Seen::blind("its environment is too large");
    }
    let (variables, strange) = names(&environment);
    let mut bad: Vec<String> = strange.into_iter().map(|n| format!("the variable {n}")).collect();
    let family = processes::family(postmaster);
    let mut open = 0;
    for member in &family {
        match procfs::of_living(*member, |pid| strange_files(pid, t)) {
            Living::Read((n, strange)) => {
                open += n;
                bad.extend(strange);
            }
            Living::Ended => {}
            Living::Closed => return Seen::blind("its open files cannot be read"),
        }
    }
    let keys = match keys(t, answers) {
        Ok(keys) => keys,
        Err(Seen::Bad(key)) => {
            bad.push(key);
            String::new()
        }
        Err(other) if bad.is_empty() => return other,
        Err(_) => String::new(),
    };
    if bad.is_empty() {
        let n = family.len();
        Seen::Good(format!("{variables} harmless variables, {open} open files of {n} processes, {keys}"))
    } else {
        bad.sort();
        bad.dedup();
        Seen::Bad(bad.join(", "))
    }
}

/// How many variables, and those that should not be there.
fn names(environment: &[u8]) -> (usize, BTreeSet<String>) {
    let all: Vec<String> = environment
        .split(|b| *b == 0)
        .filter(|v| !v.is_empty())
        .map(|v| String::from_utf8_lossy(v.split(|b| *b == b'=').next().unwrap_or_default()).into_owned())
        .collect();
    let harmless = |n: &String| HARMLESS.contains(&n.as_str()) || n.starts_with("LC_");
    (all.len(), all.iter().filter(|n| !harmless(n)).cloned().collect())
}

/// How many files a process has open, and those it should not have.
fn strange_files(pid: i32, t: Target<'_>) -> Option<(usize, Vec<String>)> {
    let mut links: Vec<(PathBuf, String)> = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).ok()? {
        // A descriptor may be closed while we look.
        let Ok(entry) = entry else { continue };
        if let Ok(link) = std::fs::read_link(entry.path()) {
            links.push((entry.path(), link.to_string_lossy().into_owned()));
        }
    }
    // After the list: a socket that is in none of the tables is none of its network's.
    let known = sockets(pid, t.port);
    let keys: BTreeSet<(u64, u64)> = t.outside.key_files.iter().filter_map(|k| id(k)).collect();
    let mut strange = Vec::new();
    for (at, link) in &links {
        let still = || std::fs::read_link(at).is_ok_and(|l| l.to_string_lossy() == *link);
        if let Some(inode) = link.strip_prefix("socket:[").and_then(|s| s.strip_suffix(']')) {
            if !known.contains(inode) && !sockets(pid, t.port).contains(inode) && still() {
                strange.push("a socket from outside".to_owned());
            }
        } else if id(at).is_some_and(|i| keys.contains(&i)) {
            strange.push(format!("the key file {link} is open"));
        } else if !allowed(link, t) && still() {
            strange.push(format!("{link} is open"));
        }
    }
    Some((links.len(), strange))
}

fn id(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

fn allowed(link: &str, t: Target<'_>) -> bool {
    let Some(path) = link.starts_with('/').then(|| Path::new(link.trim_end_matches(" (deleted)"))) else {
        // pipe:[1], anon_inode:[eventpoll]
        return link.starts_with("pipe:[") || link.starts_with("anon_inode:");
    };
    let below = |dir: &Path| path.starts_with(dir);
    below(t.scratch)
        || PUBLIC.iter().any(|p| below(Path::new(p)))
        || LOOK_UPS.iter().any(|p| path == Path::new(p))
        || t.bindir.parent().is_some_and(below)
        || link.starts_with("/memfd:")
        || link.starts_with("/SYSV")
}

/// Inodes of the sockets that were made in the network namespace of `pid`, and
/// of the server's ends of our sessions: those are made in the namespace of who
/// connects, and are named after the socket that he connected to.
/// Where the namespace is the host's, TCP sockets are left out: the server has none.
fn sockets(pid: i32, port: u16) -> BTreeSet<String> {
    let apart = processes::apart(pid, "net") == Some(true);
    let mut tables = vec![("unix", 6), ("netlink", 9), ("udp", 9), ("udp6", 9)];
    if apart {
        tables.extend([("tcp", 9), ("tcp6", 9)]);
    }
    let read = |pid: &str, table: &str| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
    let mut found = BTreeSet::new();
    for (table, column) in tables {
        let text = read(&pid.to_string(), table);
        found.extend(text.lines().skip(1).filter_map(|l| l.split_whitespace().nth(column).map(str::to_owned)));
    }
    let name = format!("/.s.PGSQL.{port}");
    let ours = read("self", "unix");
    let sessions = ours.lines().filter(|l| l.ends_with(&name));
    found.extend(sessions.filter_map(|l| l.split_whitespace().nth(6).map(str::to_owned)));
    found
}

/// Whether the server's user may read a key file.
fn keys(t: Target<'_>, answers: &Result<Answers, String>) -> Result<String, Seen> {
    let files = &t.outside.key_files;
    if files.is_empty() {
        return Ok("no key file is configured".to_owned());
    }
    let answers = answers.as_ref().map_err(Seen::blind)?;
    let readable: Vec<String> = files
        .iter()
        .zip(&answers.keys)
        .filter(|(_, a)| a.readable || a.writable)
        .map(|(k, _)| k.display().to_string())
        .collect();
    if readable.is_empty() {
        return Ok(format!("none of {} key files within reach", files.len()));
    }
    // Below I3 the files of a user are open to his own server.
    let same_user = !rustix::process::geteuid().is_root();
    if same_user && t.level < Isolation::I3 {
        return Ok(format!(
            "but its user may read {}: isolation {} does not hide it",
            readable.join(", "),
            t.level.name()
        ));
    }
    Err(Seen::Bad(format!("its user may read {}", readable.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_variables_are_let_through() {
        let (n, strange) = names(b"PATH=/bin\0LC_ALL=C\0TZ=UTC\0PGPASSWORD=x\0AWS_SECRET_ACCESS_KEY=y\0\0");
        assert_eq!(n, 5);
        assert_eq!(strange.into_iter().collect::<Vec<_>>(), ["AWS_SECRET_ACCESS_KEY", "PGPASSWORD"]);
    }
}
