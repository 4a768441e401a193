//! A base backup's tar into a directory, by a walker that trusts nothing.
//!
//! Only regular files and directories with plain relative names are taken.
//! Links, devices, `..`, absolute names and duplicates are refused: a hostile
//! database host must not be able to write outside the target
//! (CVE-2026-6475, RUSTSEC-2026-0067). Extensions of the format (long names of GNU
//! tar, records of pax) are refused by their type, before their content, of any size,
//! is read: PostgreSQL writes plain ustar and refuses names that need more.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};

use crate::error::{Code, Error, Result, Stage};

/// Most entries of one tar.
const MAX_ENTRIES: u64 = 20_000_000;
/// Most directories: one for each database and a few dozen more.
const MAX_DIRECTORIES: usize = 1_000_000;
/// Deepest directory.
const MAX_DEPTH: usize = 16;

/// What was unpacked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// Regular files.
    pub files: u64,
    /// Sum of their sizes.
    pub bytes: u64,
}

/// Unpacks `from` below `into`, an existing empty directory. With `durable`
/// every file and directory is fsynced.
pub fn untar(from: impl Read, into: &Path, durable: bool) -> Result<Unpacked> {
    let mut out = Unpacked::default();
    let mut directories = vec![into.to_path_buf()];
    let mut archive = Archive::new(from);
    let broken = |e: io::Error| Error::new(Code::Corrupt, Stage::Restore, "the tar cannot be read").because(e);
    let mut buffer = vec![0u8; 1024 * 1024];
    // Raw: otherwise the reader keeps the content of extensions in memory, whatever its size.
    for (n, entry) in archive.entries().map_err(broken)?.raw(true).enumerate() {
        if n as u64 >= MAX_ENTRIES {
            return Err(too_many("entries", MAX_ENTRIES));
        }
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.into_owned();
        let relative = plain(&name)?;
        let target = into.join(&relative);
        match entry.header().entry_type() {
            EntryType::Directory => {
                if relative.as_os_str().is_empty() {
                    continue;
                }
                if directories.len() > MAX_DIRECTORIES {
                    return Err(too_many("directories", MAX_DIRECTORIES as u64));
                }
                make_directory(&target, &name)?;
                directories.push(target);
            }
            EntryType::Regular => {
                if relative.as_os_str().is_empty() {
                    return Err(refused(&name, "is a file without a name"));
                }
                let size = entry.size();
                let written = write_file(&mut entry, &target, &mut buffer, durable).map_err(|e| failed(&name, e))?;
                if written != size {
                    return Err(refused(&name, "is shorter than its header says"));
                }
                out.files += 1;
                out.bytes += written;
            }
            other => {
                return Err(refused(&name, &format!("has the type {other:?}, only files and directories are taken")));
            }
        }
    }
    if durable {
        for directory in &directories {
            File::open(directory).and_then(|d| d.sync_all()).map_err(|e| failed(directory, e))?;
        }
    }
    Ok(out)
}

fn too_many(what: &str, limit: u64) -> Error {
    Error::new(Code::Limit, Stage::Restore, format!("the tar has more than {limit} {what}"))
}

/// The name, if it is plain and relative.
fn plain(name: &Path) -> Result<PathBuf> {
    let mut relative = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => relative.push(part),
            Component::CurDir => {}
            _ => return Err(refused(name, "is not a plain relative name")),
        }
    }
    if relative.components().count() > MAX_DEPTH || name.as_os_str().len() > 1024 {
        return Err(refused(name, "is too long or too deep"));
    }
    Ok(relative)
}

fn make_directory(target: &Path, name: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(target) {
        Ok(()) => Ok(()),
        Err(e) => Err(failed(name, e)),
    }
}

/// Never follows a link and never opens what exists: we made every directory
/// on the way ourselves, so nothing can lead outside.
fn write_file(entry: &mut impl Read, target: &Path, buffer: &mut [u8], durable: bool) -> io::Result<u64> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(target)?;
    let mut written = 0;
    loop {
        let n = match entry.read(buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        io::Write::write_all(&mut file, &buffer[..n])?;
        written += n as u64;
    }
    if durable {
        file.sync_all()?;
    }
    Ok(written)
}

fn refused(name: &Path, why: &str) -> Error {
    Error::new(Code::Corrupt, Stage::Restore, format!("the tar holds an entry that {why}"))
        .on(name.display().to_string())
        .hint("A base backup never holds such an entry: find out what happened on the database host before using this backup.")
}

fn failed(name: &Path, e: io::Error) -> Error {
    let code = match e.kind() {
        io::ErrorKind::AlreadyExists => return refused(name, "is there twice"),
        // We make every directory that the tar names, in its order.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            return refused(name, "comes before its directory");
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::NoSpace,
        _ => Code::RestoreFailed,
    };
    Error::new(code, Stage::Restore, "cannot be written").on(name.display().to_string()).because(e)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tar::{Builder, Header};

    use super::*;

    fn header(kind: EntryType, size: u64) -> Header {
        let mut h = Header::new_ustar();
        h.set_entry_type(kind);
        h.set_size(size);
        h.set_mode(0o777);
        h
    }

    /// Writes the name past the checks that the crate makes for honest writers.
    fn raw(name: &str, kind: EntryType, body: &[u8]) -> Vec<u8> {
        let mut h = header(kind, body.len() as u64);
        h.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            h.set_link_name("/etc/passwd").unwrap();
        }
        h.set_cksum();
        let mut b = Builder::new(Vec::new());
        b.append(&h, body).unwrap();
        b.into_inner().unwrap()
    }

    #[test]
    fn files_and_directories_come_out_private() {
        let dir = tempfile::tempdir().unwrap();
        let mut b = Builder::new(Vec::new());
        b.append_data(&mut header(EntryType::Directory, 0), "base", io::empty()).unwrap();
        b.append_data(&mut header(EntryType::Regular, 3), "base/1", &b"abc"[..]).unwrap();
        b.append_data(&mut header(EntryType::Regular, 0), "empty", io::empty()).unwrap();
        let out = untar(&b.into_inner().unwrap()[..], dir.path(), true).unwrap();
        assert_eq!(out, Unpacked { files: 2, bytes: 3 });
        assert_eq!(std::fs::read(dir.path().join("base/1")).unwrap(), b"abc");
        assert_eq!(std::fs::metadata(dir.path().join("base/1")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(dir.path().join("base")).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn hostile_entries_are_refused_and_write_nothing_outside() {
        let parent = tempfile::tempdir().unwrap();
        for (name, kind) in [
            ("../evil", EntryType::Regular),
            ("/tmp/pgseal-evil", EntryType::Regular),
            ("a/../../evil", EntryType::Regular),
            ("link", EntryType::Symlink),
            ("hard", EntryType::Link),
            ("dev", EntryType::Char),
            ("fifo", EntryType::Fifo),
            ("", EntryType::Regular),
            (".", EntryType::Regular),
            ("./", EntryType::Regular),
            ("a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", EntryType::Regular),
        ] {
            let dir = parent.path().join("target");
            std::fs::create_dir(&dir).unwrap();
            let e = untar(&raw(name, kind, b"")[..], &dir, false).unwrap_err();
            assert_eq!(e.code(), Code::Corrupt, "{name}: {e:?}");
            assert!(!parent.path().join("evil").exists() && !Path::new("/tmp/pgseal-evil").exists());
            assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "{name}");
            std::fs::remove_dir_all(&dir).unwrap();
        }
    }

    #[test]
    fn extensions_of_the_format_are_refused_before_their_content_is_read() {
        /// Counts what is read.
        struct Counted<R>(R, u64);
        impl<R: Read> Read for Counted<R> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let n = self.0.read(into)?;
                self.1 += n as u64;
                Ok(n)
            }
        }
        for kind in [
            EntryType::GNULongName,
            EntryType::GNULongLink,
            EntryType::XHeader,
            EntryType::XGlobalHeader,
            EntryType::GNUSparse,
            EntryType::Continuous,
        ] {
            let dir = tempfile::tempdir().unwrap();
            let mut head = header(kind, 64 << 20);
            head.as_mut_bytes()[..1].copy_from_slice(b"x");
            head.set_cksum();
            let mut stream = Counted(head.as_bytes().chain(io::repeat(b'a').take(64 << 20)), 0);
            let e = untar(&mut stream, dir.path(), false).unwrap_err();
            assert_eq!(e.code(), Code::Corrupt, "{kind:?}: {e:?}");
            assert!(stream.1 <= 1 << 20, "{kind:?}: {} bytes were read", stream.1);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{kind:?}");
        }
    }

    #[test]
    fn an_entry_before_its_directory_is_the_tars_fault() {
        for (name, kind) in [("base/1", EntryType::Regular), ("base/5", EntryType::Directory)] {
            let dir = tempfile::tempdir().unwrap();
            let e = untar(&raw(name, kind, b"")[..], dir.path(), false).unwrap_err();
            assert_eq!(e.code(), Code::Corrupt, "{name}: {e:?}");
            assert!(e.text().contains("comes before its directory"), "{e}");
        }
        let dir = tempfile::tempdir().unwrap();
        let mut both = raw("base", EntryType::Regular, b"x");
        both.truncate(1024);
        both.extend(raw("base/1", EntryType::Regular, b""));
        let e = untar(&both[..], dir.path(), false).unwrap_err();
        assert!(e.code() == Code::Corrupt && e.text().contains("comes before its directory"), "{e}");
    }

    #[test]
    fn duplicates_and_truncation_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut b = Builder::new(Vec::new());
        for _ in 0..2 {
            b.append_data(&mut header(EntryType::Regular, 1), "same", &b"x"[..]).unwrap();
        }
        let e = untar(&b.into_inner().unwrap()[..], dir.path(), false).unwrap_err();
        assert!(e.text().contains("twice"), "{e}");
        let dir = tempfile::tempdir().unwrap();
        let whole = raw("file", EntryType::Regular, &[7; 2000]);
        assert!(untar(&whole[..1500], dir.path(), false).is_err());
    }
}
