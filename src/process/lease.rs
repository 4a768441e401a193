//! The mark in a directory of ours: which run it belongs to.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::alive;
use crate::error::{Code, Error, Result, Stage};
use crate::sys::plain_file;

/// Name of the file in the directory.
pub const FILE: &str = "pgseal-lease.json";

/// Largest lease that is read, bytes.
const LIMIT: u64 = 4096;

/// What a directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A scratch instance.
    #[serde(rename = "pgseal-scratch")]
    Scratch,
    /// Password files of children.
    #[serde(rename = "pgseal-private")]
    Private,
}

/// Who made a directory, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// `pgseal-scratch`, `pgseal-private`.
    pub format: Purpose,
    /// 1.
    pub version: u32,
    /// Process of pgseal.
    pub pid: i32,
    /// Its start, clock ticks since boot.
    pub start_time: u64,
    /// The boot it ran in.
    pub boot_id: String,
    /// The directory itself: a copied mark is no mark.
    pub dir: PathBuf,
}

impl Lease {
    /// The lease of this process for `dir`.
    pub fn ours(format: Purpose, dir: &Path) -> Result<Self> {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let start_time =
            alive::start_time(pid).ok_or_else(|| Error::internal("/proc does not show this process's start time"))?;
        Ok(Self { format, version: 1, pid, start_time, boot_id: alive::boot_id(), dir: dir.to_owned() })
    }

    /// Writes it; the file must not exist.
    pub fn write(&self) -> Result<()> {
        let path = self.dir.join(FILE);
        let bytes = serde_json::to_vec_pretty(self).map_err(|e| Error::internal("cannot write a lease").because(e))?;
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut f| f.write_all(&bytes))
            .map_err(|e| {
                Error::new(Code::CouldNotRun, Stage::Scratch, "cannot mark the directory")
                    .on(path.display().to_string())
                    .because(e)
            })
    }

    /// Reads the lease of `dir`; `None` where there is none that is whole and
    /// names this very directory.
    pub fn read(dir: &Path) -> Option<Self> {
        let lease: Self = serde_json::from_slice(&plain_file::read_below(dir, FILE, LIMIT).ok()?).ok()?;
        (lease.version == 1 && lease.dir == dir).then_some(lease)
    }

    /// Whether this user sees if there is a lease in `dir`.
    pub fn is_told(dir: &Path) -> bool {
        let seen = plain_file::read_below(dir, FILE, LIMIT);
        matches!(seen, Ok(_) | Err(plain_file::Unreadable::Missing)) && dir.is_dir()
    }

    /// Whether the run that made it is still alive.
    pub fn is_alive(&self) -> bool {
        self.boot_id == alive::boot_id() && alive::start_time(self.pid) == Some(self.start_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_alive_as_long_as_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let lease = Lease::ours(Purpose::Scratch, dir.path()).unwrap();
        lease.write().unwrap();
        let read = Lease::read(dir.path()).unwrap();
        assert_eq!(read, lease);
        assert!(read.is_alive());
        assert!(!Lease { start_time: lease.start_time + 1, ..lease.clone() }.is_alive(), "a reused process id");
        assert!(!Lease { boot_id: "another".into(), ..lease.clone() }.is_alive(), "before a reboot");
        assert!(lease.write().is_err(), "never written twice");
    }

    #[test]
    fn a_copied_or_broken_mark_is_no_mark() {
        let dir = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        Lease::ours(Purpose::Scratch, dir.path()).unwrap().write().unwrap();
        std::fs::copy(dir.path().join(FILE), other.path().join(FILE)).unwrap();
        assert_eq!(Lease::read(other.path()), None);
        std::fs::write(dir.path().join(FILE), b"{}").unwrap();
        assert_eq!(Lease::read(dir.path()), None);
    }
}
