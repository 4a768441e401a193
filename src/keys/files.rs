//! Key files on disk: opened once, judged by what was opened (not by a path
//! that may change meanwhile), bounded, never overwritten.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result, Stage};
use crate::types::trusted::{self, Last};

/// Reads a file that holds a secret: a regular file (no symbolic link), owned by
/// the caller or root, closed to group and others, of at most `limit` bytes, in
/// directories where nobody else can exchange it ([`trusted`]).
///
/// The rules are those of OpenSSH for private keys (`sshkey_perm_ok`), with a
/// check of the owner added.
pub fn read_secret(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    read_secret_or(path, limit, MAKE)
}

/// The same; `make` is the next step where there is no such file.
pub fn read_secret_or(path: &Path, limit: u64, make: &str) -> Result<Zeroizing<Vec<u8>>> {
    let file = open(path, Last::File, make)?;
    let mode = file.mode();
    if mode & 0o077 != 0 {
        return Err(refused(path, format!("the file is open to others (mode {mode:04o})"))
            .hint(format!("Others may have read this secret. Close it: chmod 600 {}", path.display())));
    }
    file.read(limit)
}

/// Reads the key of a certificate by libpq's rule: 0600, or 0640 where it is root's. A
/// symbolic link to one is fine where nobody else can exchange it.
pub fn read_tls_key(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    let file = open(path, Last::Link, MAKE)?;
    let (mode, forbidden) = (file.mode(), if file.is_roots() { 0o027 } else { 0o077 });
    if mode & forbidden != 0 {
        return Err(
            refused(path, format!("others may use the client key (mode {mode:04o})")).hint("Set its mode to 0600.")
        );
    }
    file.read(limit)
}

/// Reads a public file that decides about trust: a regular file in the end (a
/// symbolic link to one is fine), owned by the caller or root, not writable by
/// group or others, of at most `limit` bytes, in directories where nobody else
/// can exchange it ([`trusted`]).
pub fn read_public(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = open(path, Last::Link, MAKE)?.closed_to_writers()?.read(limit)?;
    Ok(std::mem::take(&mut *bytes))
}

/// The next step where it is not known what kind of key is missing.
const MAKE: &str = "Check the path in the configuration; `pgseal keygen` makes new keys.";

fn open(path: &Path, last: Last, make: &str) -> Result<trusted::Opened> {
    trusted::open(path, last, Stage::Keys)?.ok_or_else(|| refused(path, "there is no such file").hint(make))
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
    fn a_directory_that_others_can_write_is_refused_and_a_sticky_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let path = file(&inner, "key", 0o600);
        let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        // Kubernetes: a link to a link to a directory of its own.
        symlink("b", dir.path().join("a/..data")).unwrap();
        symlink("..data/key", dir.path().join("a/link")).unwrap();
        let link = dir.path().join("a/link");
        let read = |path: &Path| {
            [read_secret(path, 6).map(|_| ()), read_public(path, 6).map(|_| ()), read_tls_key(path, 6).map(|_| ())]
        };
        for (parent, above, good) in [
            (0o755, 0o700, true),
            (0o1777, 0o755, true),
            (0o755, 0o1777, true),
            (0o777, 0o755, false),
            (0o775, 0o755, false),
            (0o755, 0o777, false),
            (0o2775, 0o755, false),
        ] {
            mode(&inner, parent);
            mode(&dir.path().join("a"), above);
            for read in read(&path).into_iter().chain(read(&link).into_iter().skip(1)) {
                assert_eq!(read.is_ok(), good, "{parent:o} {above:o}: {read:?}");
                if let Err(e) = read {
                    assert!(
                        e.text().contains("can write the directory") && e.next_step().unwrap().contains("chmod go-w"),
                        "{e:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_key_of_a_certificate_may_be_read_by_roots_group() {
        let dir = tempfile::tempdir().unwrap();
        let root = rustix::process::geteuid().is_root();
        for (mode, good) in [(0o600, true), (0o400, true), (0o640, root), (0o644, false), (0o660, false)] {
            let path = file(dir.path(), &format!("key{mode:o}"), mode);
            assert_eq!(read_tls_key(&path, 6).is_ok(), good, "{mode:o}");
        }
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

        // Nor through another user's link in a sticky directory, nor in a directory of his.
        let theirs = dir.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        let path = file(&theirs, "key", 0o600);
        let shared = dir.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o1777)).unwrap();
        let link = shared.join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(read_public(&link, 6).unwrap(), b"secret");
        std::os::unix::fs::lchown(&link, Some(12345), None).unwrap();
        assert!(read_public(&link, 6).unwrap_err().to_string().contains("can write the directory"));
        // Our own file in a directory that is his alone is ours; his files, links and directories are not.
        std::os::unix::fs::chown(&theirs, Some(12345), None).unwrap();
        assert_eq!(&read_secret(&path, 6).unwrap()[..], b"secret");
        let link = theirs.join("link");
        symlink(&path, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(12345), None).unwrap();
        assert!(read_public(&link, 6).unwrap_err().to_string().contains("belongs to uid 12345"));
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        assert!(read_secret(&path, 6).unwrap_err().to_string().contains("belongs to uid 12345"));
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        std::fs::rename(&theirs, shared.join("theirs")).unwrap();
        let theirs = shared.join("theirs");
        let path = theirs.join("key");
        assert_eq!(&read_secret(&path, 6).unwrap()[..], b"secret");
        std::fs::set_permissions(&theirs, std::fs::Permissions::from_mode(0o775)).unwrap();
        assert!(read_secret(&path, 6).unwrap_err().to_string().contains("can write the directory"));
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
