//! One run per source and host: a lock that a crash or reboot frees by itself.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Code, Error, Result, Stage};
use crate::types::{RepoId, SourceName};

/// Held while it lives (`flock(2)`). There are no lock objects in the store:
/// two hosts are told apart by the commit itself.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock or says that another run is active (exit 11).
    pub fn take(state_dir: &Path, repo: &RepoId, source: &SourceName) -> Result<Self> {
        let dir = state_dir.join("lock");
        let path = dir.join(format!("{repo}-{source}.lock"));
        let failed = |e: std::io::Error| {
            Error::new(Code::Usage, Stage::Lock, "cannot open the lock file")
                .on(path.display().to_string())
                .hint("Check state.dir and its permissions.")
                .because(e)
        };
        std::fs::create_dir_all(&dir).map_err(failed)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
            .open(&path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                Err(Error::new(Code::Busy, Stage::Lock, "another run for this source is active on this host")
                    .on(source.as_str())
                    .hint("Wait for it to end, or find it with `ps`; the lock frees itself when that process ends."))
            }
            Err(e) => Err(failed(e.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_is_told_and_the_lock_frees_itself() {
        let dir = tempfile::tempdir().unwrap();
        let repo: RepoId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let (shop, crm): (SourceName, SourceName) = ("shop".parse().unwrap(), "crm".parse().unwrap());
        let first = Lock::take(dir.path(), &repo, &shop).unwrap();
        assert_eq!(Lock::take(dir.path(), &repo, &shop).unwrap_err().code(), Code::Busy);
        assert!(Lock::take(dir.path(), &repo, &crm).is_ok());
        drop(first);
        assert!(Lock::take(dir.path(), &repo, &shop).is_ok());
    }
}
