//! Key files on disk: opened once, judged by what was opened (not by a path
//! that may change meanwhile), bounded, never overwritten.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result, Stage};

/// Reads a file that holds a secret: a regular file (no symbolic link), owned by
/// the caller or root, closed to group and others, of at most `limit` bytes.
///
/// The rules are those of OpenSSH for private keys (`sshkey_perm_ok`), with a
/// check of the owner added.
pub fn read_secret(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    let (file, meta) = open(path, OFlags::NOFOLLOW)?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(refused(path, format!("the file is open to others (mode {mode:04o})"))
            .hint(format!("Others may have read this secret. Close it: chmod 600 {}", path.display())));
    }
    read_bounded(file, path, meta.size(), limit)
}

/// Reads a public file that decides about trust: a regular file in the end (a
/// symbolic link to one is fine), owned by the caller or root, not writable by
/// group or others, of at most `limit` bytes.
pub fn read_public(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let (file, meta) = open(path, OFlags::empty())?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(refused(path, format!("others can write the file (mode {mode:04o})"))
            .hint(format!("Check its content, then close it: chmod go-w {}", path.display())));
    }
    let mut bytes = read_bounded(file, path, meta.size(), limit)?;
    Ok(std::mem::take(&mut *bytes))
}

/// Writes a new file with exactly `mode`, and makes file and name durable.
/// Never overwrites: an existing path, even a dangling link, is refused.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::from_raw_mode(mode)).map_err(|e| match e {
        Errno::EXIST => refused(path, "the file exists already")
            .hint("pgseal never overwrites a key or a configuration; choose another name, or move the old file away."),
        other => refused(path, "cannot create the file").because(std::io::Error::from(other)),
    })?;
    let mut file = File::from(fd);
    let written = rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))
        .map_err(std::io::Error::from)
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_directory_of(path));
    written.map_err(|e| {
        // Half a key is worse than none; it is ours, we just created it.
        let _ = std::fs::remove_file(path);
        refused(path, "cannot write the file").because(e)
    })
}

fn sync_directory_of(path: &Path) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

/// Opens without waiting on a FIFO and judges the opened file.
fn open(path: &Path, extra: OFlags) -> Result<(File, std::fs::Metadata)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | extra;
    let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| match e {
        Errno::NOENT => refused(path, "there is no such file")
            .hint("Check the path in the configuration; `pgseal keygen` makes new keys."),
        Errno::LOOP => refused(path, "the file is a symbolic link")
            .hint("A secret must be named directly, so that nobody can point it elsewhere; give the real path."),
        other => refused(path, "cannot open the file").because(std::io::Error::from(other)),
    })?;
    let file = File::from(fd);
    let meta = file.metadata().map_err(|e| refused(path, "cannot examine the file").because(e))?;
    if !meta.is_file() {
        return Err(refused(path, "this is not a regular file")
            .hint("Give the path of a file, not of a directory, pipe or device."));
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me && meta.uid() != 0 {
        return Err(refused(path, format!("the file belongs to another user (uid {})", meta.uid()))
            .hint("Its owner could change it at any time; make it belong to the user who runs pgseal, or to root."));
    }
    Ok((file, meta))
}

fn read_bounded(file: File, path: &Path, size: u64, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    let too_large = || {
        refused(path, format!("the file is larger than the {limit} bytes allowed"))
            .hint("Check that the path names the file you mean.")
    };
    if size > limit {
        return Err(too_large());
    }
    // All room at once: growing would leave copies of the secret behind.
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(limit).unwrap_or(usize::MAX).min(size as usize + 64)));
    let mut chunk = Zeroizing::new([0u8; 4096]);
    let mut file = file.take(limit.saturating_add(1));
    loop {
        let n = file.read(&mut chunk[..]).map_err(|e| refused(path, "cannot read the file").because(e))?;
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

fn refused(path: &Path, message: impl Into<String>) -> Error {
    Error::new(Code::Usage, Stage::Keys, message).on(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn file(dir: &Path, name: &str, mode: u32) -> std::path::PathBuf {
        let path = dir.join(name);
        write_new(&path, b"secret", mode).unwrap();
        path
    }

    #[test]
    fn a_closed_file_is_read_and_an_open_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o400] {
            let path = file(dir.path(), &format!("good{mode:o}"), mode);
            assert_eq!(read_secret(&path, 6).unwrap().as_slice(), b"secret");
        }
        for mode in [0o640, 0o604, 0o610, 0o602, 0o601] {
            let path = file(dir.path(), &format!("bad{mode:o}"), mode);
            let e = read_secret(&path, 6).unwrap_err();
            assert!(e.next_step().unwrap().contains("chmod 600"), "{e:?}");
            assert_eq!(e.code(), Code::Usage);
        }
    }

    #[test]
    fn public_files_may_be_readable_but_not_writable_by_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "good", 0o644);
        assert_eq!(read_public(&path, 6).unwrap(), b"secret");
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(read_public(&link, 6).unwrap(), b"secret");
        for mode in [0o664, 0o646] {
            let path = file(dir.path(), &format!("bad{mode:o}"), mode);
            assert!(read_public(&path, 6).unwrap_err().to_string().contains("others can write"));
        }
    }

    #[test]
    fn what_is_not_a_plain_bounded_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "key", 0o600);
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(read_secret(&link, 6).unwrap_err().to_string().contains("symbolic link"));
        assert!(read_secret(dir.path(), 6).unwrap_err().to_string().contains("not a regular file"));
        assert!(read_secret(&dir.path().join("none"), 6).unwrap_err().to_string().contains("no such file"));
        assert!(read_secret(&path, 5).unwrap_err().to_string().contains("larger than the 5 bytes"));
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(read_secret(&fifo, 6).unwrap_err().to_string().contains("not a regular file"));
    }

    #[test]
    fn a_foreign_owner_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "key", 0o600);
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        assert!(read_secret(&path, 6).unwrap_err().to_string().contains("another user (uid 12345)"));
        assert!(read_public(&path, 6).unwrap_err().to_string().contains("another user (uid 12345)"));
    }

    #[test]
    fn writing_never_overwrites_and_sets_the_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "key", 0o600);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let e = write_new(&path, b"other", 0o600).unwrap_err();
        assert_eq!((e.code(), e.text()), (Code::Usage, "the file exists already".to_owned()));
        assert_eq!(std::fs::read(&path).unwrap(), b"secret");
        let dangling = dir.path().join("dangling");
        symlink(dir.path().join("target"), &dangling).unwrap();
        assert!(write_new(&dangling, b"x", 0o600).is_err());
        assert!(!dir.path().join("target").exists());
        assert!(write_new(&dir.path().join("no/such/dir"), b"x", 0o600).is_err());
    }
}
