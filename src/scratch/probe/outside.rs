//! ISO-011: writing outside the scratch directory.
//!
//! From I3 on there is nothing outside that can be written. Below, the host's
//! files are visible and the server may write wherever its user may, such as
//! `/tmp`: that is told and not called a pass.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;

use super::canary::Canary;
use super::inside::Answers;
use super::{Rule, Seen, Target, processes};
use crate::config::schema::Isolation;

/// ISO-011.
pub const RULE: Rule =
    Rule { id: "ISO-011", title: "a superuser's program writes nowhere outside its directory", from: Isolation::I3 };

/// Kernel file systems: what is written there is no file of the host.
const KERNEL: [&str; 6] = ["proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"];

pub(super) fn judge(t: Target<'_>, canary: &Result<Canary, String>, answers: &Result<Answers, String>) -> Seen {
    let (canary, answers) = match (canary, answers) {
        (Ok(canary), Ok(answers)) => (canary, answers),
        (Err(why), _) | (_, Err(why)) => return Seen::blind(why),
    };
    // The host's word counts: inside, a private directory of the same name may
    // well have been written.
    let arrived = std::fs::symlink_metadata(canary.reach()).is_ok();
    if arrived {
        return Seen::Bad("a file was written where its user may write on the host".to_owned());
    }
    let Some(claims) = answers.wrote else { return Seen::blind("nobody tried to write") };
    if t.level < RULE.from {
        return Seen::blind("the host's files are visible, but the one that its user may write could not be written");
    }
    match writable_mounts(t) {
        None => Seen::blind("/proc/PID/mountinfo cannot be read"),
        Some(mounts) if mounts.is_empty() => Seen::Good(format!(
            "nothing arrived on the host ({} inside); no file system of the host is mounted writable but the scratch directory",
            if claims { "written to a private place" } else { "refused" }
        )),
        Some(mounts) => Seen::Bad(format!("writable inside: {}", mounts.join(", "))),
    }
}

/// Mounts inside that are writable, belong to a file system that the host has
/// mounted, and are no part of the scratch directory (`proc(5)`, mountinfo).
fn writable_mounts(t: Target<'_>) -> Option<Vec<String>> {
    let pid = processes::postmaster(t.pid)?;
    let inside = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok()?;
    let host = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let of_host: BTreeSet<&str> = host.lines().filter_map(|l| Mount::read(l).map(|m| m.device)).collect();
    let id = |path: &std::path::Path| std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    let mut ours: BTreeSet<(u64, u64)> = id(t.scratch).into_iter().collect();
    ours.extend(std::fs::read_dir(t.scratch).ok()?.flatten().filter_map(|e| id(&e.path())));
    let foreign = |m: &Mount<'_>| {
        let at = std::path::PathBuf::from(format!("/proc/{pid}/root{}", m.point));
        m.writable
            && of_host.contains(m.device)
            && !KERNEL.contains(&m.kind)
            && !m.point.starts_with("/dev/")
            && !id(&at).is_some_and(|i| ours.contains(&i))
    };
    let mounts: Option<Vec<Mount<'_>>> = inside.lines().map(Mount::read).collect();
    Some(mounts?.iter().filter(|m| foreign(m)).map(|m| m.point.to_owned()).collect())
}

/// A line of mountinfo.
#[derive(Debug, PartialEq, Eq)]
struct Mount<'a> {
    device: &'a str,
    point: &'a str,
    writable: bool,
    kind: &'a str,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (mount, fs) = line.split_once(" - ")?;
        let f: Vec<&str> = mount.split(' ').collect();
        let g: Vec<&str> = fs.split(' ').collect();
        let rw = |options: &str| options.split(',').any(|o| o == "rw");
        Some(Self { device: f.get(2)?, point: f.get(4)?, writable: rw(f.get(5)?) && rw(g.get(2)?), kind: g.first()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_lines() {
        let m = Mount::read("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue").unwrap();
        assert_eq!(m, Mount { device: "98:0", point: "/mnt2", writable: true, kind: "ext3" });
        assert!(!Mount::read("36 35 98:0 / /usr ro,noatime - ext3 /dev/root rw").unwrap().writable);
        assert!(!Mount::read("36 35 98:0 / /usr rw - ext3 /dev/root ro").unwrap().writable);
        assert_eq!(Mount::read("nonsense"), None);
    }
}
