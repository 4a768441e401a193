//! Files that decide about trust: nobody but the caller and root can have written them.
//!
//! The path is walked from `/` with one open directory after another, so that what was
//! judged is what is read, and nothing can be exchanged meanwhile. Of each directory on the
//! way, those that symbolic links lead through included, it must hold that others cannot
//! put an entry of theirs in the place of ours: they cannot write it, or it is sticky, as
//! `/tmp` is (`unlink(2)`, EPERM), or its file system is read-only, as the ones that
//! Kubernetes mounts. What is reached in the end, and each symbolic link in a directory that
//! is another user's or sticky, belongs to the caller or root. So a directory may be one
//! other user's, such as `/var/lib/postgresql`: he could take our files away or exchange
//! them among themselves, and put no file of his own there. OpenSSH (`safe_path()` in
//! misc.c) is stricter in that, and knows neither sticky directories nor read-only mounts.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, StatVfsMountFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result, Stage};

/// Most symbolic links on the way (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// What a path may end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// A regular file.
    File,
    /// The same, or a symbolic link to one.
    Link,
    /// A directory; links to it are followed.
    Directory,
}

/// A file that was opened, and what is known of it.
#[derive(Debug)]
pub struct Opened {
    file: File,
    meta: Metadata,
    path: PathBuf,
    stage: Stage,
}

/// Opens `path`; `None` where there is no such file.
///
/// # Errors
/// Usage (2), with a remedy: others could have written or exchanged it, or it is not what it should be.
pub fn open(path: &Path, last: Last, stage: Stage) -> Result<Option<Opened>> {
    let refused = |what: String| Error::new(Code::Usage, stage, what).on(path.display().to_string());
    let failed = |what: &str, e: Errno| refused(what.to_owned()).because(std::io::Error::from(e));
    let absolute = std::path::absolute(path).map_err(|e| refused("cannot tell where this is".into()).because(e))?;
    let root = || directory(CWD, Path::new("/")).map_err(|e| failed("cannot open the root directory", e));
    let (mut dir, mut at, mut links) = (root()?, PathBuf::from("/"), 0);
    let mut todo = components(&absolute);
    while let Some(name) = todo.pop() {
        let stat = match rustix::fs::statat(&dir, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(e) => return Err(failed("cannot open the file", e)),
        };
        let of = rustix::fs::fstat(&dir).map_err(|e| failed("cannot examine a directory on the way", e))?;
        if let Some((why, remedy)) = unsafe_in(&of, &stat, &dir, &at) {
            return Err(refused(why).hint(remedy));
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                if todo.is_empty() && last == Last::File {
                    return Err(refused("the file is a symbolic link".into()).hint(
                        "A secret must be named directly, so that nobody can point it elsewhere; give the real path.",
                    ));
                }
                links += 1;
                if links > MAX_LINKS {
                    return Err(failed("cannot open the file", Errno::LOOP));
                }
                let target = rustix::fs::readlinkat(&dir, &name, Vec::new())
                    .map_err(|e| failed("cannot read a symbolic link on the way", e))?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if target.is_absolute() {
                    (dir, at) = (root()?, PathBuf::from("/"));
                }
                todo.extend(components(&target));
            }
            FileType::Directory => {
                dir = directory(&dir, Path::new(&name)).map_err(|e| failed("cannot open a directory on the way", e))?;
                if name == ".." {
                    at.pop();
                } else {
                    at.push(&name);
                }
            }
            _ if !todo.is_empty() => return Ok(None),
            _ if last == Last::Directory => return Err(refused("this is not a directory".into())),
            _ => {
                // NONBLOCK: opening a FIFO must not hang.
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let fd = rustix::fs::openat(&dir, &name, flags, Mode::empty())
                    .map_err(|e| failed("cannot open the file", e))?;
                return Opened::of(File::from(fd), path, stage).and_then(Opened::regular).map(Some);
            }
        }
    }
    if last == Last::Directory {
        return Opened::of(File::from(dir), path, stage).and_then(Opened::ours).map(Some);
    }
    Err(not_regular(refused))
}

fn not_regular(refused: impl Fn(String) -> Error) -> Error {
    refused("this is not a regular file".into()).hint("Give the path of a file, not of a directory, pipe or device.")
}

impl Opened {
    fn of(file: File, path: &Path, stage: Stage) -> Result<Self> {
        let meta = file.metadata().map_err(|e| {
            Error::new(Code::Usage, stage, "cannot examine the file").on(path.display().to_string()).because(e)
        })?;
        Ok(Self { file, meta, path: path.to_owned(), stage })
    }

    fn refused(&self, what: impl Into<String>) -> Error {
        Error::new(Code::Usage, self.stage, what).on(self.path.display().to_string())
    }

    fn regular(self) -> Result<Self> {
        if self.meta.is_file() { self.ours() } else { Err(not_regular(|what| self.refused(what))) }
    }

    fn ours(self) -> Result<Self> {
        if is_ours(self.meta.uid()) {
            return Ok(self);
        }
        Err(self
            .refused(format!("the file belongs to another user (uid {})", self.meta.uid()))
            .hint("Its owner could change it at any time; make it belong to the user who runs pgseal, or to root."))
    }

    /// Permission bits.
    pub fn mode(&self) -> u32 {
        self.meta.mode() & 0o7777
    }

    /// Whether it belongs to root.
    pub fn is_roots(&self) -> bool {
        self.meta.uid() == 0
    }

    /// Refuses what group or others can write.
    ///
    /// # Errors
    /// Usage (2).
    pub fn closed_to_writers(self) -> Result<Self> {
        if self.mode() & 0o022 == 0 {
            return Ok(self);
        }
        Err(self
            .refused(format!("others can write the file (mode {:04o})", self.mode()))
            .hint(format!("Check its content, then close it: chmod go-w {}", self.path.display())))
    }

    /// Its content, at most `limit` bytes; wiped when dropped.
    ///
    /// # Errors
    /// Usage (2).
    pub fn read(self, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
        let too_large = || {
            self.refused(format!("the file is larger than the {limit} bytes allowed"))
                .hint("Check that the path names the file you mean.")
        };
        let size = self.meta.size();
        if size > limit {
            return Err(too_large());
        }
        // All room at once: growing would leave copies of a secret behind.
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(usize::MAX).saturating_add(64)));
        let mut chunk = Zeroizing::new([0u8; 4096]);
        let mut file = (&self.file).take(limit.saturating_add(1));
        loop {
            let n = file.read(&mut chunk[..]).map_err(|e| self.refused("cannot read the file").because(e))?;
            if n == 0 {
                break;
            }
            bytes.extend_from_slice(&chunk[..n]);
        }
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
        Ok(bytes)
    }
}

/// The names of a path, the first one last.
fn components(path: &Path) -> Vec<OsString> {
    let names = path.components().filter(|c| matches!(c, Component::Normal(_) | Component::ParentDir));
    let mut names: Vec<OsString> = names.map(|c| c.as_os_str().to_owned()).collect();
    names.reverse();
    names
}

fn directory(above: impl std::os::fd::AsFd, name: &Path) -> std::result::Result<OwnedFd, Errno> {
    // PATH: a directory that may be passed, but not listed, is enough.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, name, flags, Mode::empty())
}

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Why others could exchange the entry `stat` of the directory `dir`, and a remedy.
fn unsafe_in(of: &Stat, stat: &Stat, dir: &OwnedFd, at: &Path) -> Option<(String, String)> {
    let mode = of.st_mode & 0o7777;
    let writable = mode & 0o022 != 0;
    let open = writable && mode & 0o1000 == 0;
    // A directory is judged by what is taken from it.
    let harmless = is_ours(stat.st_uid) || FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if !open && (harmless || (is_ours(of.st_uid) && !writable)) {
        return None;
    }
    if rustix::fs::fstatvfs(dir).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        return None;
    }
    let shown = at.display();
    Some(if writable {
        (
            format!("others can exchange the file: they can write the directory {shown} (mode {mode:04o})"),
            format!("Check the file, then close the directory: chmod go-w {shown}"),
        )
    } else {
        (
            format!("another user can exchange the file: the directory {shown} belongs to uid {}", of.st_uid),
            "Move the file to a directory of the user who runs pgseal, or of root.".into(),
        )
    })
}
