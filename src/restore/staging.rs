//! The directory that a physical restore fills: beside the target, or within it
//! where the target is a mount point; with a name that says so, locked while
//! somebody works in it. A lock and no lease (as in [`crate::process::lease`]):
//! that is a file, and would become part of the cluster.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, StatxAttributes, StatxFlags, flock, statx};

use super::physical::failed;
use crate::error::{Error, Result};
use crate::types::ids::random_bytes;

/// Bytes of randomness in a name.
const RANDOM: usize = 6;

/// Without it no server starts in a directory: it gets its place last.
const LAST: &str = "PG_VERSION";

/// The directory being filled; removed when dropped before it got its name.
pub(super) struct Staging {
    path: PathBuf,
    inside: bool,
    published: bool,
    /// Locked for as long as this lives.
    _lock: File,
}

impl Staging {
    /// On the file system that will hold the target: beside it, so that the last
    /// step is one rename, or within it where it cannot be replaced.
    pub(super) fn new(dir: &Path) -> Result<Self> {
        let name =
            dir.file_name().ok_or_else(|| Error::usage("the target has no name").on(dir.display().to_string()))?;
        let inside = is_irreplaceable(dir);
        if inside {
            // Known before anything is fetched: a server wants its directory to be its own.
            close_to_others(dir).map_err(|e| {
                failed("cannot make the target its owner's alone", dir, e)
                    .hint("Run the restore as the owner of the directory, or give it to the postgres user with chown.")
            })?;
        }
        let random = hex::encode(random_bytes::<RANDOM>()?);
        let place = if inside { dir } else { parent(dir) };
        let path = place.join(format!("{}{random}", prefix(name)));
        let cannot = |e| {
            if inside {
                failed("cannot make a directory within the target", dir, e)
                    .hint("Check that the target directory is writable.")
            } else {
                failed("cannot make a directory beside the target", dir, e)
                    .hint("Check that the parent directory exists and is writable.")
            }
        };
        DirBuilder::new().mode(0o700).create(&path).map_err(cannot)?;
        let lock = File::open(&path).map_err(cannot)?;
        // A file system without locks loses no more than the next restore's tidying.
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { path, inside, published: false, _lock: lock })
    }

    /// Where files go.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What killed restores into this target left, beside and within it. Only a
    /// directory of this user with a name of ours that nobody has locked is one.
    pub(super) fn left(dir: &Path) -> Vec<PathBuf> {
        let Some(name) = dir.file_name() else { return Vec::new() };
        let prefix = prefix(name);
        let ours = |path: &PathBuf| {
            let random = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix(&prefix));
            random.is_some_and(|r| r.len() == 2 * RANDOM && r.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let all = [parent(dir), dir].map(|d| std::fs::read_dir(d).into_iter().flatten().flatten().map(|e| e.path()));
        all.into_iter().flatten().filter(ours).filter(|path| is_left(path)).collect()
    }

    /// Removes that, and tells what.
    pub(super) fn remove_left(dir: &Path) -> Vec<PathBuf> {
        Self::left(dir).into_iter().filter(|path| std::fs::remove_dir_all(path).is_ok()).collect()
    }

    /// Gives the complete directory its name. `rename(2)` replaces an empty
    /// directory and fails on any other; within the target its entries are moved up.
    pub(super) fn publish(mut self, dir: &Path) -> Result<()> {
        if self.inside {
            move_up(&self.path, dir).map_err(|e| failed("cannot move the files to their place", dir, e))?;
            self.published = true;
            let _ = std::fs::remove_dir(&self.path);
        } else {
            std::fs::rename(&self.path, dir).map_err(|e| failed("cannot give the directory its name", dir, e))?;
            self.published = true;
        }
        let changed = if self.inside { dir } else { parent(dir) };
        File::open(changed).and_then(|d| d.sync_all()).map_err(|e| failed("cannot make the rename durable", dir, e))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Moves what lies in `from` to `to`, [`LAST`] at the end; moves it back where that fails.
fn move_up(from: &Path, to: &Path) -> io::Result<()> {
    let mut names = std::fs::read_dir(from)?.map(|e| e.map(|e| e.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_by_key(|n| n == LAST);
    let moved = |name: &OsStr| {
        let target = to.join(name);
        // rename(2) would replace a file.
        if std::fs::symlink_metadata(&target).is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        std::fs::rename(from.join(name), target)
    };
    for (n, name) in names.iter().enumerate() {
        if name == LAST {
            // Nothing of the rest may come later than this.
            File::open(to)?.sync_all()?;
        }
        if let Err(e) = moved(name) {
            for back in &names[..n] {
                let _ = std::fs::rename(to.join(back), from.join(back));
            }
            return Err(e);
        }
    }
    Ok(())
}

/// Whether the directory is there and cannot be replaced by another one: a mount
/// point, one that holds something, one in a place where we may not write.
fn is_irreplaceable(dir: &Path) -> bool {
    let Ok(meta) = std::fs::symlink_metadata(dir) else { return false };
    if !meta.is_dir() {
        return false;
    }
    let mounted = statx(CWD, dir, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS).is_ok_and(|s| {
        s.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT)
            && s.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
    });
    let other_device = std::fs::metadata(parent(dir)).is_ok_and(|p| p.dev() != meta.dev());
    let holds = std::fs::read_dir(dir).is_ok_and(|mut d| d.next().is_some());
    mounted || other_device || holds || rustix::fs::access(parent(dir), rustix::fs::Access::WRITE_OK).is_err()
}

/// A server refuses a directory that others than its owner, or its group for reading, may enter
/// (PostgreSQL manual, "Creating a Database Cluster").
fn close_to_others(dir: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(dir)?.permissions().mode() & 0o7777;
    if [0o700, 0o750].contains(&mode) {
        return Ok(());
    }
    std::fs::set_permissions(dir, Permissions::from_mode(0o700))
}

fn parent(dir: &Path) -> &Path {
    dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn prefix(name: &OsStr) -> String {
    format!(".{}.pgseal-restoring-", name.to_string_lossy())
}

/// Whether this is a directory of ours, no link, and nobody works in it.
fn is_left(path: &Path) -> bool {
    let mine = |m: std::fs::Metadata| m.is_dir() && m.uid() == rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(path).is_ok_and(mine)
        && File::open(path).is_ok_and(|d| flock(&d, FlockOperation::NonBlockingLockExclusive).is_ok())
}
