//! Walks and reads a directory that others filled: no link is followed, nothing
//! but regular files is opened, and there is a bound to everything.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

/// Most entries that are looked at, files and directories.
const MOST: usize = 2_000_000;
/// Most files that are listed.
const LISTED: usize = 50_000;
/// Deepest directory.
const DEEPEST: usize = 16;

/// A directory and all below it.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the directory.
    pub path: PathBuf,
    /// Its size, bytes.
    pub size: u64,
}

impl Entry {
    /// Its path, for people.
    pub fn shown(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Its name in lower case.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
    }
}

/// What a walk saw.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files that were asked for, in order of their paths.
    pub files: Vec<Entry>,
    /// Files that there are.
    pub count: u64,
    /// What could not be looked at, and why.
    pub open: Vec<String>,
}

impl Tree {
    /// Opens a directory.
    ///
    /// # Errors
    /// Where there is none, or it is a link.
    pub fn open(root: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self { root: rustix::fs::open(root, flags, Mode::empty())? })
    }

    /// All regular files that `wanted` says yes to.
    pub fn list(&self, wanted: &dyn Fn(&Path) -> bool) -> Listing {
        let mut listing = Listing::default();
        let mut pending = vec![PathBuf::new()];
        let mut entries = 0;
        while let Some(dir) = pending.pop() {
            let Ok(names) = self.names(&dir) else {
                listing.open.push(format!("{} could not be read", shown(&dir)));
                continue;
            };
            for (name, kind, size) in names {
                entries += 1;
                if entries > MOST || listing.files.len() >= LISTED {
                    listing.open.push("there are too many files to look at all of them".to_owned());
                    return listing;
                }
                let path = dir.join(&name);
                match kind {
                    FileType::Directory if path.components().count() > DEEPEST => {
                        listing.open.push(format!("{} lies too deep", shown(&path)));
                    }
                    FileType::Directory => pending.push(path),
                    FileType::RegularFile => {
                        listing.count += 1;
                        if wanted(&path) {
                            listing.files.push(Entry { path, size });
                        }
                    }
                    _ => listing.open.push(format!("{} is a link or a special file", shown(&path))),
                }
            }
        }
        listing.files.sort_by(|a, b| a.path.cmp(&b.path));
        listing
    }

    /// Names, types and sizes in one directory.
    fn names(&self, dir: &Path) -> io::Result<Vec<(OsString, FileType, u64)>> {
        let fd = self.at(dir, OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&fd)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let stat = rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            names.push((name.to_owned(), FileType::from_raw_mode(stat.st_mode), size));
            if names.len() > MOST {
                break;
            }
        }
        Ok(names)
    }

    /// Opens what lies at `path`, directory by directory.
    fn at(&self, path: &Path, more: OFlags) -> io::Result<OwnedFd> {
        let base = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let names: Vec<&OsStr> = path
            .components()
            .map(|c| match c {
                Component::Normal(name) => Ok(name),
                _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
            })
            .collect::<io::Result<_>>()?;
        let mut fd = rustix::fs::openat(&self.root, ".", base | OFlags::DIRECTORY, Mode::empty())?;
        for (i, name) in names.iter().enumerate() {
            let flags = if i + 1 < names.len() { OFlags::DIRECTORY } else { more };
            fd = rustix::fs::openat(fd.as_fd(), *name, base | flags, Mode::empty())?;
        }
        Ok(fd)
    }

    /// The file at `path`, to read at most `most` bytes of it.
    ///
    /// # Errors
    /// Where there is none, it is a link, or no regular file.
    pub fn reader(&self, path: &Path, most: u64) -> io::Result<io::Take<std::fs::File>> {
        let fd = self.at(path, OFlags::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(std::fs::File::from(fd).take(most))
    }

    /// The first `most` bytes of the file at `path`, as text; what is no UTF-8 is replaced.
    ///
    /// # Errors
    /// As [`Tree::reader`].
    pub fn text(&self, path: &Path, most: u64) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.reader(path, most)?.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_special_files_are_told_and_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("d");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(root.join("sub/a"), "inside").unwrap();
        std::fs::write(dir.path().join("outside"), "outside").unwrap();
        std::os::unix::fs::symlink(dir.path().join("outside"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), root.join("up")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();

        let tree = Tree::open(&root).unwrap();
        let listing = tree.list(&|_| true);
        assert_eq!(listing.files, [Entry { path: "sub/a".into(), size: 6 }]);
        let open = listing.open.join("\n");
        assert!(["link", "up", "socket"].iter().all(|n| open.contains(n)), "{open}");
        assert_eq!(tree.text(Path::new("sub/a"), 3).unwrap(), "ins");
        for path in ["link", "up/outside", "../outside", "/etc/passwd", "socket", "sub", "sub/../sub/a"] {
            assert!(tree.text(Path::new(path), 9).is_err(), "{path}");
        }
        assert!(Tree::open(&root.join("up")).is_err());
    }
}
