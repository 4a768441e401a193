//! Space on disk: enough before the start, and watched while the drill runs.
//!
//! A full file system stops whatever else writes to it, so a drill ends before
//! it takes the last of it. That is this host's fault (53) and no word against
//! the backup.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::schema;
use crate::error::{Code, Error, Stage};
use crate::scratch::unlinked;

/// Room that a restored copy needs beyond its own bytes: indexes, WAL.
const BEYOND: f64 = 1.3;

/// How often free space is looked at: a fast disk writes less than the least
/// default of what stays free in that time.
const LOOK: Duration = Duration::from_millis(100);

/// Adding up a directory takes time; it is done at most this share of it.
const SHARE: u32 = 20;

/// Most that stays free where nothing is configured.
const KEPT: u64 = 1 << 30;

/// What a drill may take.
#[derive(Debug, Clone)]
pub struct Room {
    dir: PathBuf,
    keep_free: u64,
    keep_inodes: u64,
    max_disk: Option<u64>,
}

/// What is free on a file system.
struct Free {
    bytes: u64,
    /// Files that can still be made; nothing where the file system has no such limit.
    inodes: Option<u64>,
}

impl Room {
    /// By the configuration and the size of the file system; `None` where that
    /// cannot be told.
    pub fn of(scratch: &schema::Scratch) -> Option<Self> {
        let fs = rustix::fs::statvfs(existing(&scratch.dir)).ok()?;
        let size = fs.f_blocks.saturating_mul(fs.f_frsize);
        let keep_free = scratch.keep_free.unwrap_or_else(|| (size / 20).min(KEPT));
        // Empty files take no bytes, and keep others from making any all the same.
        let keep_inodes = fs.f_files / 20;
        Some(Self { dir: scratch.dir.clone(), keep_free, keep_inodes, max_disk: scratch.max_disk })
    }

    fn free(&self) -> Option<Free> {
        let fs = rustix::fs::statvfs(existing(&self.dir)).ok()?;
        let inodes = (fs.f_files > 0).then_some(fs.f_favail);
        Some(Free { bytes: fs.f_bavail.saturating_mul(fs.f_frsize), inodes })
    }

    /// What a file system lacks that has fewer inodes than are kept.
    fn lacks_inodes(&self, free: &Free) -> Option<String> {
        let inodes = free.inodes.filter(|n| *n < self.keep_inodes)?;
        Some(format!("{inodes} inodes (files that can still be made) are free, {} are kept", self.keep_inodes))
    }

    /// Whether a copy of `plain` bytes has room.
    ///
    /// # Errors
    /// 53 where it has not.
    pub fn fits(&self, plain: u64) -> Result<(), Error> {
        let needed = (plain as f64 * BEYOND) as u64;
        let refused = |what: String| {
            Error::new(Code::CouldNotRun, Stage::Scratch, what)
                .on(self.dir.display().to_string())
                .hint("Free space, or set scratch.dir to a larger file system. Nothing was restored.")
        };
        if let Some(free) = self.free() {
            if free.bytes < needed.saturating_add(self.keep_free) {
                return Err(refused(format!(
                    "{} bytes are free, of which {} are kept; the restored copy needs about {needed}",
                    free.bytes, self.keep_free
                )));
            }
            if let Some(what) = self.lacks_inodes(&free) {
                let hint = "Remove files (df -i), or set scratch.dir to another file system. Nothing was restored.";
                return Err(refused(what).hint(hint));
            }
        }
        match self.max_disk {
            Some(most) if most < needed => {
                let what = format!("scratch.max_disk is {most} bytes, the restored copy needs about {needed}");
                Err(refused(what).hint("Raise scratch.max_disk. Nothing was restored."))
            }
            _ => Ok(()),
        }
    }

    /// Ends when the drill in `scratch`, whose programs run as `uid`, takes too much,
    /// with the reason.
    pub async fn watch(&self, scratch: &Path, uid: u32) -> Error {
        let mut next = Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(free) = self.free() {
                if free.bytes < self.keep_free {
                    let (free, kept) = (free.bytes, self.keep_free);
                    let what = format!("the disk is nearly full: {free} bytes are free, {kept} are kept");
                    return self
                        .stopped(what, "free space, set scratch.dir to a larger file system, or scratch.keep_free");
                }
                if let Some(what) = self.lacks_inodes(&free) {
                    let mend = "see what the backup's functions write and who else makes files there (df -i)";
                    return self.stopped(format!("the disk is nearly full: {what}"), mend);
                }
            }
            let Some(most) = self.max_disk else { continue };
            if Instant::now() < next {
                continue;
            }
            let (path, began) = (scratch.to_owned(), Instant::now());
            let both = move || (used(&path), unlinked::bytes(&path, uid));
            let Ok((named, nameless)) = tokio::task::spawn_blocking(both).await else { continue };
            next = Instant::now() + began.elapsed() * SHARE;
            let named = match named {
                Ok(bytes) => bytes,
                Err(e) => {
                    let what = format!("what the drill takes on disk cannot be counted: {e}");
                    return self.stopped(what, "see what the backup's functions write, or unset scratch.max_disk");
                }
            };
            let used = named + nameless;
            if used > most {
                let of_them = if nameless > 0 {
                    format!(" ({nameless} of them in open files without a name)")
                } else {
                    String::new()
                };
                let what = format!("the drill takes {used} bytes on disk{of_them}, {most} are allowed");
                return self.stopped(what, "raise scratch.max_disk");
            }
        }
    }

    fn stopped(&self, what: String, mend: &str) -> Error {
        Error::new(Code::CouldNotRun, Stage::Scratch, what)
            .on(self.dir.display().to_string())
            .hint(format!("The drill was stopped, and nothing was learned about the backup: {mend}."))
    }
}

/// The nearest directory that exists.
fn existing(dir: &Path) -> &Path {
    dir.ancestors().find(|p| p.is_dir()).unwrap_or(Path::new("."))
}

/// Bytes on disk below `path`; what goes away meanwhile counts nothing. What cannot
/// be looked at is no nothing: code in the copy may nest directories deeper than a
/// path can be long.
fn used(path: &Path) -> std::io::Result<u64> {
    let gone = |e: &std::io::Error| matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if gone(&e) => return Ok(0),
        Err(e) => return Err(e),
    };
    // `st_blocks` counts 512 bytes each (`stat(3type)`).
    let mut sum = meta.blocks() * 512;
    if meta.is_dir() {
        match std::fs::read_dir(path) {
            Ok(entries) => {
                for entry in entries {
                    sum += used(&entry?.path())?;
                }
            }
            Err(e) if gone(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

    use super::*;

    fn room(dir: &Path, keep_free: u64, max_disk: Option<u64>) -> Room {
        Room { dir: dir.to_owned(), keep_free, keep_inodes: 0, max_disk }
    }

    #[test]
    fn what_does_not_fit_is_refused_before() {
        let dir = tempfile::tempdir().unwrap();
        assert!(room(dir.path(), 0, None).fits(1 << 20).is_ok());
        for (room, plain) in [
            (room(dir.path(), 0, None), u64::MAX / 2),
            (room(dir.path(), u64::MAX, None), 1),
            (room(dir.path(), 0, Some(1 << 20)), 1 << 20),
        ] {
            let e = room.fits(plain).unwrap_err();
            assert!(e.code() == Code::CouldNotRun && e.next_step().is_some(), "{e:?}");
        }
    }

    #[tokio::test]
    async fn who_takes_too_much_is_stopped_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a/b");
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(&file, vec![1; 100_000]).unwrap();
        let watched = |room: Room| {
            let path = dir.path().to_owned();
            async move {
                tokio::time::timeout(Duration::from_millis(500), room.watch(&path, rustix::process::geteuid().as_raw()))
                    .await
                    .ok()
            }
        };
        assert!(watched(room(dir.path(), 0, Some(200_000))).await.is_none());
        let e = watched(room(dir.path(), 0, Some(90_000))).await.unwrap();
        assert!(e.text().contains("90000 are allowed"), "{e}");
        let e = watched(room(dir.path(), u64::MAX, None)).await.unwrap();
        assert!(e.code() == Code::CouldNotRun && e.text().contains("nearly full"), "{e}");
    }

    #[tokio::test]
    async fn what_is_nested_too_deep_to_be_counted_stops_the_drill() {
        let dir = tempfile::tempdir().unwrap();
        // A path has at most 4096 bytes (`PATH_MAX`).
        let (name, open) = ("d".repeat(200), OFlags::DIRECTORY | OFlags::RDONLY);
        let mut at = openat(CWD, dir.path(), open, Mode::empty()).unwrap();
        for _ in 0..30 {
            mkdirat(&at, &name, Mode::RWXU).unwrap();
            at = openat(&at, &name, open, Mode::empty()).unwrap();
        }
        let room = room(dir.path(), 0, Some(1 << 40));
        let e = tokio::time::timeout(Duration::from_secs(5), room.watch(dir.path(), 0)).await.unwrap();
        assert!(e.code() == Code::CouldNotRun && e.text().contains("cannot be counted"), "{e}");
    }

    #[test]
    fn a_small_file_system_keeps_a_twentieth_of_it() {
        let mut scratch = schema::Scratch {
            dir: "/nonexistent/below".into(),
            user: "u".into(),
            max_memory: None,
            max_processes: 1,
            max_disk: None,
            keep_free: None,
        };
        let kept = Room::of(&scratch).unwrap().keep_free;
        assert!(kept > 0 && kept <= KEPT);
        scratch.keep_free = Some(5);
        assert_eq!(Room::of(&scratch).unwrap().keep_free, 5);
    }
}
