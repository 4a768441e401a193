//! What dead runs left behind: found by our mark, and only if the run that
//! made it is gone.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::dir::{self, PREFIX, Teardown};
use super::user::User;
use crate::process::lease::{Lease, Purpose};

/// A directory of a run that is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it was for.
    pub purpose: Purpose,
    /// The directory.
    pub path: PathBuf,
    /// Process that made it.
    pub pid: i32,
}

/// Whose directories may be removed: ours, and where we are root the scratch
/// user's, who gets a directory once it is complete.
pub async fn owners(scratch_user: &str) -> Vec<u32> {
    let us = rustix::process::geteuid();
    let mut all = vec![us.as_raw()];
    if us.is_root() {
        all.extend(User::named(scratch_user).await.ok().map(|u| u.uid));
    }
    all
}

/// Leftovers in the directory `dir`: that of scratch instances, or of temporary
/// files.
///
/// A directory counts only if it has our name, belongs to one of `owners`,
/// carries a lease that names itself, and the process in the lease is not
/// alive. All else is left alone.
pub fn find(dir: &Path, owners: &[u32]) -> Vec<Leftover> {
    let Ok(dir) = dir.canonicalize() else { return Vec::new() };
    let mut found: Vec<Leftover> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.file_name().to_str().is_some_and(|n| n.starts_with(PREFIX)))
        .filter_map(|e| dead(&e.path(), owners))
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn dead(path: &Path, owners: &[u32]) -> Option<Leftover> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    if !meta.is_dir() || !owners.contains(&meta.uid()) {
        return None;
    }
    let lease = Lease::read(path)?;
    (!lease.is_alive()).then(|| Leftover { purpose: lease.format, path: path.to_owned(), pid: lease.pid })
}

/// Ends what still runs there and removes it; looked at once more before.
pub fn remove(leftover: &Leftover, owners: &[u32]) -> Teardown {
    if dead(&leftover.path, owners).is_none() {
        let detail = Some("it is no longer a leftover of a dead run".to_owned());
        return Teardown { instance_gone: false, directory_gone: false, detail };
    }
    dir::remove(&leftover.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Vec<u32> {
        vec![rustix::process::geteuid().as_raw()]
    }

    fn with_lease(dir: &Path, name: &str, change: impl Fn(&mut Lease)) -> PathBuf {
        let path = dir.join(name);
        std::fs::create_dir(&path).unwrap();
        let mut lease = Lease::ours(Purpose::Scratch, &path).unwrap();
        change(&mut lease);
        // Written under the real path whatever the lease says.
        std::fs::write(path.join(crate::process::lease::FILE), serde_json::to_vec(&lease).unwrap()).unwrap();
        path
    }

    #[test]
    fn only_marked_directories_of_dead_runs_are_found() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let dead = with_lease(&top, "pgseal-shop-1", |l| l.start_time += 1);
        let rebooted = with_lease(&top, "pgseal-shop-2", |l| l.boot_id = "before".into());
        let alive = with_lease(&top, "pgseal-shop-3", |_| {});
        let copied = with_lease(&top, "pgseal-shop-4", |l| {
            l.start_time += 1;
            l.dir = "/somewhere/else".into();
        });
        let unmarked = top.join("pgseal-shop-5");
        std::fs::create_dir(&unmarked).unwrap();
        let foreign = with_lease(&top, "other-shop-6", |l| l.start_time += 1);
        std::os::unix::fs::symlink(&dead, top.join("pgseal-shop-7")).unwrap();

        let found = find(&top, &me());
        assert_eq!(found.iter().map(|l| l.path.clone()).collect::<Vec<_>>(), [dead.clone(), rebooted.clone()]);
        assert!(find(&top, &[u32::MAX - 1]).is_empty(), "of another owner");
        for l in &found {
            assert!(remove(l, &me()).is_clean());
        }
        assert!(!dead.exists() && !rebooted.exists());
        for kept in [&alive, &copied, &unmarked, &foreign] {
            assert!(kept.exists());
        }
        let again = Leftover { purpose: Purpose::Scratch, path: alive.clone(), pid: 1 };
        assert!(!remove(&again, &me()).is_clean());
        assert!(alive.exists());
    }
}
