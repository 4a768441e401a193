//! A store in a directory.
//!
//! A put writes under a temporary name, flushes, takes the final name with
//! `link(2)`, which unlike `rename(2)` never replaces, and flushes the
//! directories. A crash leaves at most a `.tmp-…` file, which no listing shows.
//!
//! Every path is walked from the root's descriptor with `openat(2)` and
//! `O_NOFOLLOW`: whoever can write into the repository cannot make us read or
//! write elsewhere through a symbolic link. The descriptor also pins the file
//! system: when the disk is unmounted meanwhile, nothing lands in the empty
//! mount point. Listings are the business of [`walk`].

mod walk;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Key, ObjectMeta, Page, Store, StoreError};
use crate::types::Digest;
use crate::types::ids::random_bytes;

/// Temporary names; [`Key::parse`] refuses segments with a leading dot.
const TEMP_PREFIX: &str = ".tmp-";
const DIR_MODE: Mode = Mode::RWXU;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A directory as a store.
#[derive(Debug, Clone)]
pub struct FileStore {
    root: PathBuf,
    fd: Arc<OwnedFd>,
}

impl FileStore {
    /// Opens the existing directory `root`; [`StoreError::NoRepository`] where there is none.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        // The root itself may be a link: the operator chose it.
        let fd = rustix::fs::openat(CWD, root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| match e {
                Errno::NOENT | Errno::NOTDIR => {
                    StoreError::NoRepository(format!("{}: {}", root.display(), io::Error::from(e)))
                }
                e => failed("open", e),
            })?;
        Ok(Self { root: root.to_owned(), fd: Arc::new(fd) })
    }

    /// Creates `root` with mode 0700 where it is missing, with its parents, and opens it.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let made = |path: &Path| match rustix::fs::mkdirat(CWD, path, DIR_MODE) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(e) => Err(failed("create", e)),
        };
        let mut parents: Vec<&Path> =
            root.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
        parents.reverse();
        for path in parents {
            made(path)?;
            if let Some(above) = path.parent() {
                let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
                File::open(above).and_then(|d| d.sync_all()).map_err(|e| io_failed("flush", &e))?;
            }
        }
        Self::open(root)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(BorrowedFd<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let fd = Arc::clone(&self.fd);
        tokio::task::spawn_blocking(move || work(fd.as_fd()))
            .await
            .map_err(|e| StoreError::Other(format!("the file worker ended: {e}")))?
    }
}

#[async_trait]
impl Store for FileStore {
    fn describe(&self) -> String {
        format!("file://{}", self.root.display())
    }

    fn checks_bodies(&self) -> bool {
        true
    }

    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> Result<(), StoreError> {
        let (key, digest, place) = (key.clone(), *digest, self.root.clone());
        self.blocking(move |root| {
            if Digest::of(&body) != digest {
                return Err(StoreError::Mangled("the bytes do not have the given SHA-256".into()));
            }
            still_there(root, &place)?;
            // A concurrent delete may remove a directory between opening it and writing into it.
            let mut tries = 0;
            loop {
                match put(root, &key, &body) {
                    Err(Errno::NOENT) if tries < 8 => tries += 1,
                    Err(Errno::NOENT) => return Err(StoreError::NoRepository("the directory is gone".into())),
                    Err(Errno::EXIST) => return Err(StoreError::Exists),
                    other => return other.map_err(|e| failed("write", e)),
                }
            }
        })
        .await
    }

    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        into.clear();
        let key = key.clone();
        // The buffer travels, so that its memory is used again.
        let mut buffer = std::mem::take(into);
        let (buffer, result) = self
            .blocking(move |root| {
                let result = get(root, &key, limit, &mut buffer);
                Ok((buffer, result))
            })
            .await?;
        *into = buffer;
        result
    }

    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        let key = key.clone();
        *into = self.blocking(move |root| peek(root, &key, most)).await?;
        Ok(())
    }

    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError> {
        let key = key.clone();
        self.blocking(move |root| {
            let (dir, name) = open_parent(root, &key)?;
            let stat = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| failed("read", e))?;
            regular(&stat)?;
            meta(key.as_str().to_owned(), &stat)
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, StoreError> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.blocking(move |root| walk::page(root, &prefix, after.as_deref())).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let key = key.clone();
        self.blocking(move |root| delete(root, &key)).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.blocking(|root| {
            // A file server stamps files with its own clock. Where we may not
            // write, the local clock is all there is.
            let Ok((name, file)) = create_temp(root) else { return Ok(Timestamp::now()) };
            let stat = rustix::fs::fstat(&file);
            unlink(root, OsStr::new(&name)).map_err(|e| failed("remove", e))?;
            modified(&stat.map_err(|e| failed("read", e))?)
        })
        .await
    }
}

/// What lands in a directory that was renamed or mounted over meanwhile is not where the URL says.
fn still_there(root: BorrowedFd<'_>, place: &Path) -> Result<(), StoreError> {
    let ours = rustix::fs::fstat(root).map_err(|e| failed("look at", e))?;
    match rustix::fs::statat(CWD, place, AtFlags::empty()) {
        Ok(now) if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino) => Ok(()),
        Ok(_) => Err(StoreError::NoRepository("another directory has taken its place meanwhile".into())),
        Err(Errno::NOENT | Errno::NOTDIR) => Err(StoreError::NoRepository("the directory is gone".into())),
        Err(e) => Err(failed("look at", e)),
    }
}

/// Errors are `EXIST` for a taken key, `NOENT` for a directory that vanished.
fn put(root: BorrowedFd<'_>, key: &Key, body: &[u8]) -> Result<(), Errno> {
    let (dirs, name) = split(key);
    let mut chain: Vec<OwnedFd> = Vec::new();
    for dir in dirs {
        let above = chain.last().map_or(root, AsFd::as_fd);
        match rustix::fs::mkdirat(above, dir, DIR_MODE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e),
        }
        let opened = open_dir(above, OsStr::new(dir))?;
        chain.push(opened);
    }
    let dir = chain.last().map_or(root, AsFd::as_fd);
    // Saves writing the whole body where the answer is already known.
    if rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Err(Errno::EXIST);
    }
    let (temp, mut file) = create_temp(dir)?;
    let taken = file.write_all(body).and_then(|()| file.sync_all()).map_err(|e| errno(&e)).and_then(|()| {
        match rustix::fs::linkat(dir, &temp, dir, name, AtFlags::empty()) {
            // The reply to a link over NFS may be lost; the link count tells that it was ours (open(2), O_EXCL).
            Err(Errno::EXIST) if rustix::fs::fstat(&file).is_ok_and(|s| s.st_nlink == 2) => Ok(()),
            // What link(2) says where the file system has no hard links; on our own file it means nothing else.
            Err(Errno::PERM) => Err(Errno::OPNOTSUPP),
            other => other,
        }
    });
    let removed = unlink(dir, OsStr::new(&temp));
    taken?;
    removed?;
    // All the way up: a directory found there may have been made by a run that died before it flushed.
    for dir in chain.iter().rev().map(AsFd::as_fd).chain(std::iter::once(root)) {
        rustix::fs::fsync(dir)?;
    }
    Ok(())
}

fn create_temp(dir: BorrowedFd<'_>) -> Result<(String, File), Errno> {
    let random = random_bytes::<12>().map_err(|_| Errno::IO)?;
    let name = format!("{TEMP_PREFIX}{}", hex::encode(random));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, &name, flags, FILE_MODE)?;
    Ok((name, File::from(fd)))
}

/// The object's file, and its size when it was opened.
fn open_object(root: BorrowedFd<'_>, key: &Key) -> Result<(File, u64), StoreError> {
    let (dir, name) = open_parent(root, key)?;
    // NONBLOCK: opening a FIFO that somebody left there must not hang.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&dir, name, flags, Mode::empty()).map_err(|e| failed("read", e))?;
    let stat = rustix::fs::fstat(&fd).map_err(|e| failed("read", e))?;
    regular(&stat)?;
    Ok((File::from(fd), u64::try_from(stat.st_size).unwrap_or(0)))
}

fn peek(root: BorrowedFd<'_>, key: &Key, most: u64) -> Result<Vec<u8>, StoreError> {
    let (file, _) = open_object(root, key)?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(|e| io_failed("read", &e))?;
    Ok(bytes)
}

fn get(root: BorrowedFd<'_>, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
    let (file, size) = open_object(root, key)?;
    if size > limit {
        return Err(StoreError::TooLarge { limit });
    }
    into.reserve(size as usize);
    // The file may grow while it is read.
    let read = file.take(limit.saturating_add(1)).read_to_end(into).map_err(|e| io_failed("read", &e))?;
    if read as u64 > limit {
        into.clear();
        return Err(StoreError::TooLarge { limit });
    }
    Ok(())
}

fn delete(root: BorrowedFd<'_>, key: &Key) -> Result<(), StoreError> {
    let (dirs, name) = split(key);
    let mut chain: Vec<OwnedFd> = Vec::new();
    for dir in &dirs {
        match open_dir(chain.last().map_or(root, AsFd::as_fd), OsStr::new(dir)) {
            Ok(fd) => chain.push(fd),
            Err(Errno::NOENT) => return Ok(()),
            Err(e) => return Err(failed("delete", e)),
        }
    }
    let dir = chain.last().map_or(root, AsFd::as_fd);
    match unlink(dir, OsStr::new(name)) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(failed("delete", e)),
    }
    rustix::fs::fsync(dir).map_err(|e| failed("flush", e))?;
    // Empty directories go too; one that still holds something says so and stays.
    while let Some(name) = dirs.get(chain.len().wrapping_sub(1)) {
        chain.pop();
        let above = chain.last().map_or(root, AsFd::as_fd);
        if rustix::fs::unlinkat(above, *name, AtFlags::REMOVEDIR).is_err() {
            break;
        }
    }
    Ok(())
}

/// Directories of a key, and its last segment.
fn split(key: &Key) -> (Vec<&str>, &str) {
    let mut segments: Vec<&str> = key.as_str().split('/').collect();
    let name = segments.pop().unwrap_or_default();
    (segments, name)
}

fn open_dir(above: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, name, flags, Mode::empty())
}

fn open_parent<'k>(root: BorrowedFd<'_>, key: &'k Key) -> Result<(OwnedFd, &'k str), StoreError> {
    let (dirs, name) = split(key);
    let mut dir = rustix::io::fcntl_dupfd_cloexec(root, 0).map_err(|e| failed("open", e))?;
    for segment in dirs {
        dir = open_dir(dir.as_fd(), OsStr::new(segment)).map_err(|e| failed("open", e))?;
    }
    Ok((dir, name))
}

fn unlink(dir: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    rustix::fs::unlinkat(dir, name.as_bytes(), AtFlags::empty())
}

fn regular(stat: &Stat) -> Result<(), StoreError> {
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        Ok(())
    } else {
        Err(StoreError::Other("a link, directory or device lies where an object should be".into()))
    }
}

fn meta(key: String, stat: &Stat) -> Result<ObjectMeta, StoreError> {
    Ok(ObjectMeta { key, size: u64::try_from(stat.st_size).unwrap_or(0), modified: modified(stat)? })
}

fn modified(stat: &Stat) -> Result<Timestamp, StoreError> {
    i32::try_from(stat.st_mtime_nsec)
        .ok()
        .and_then(|nanos| Timestamp::new(stat.st_mtime, nanos).ok())
        .ok_or_else(|| StoreError::Other("the file's time is out of range".into()))
}

fn errno(e: &io::Error) -> Errno {
    Errno::from_io_error(e).unwrap_or(Errno::IO)
}

fn io_failed(what: &str, e: &io::Error) -> StoreError {
    failed(what, errno(e))
}

/// Sorts an error of the operating system into the store's classes.
fn failed(what: &str, e: Errno) -> StoreError {
    let said = io::Error::from(e);
    match e {
        Errno::NOENT => StoreError::NotFound,
        Errno::EXIST => StoreError::Exists,
        Errno::NOSPC | Errno::DQUOT => StoreError::NoSpace(format!("cannot {what}: {said}")),
        Errno::ACCESS | Errno::PERM | Errno::ROFS => StoreError::Denied(format!("cannot {what}: {said}")),
        Errno::LOOP | Errno::NOTDIR => {
            StoreError::Other(format!("cannot {what}: a link or file lies where a directory should be ({said})"))
        }
        Errno::NOSYS | Errno::OPNOTSUPP => StoreError::Other(format!(
            "cannot {what}: the file system has no hard links, which are needed to create without replacing ({said})"
        )),
        // What network file systems say when the server is away.
        Errno::INTR | Errno::AGAIN | Errno::TIMEDOUT | Errno::STALE | Errno::HOSTDOWN | Errno::HOSTUNREACH => {
            StoreError::Transient(format!("cannot {what}: {said}"))
        }
        _ => StoreError::Other(format!("cannot {what}: {said}")),
    }
}
