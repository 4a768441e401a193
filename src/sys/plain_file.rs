//! Reads files that somebody else may have made: those of a restored copy, of a
//! directory that a server writes to, of another process.
//!
//! Such a file may be a link to a secret of root's, a pipe that nobody writes
//! to, a device without end, or larger than memory. There is no other way to
//! read one in `src/scratch`, `src/checks` and `src/drill` (`tests/it/arch.rs`).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags};

/// Why a file was not read.
#[derive(Debug)]
pub enum Unreadable {
    /// There is none.
    Missing,
    /// It is a link, a pipe, a device, a socket or a directory, or its path leads over a link.
    NotPlain,
    /// It is larger than the limit.
    TooLarge,
    /// The system's word.
    Failed(io::Error),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::NotPlain => f.write_str("it is no regular file"),
            Self::TooLarge => f.write_str("it is larger than allowed"),
            Self::Failed(e) => write!(f, "it cannot be read: {}", e.kind()),
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<rustix::io::Errno> for Unreadable {
    fn from(e: rustix::io::Errno) -> Self {
        match e {
            rustix::io::Errno::NOENT => Self::Missing,
            rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => Self::NotPlain,
            e => Self::Failed(e.into()),
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Failed(e) }
    }
}

/// Opens the regular file `relative` below the directory `base`, which is
/// trusted; below it no link is followed. Nothing is waited for, and a device
/// is not even opened.
///
/// # Errors
/// Where there is none, it is no regular file, or it has more than `limit` bytes.
pub fn open_below(base: &Path, relative: &Path, limit: u64) -> Result<File, Unreadable> {
    let names: Vec<&OsStr> = relative
        .components()
        .map(|c| if let Component::Normal(name) = c { Ok(name) } else { Err(Unreadable::NotPlain) })
        .collect::<Result<_, _>>()?;
    let (last, above) = names.split_last().ok_or(Unreadable::NotPlain)?;
    let at_once = OFlags::PATH | OFlags::CLOEXEC;
    let mut dir: OwnedFd = rustix::fs::open(base, at_once | OFlags::DIRECTORY, Mode::empty())?;
    for name in above {
        // With O_PATH a link is opened itself, and is no directory.
        dir = rustix::fs::openat(&dir, *name, at_once | OFlags::NOFOLLOW | OFlags::DIRECTORY, Mode::empty())?;
    }
    let found = rustix::fs::openat(&dir, *last, at_once | OFlags::NOFOLLOW, Mode::empty())?;
    let stat = rustix::fs::fstat(&found)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Unreadable::NotPlain);
    }
    if u64::try_from(stat.st_size).map_or(true, |size| size > limit) {
        return Err(Unreadable::TooLarge);
    }
    // The very file that was looked at.
    let again = format!("/proc/self/fd/{}", found.as_fd().as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(rustix::fs::open(again, flags, Mode::empty())?))
}

/// Reads the regular file `relative` below the trusted directory `base`, at
/// most `limit` bytes.
///
/// # Errors
/// As [`open_below`]; also where it grows beyond the limit meanwhile.
pub fn read_below(base: &Path, relative: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    open_below(base, relative.as_ref(), limit)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(Unreadable::TooLarge) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_a_regular_file_of_a_bounded_size_is_read_and_nothing_is_waited_for() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        std::fs::create_dir_all(at("copy/sub")).unwrap();
        std::fs::write(at("copy/sub/good"), b"12345").unwrap();
        std::fs::write(at("outside"), b"secret").unwrap();
        symlink("/dev/zero", at("copy/endless")).unwrap();
        symlink(at("outside"), at("copy/link")).unwrap();
        symlink(top.path(), at("copy/up")).unwrap();
        symlink("sub", at("copy/beside")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("copy/pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("copy/socket")).unwrap();
        let read = |name: &str, limit| read_below(&at("copy"), name, limit);
        assert_eq!(read("sub/good", 5).unwrap(), b"12345");
        assert!(matches!(read("sub/good", 4), Err(Unreadable::TooLarge)));
        for bad in
            ["endless", "link", "pipe", "socket", "sub", "up/outside", "beside/good", "../outside", "/etc/passwd"]
        {
            assert!(matches!(read(bad, 100), Err(Unreadable::NotPlain)), "{bad}: {:?}", read(bad, 100));
        }
        assert!(matches!(read("none", 100), Err(Unreadable::Missing)));
        assert!(matches!(read("none/none", 100), Err(Unreadable::Missing)));
        // The kernel's own files say that they have no length and are read all the same.
        assert!(!read_below(Path::new("/proc/self"), "status", 1 << 20).unwrap().is_empty());
        assert!(matches!(read_below(Path::new("/proc/self"), "status", 3), Err(Unreadable::TooLarge)));
    }
}
