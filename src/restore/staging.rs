//! The directory that a physical restore fills: beside the target, with a name that
//! says so, locked while somebody works in it. A lock and no lease (as in
//! [`crate::process::lease`]): that is a file, and would become part of the cluster.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::physical::failed;
use crate::error::{Error, Result};
use crate::types::ids::random_bytes;

/// Bytes of randomness in a name.
const RANDOM: usize = 6;

/// The directory being filled; removed when dropped before it got its name.
pub(super) struct Staging {
    path: PathBuf,
    published: bool,
    /// Locked for as long as this lives.
    _lock: File,
}

impl Staging {
    /// Beside the target, so that the last step is a rename.
    pub(super) fn beside(dir: &Path) -> Result<Self> {
        let name =
            dir.file_name().ok_or_else(|| Error::usage("the target has no name").on(dir.display().to_string()))?;
        let random = hex::encode(random_bytes::<RANDOM>()?);
        let path = parent(dir).join(format!("{}{random}", prefix(&name.to_string_lossy())));
        let cannot = |e| {
            failed("cannot make a directory beside the target", dir, e)
                .hint("Check that the parent directory exists and is writable.")
        };
        DirBuilder::new().mode(0o700).create(&path).map_err(cannot)?;
        let lock = File::open(&path).map_err(cannot)?;
        // A file system without locks loses no more than the next restore's tidying.
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { path, published: false, _lock: lock })
    }

    /// Where files go.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what killed restores into this target left, and tells what. Only a
    /// directory of this user with a name of ours that nobody has locked is one.
    pub(super) fn remove_left(dir: &Path) -> Vec<PathBuf> {
        let Some(name) = dir.file_name() else { return Vec::new() };
        let prefix = prefix(&name.to_string_lossy());
        let ours = |path: &PathBuf| {
            let random = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix(&prefix));
            random.is_some_and(|r| r.len() == 2 * RANDOM && r.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let all = std::fs::read_dir(parent(dir)).into_iter().flatten().flatten().map(|e| e.path());
        all.filter(ours).filter(|path| is_left(path) && std::fs::remove_dir_all(path).is_ok()).collect()
    }

    /// Gives the complete directory its name. `rename(2)` replaces an empty
    /// directory and fails on any other.
    pub(super) fn publish(mut self, dir: &Path) -> Result<()> {
        std::fs::rename(&self.path, dir).map_err(|e| failed("cannot give the directory its name", dir, e))?;
        self.published = true;
        File::open(parent(dir)).and_then(|d| d.sync_all()).map_err(|e| failed("cannot make the rename durable", dir, e))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn parent(dir: &Path) -> &Path {
    dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn prefix(name: &str) -> String {
    format!(".{name}.pgseal-restoring-")
}

/// Whether this is a directory of ours, no link, and nobody works in it.
fn is_left(path: &Path) -> bool {
    let mine = |m: std::fs::Metadata| m.is_dir() && m.uid() == rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(path).is_ok_and(mine)
        && File::open(path).is_ok_and(|d| flock(&d, FlockOperation::NonBlockingLockExclusive).is_ok())
}
