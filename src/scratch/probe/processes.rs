//! Processes of an instance, as the host's `/proc` shows them (`proc(5)`).

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

/// This process.
pub(in crate::scratch) fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Whether `pid` is in another namespace of this kind (`net`, `mnt`, `pid`)
/// than we are; `None` where that cannot be read.
pub(super) fn apart(pid: i32, kind: &str) -> Option<bool> {
    let inode = |p: i32| std::fs::metadata(format!("/proc/{p}/ns/{kind}")).ok().map(|m| m.ino());
    Some(inode(pid)? != inode(own_pid())?)
}

/// All process ids.
pub(in crate::scratch) fn all() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
}

/// `pid` and its descendants.
pub(in crate::scratch) fn family(pid: i32) -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for child in all() {
        if let Some(parent) = parent(child) {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(member) = family.get(next) {
        family.extend(children.remove(member).unwrap_or_default());
        next += 1;
    }
    family
}

/// Of the family of `pid`, and of all in its network namespace where that is
/// its own: nothing that was orphaned there gets lost.
pub(super) fn inhabitants(pid: i32) -> Vec<i32> {
    let mut found = family(pid);
    if apart(pid, "net") == Some(true) {
        let namespace = |p: i32| std::fs::metadata(format!("/proc/{p}/ns/net")).ok().map(|m| m.ino());
        let theirs = namespace(pid);
        found.extend(all().into_iter().filter(|p| theirs.is_some() && namespace(*p) == theirs));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The postmaster: `pid`, or the first PostgreSQL process below it.
pub(super) fn postmaster(pid: i32) -> Option<i32> {
    family(pid).into_iter().find(|p| name(*p).as_deref() == Some("postgres"))
}

/// Its program's name.
pub(super) fn name(pid: i32) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|c| c.trim_end().to_owned())
}

/// Its parent; none of the first one.
pub(super) fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the last ')' ends it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_of_our_family_and_not_apart() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let seen = (family(own_pid()).contains(&pid), inhabitants(own_pid()).contains(&pid), apart(pid, "net"));
        let (family_of_child, server) = (family(pid), postmaster(pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seen, (true, true, Some(false)));
        assert_eq!((family_of_child, server), (vec![pid], None));
        assert_eq!(apart(i32::MAX, "net"), None);
    }
}
