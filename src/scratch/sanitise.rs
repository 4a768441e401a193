//! What is taken out of an extracted data directory before it is started.
//!
//! Run `pg_verifybackup` before: afterwards the directory is no longer the
//! one that was backed up.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::Jail;
use crate::error::{Code, Error, Result, Stage};
use crate::sys::plain_file::{self, Unreadable};

/// Files that would make the copy follow a primary, fetch from an archive or
/// take another server's life for its own.
const REMOVED: [&str; 6] =
    ["standby.signal", "recovery.signal", "recovery.conf", "postmaster.pid", "postmaster.opts", "backup_label.old"];

/// Files whose text is evidence for the audit of exposure; copied aside.
const EVIDENCE: [&str; 4] = ["postgresql.auto.conf", "postgresql.conf", "pg_hba.conf", "pg_ident.conf"];

/// Largest piece of evidence that is copied, bytes.
const EVIDENCE_LIMIT: u64 = 4 * 1024 * 1024;

/// What was done to the directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sanitised {
    /// Major version that `PG_VERSION` names.
    pub major: u32,
    /// What was removed or emptied, relative to PGDATA.
    pub removed: Vec<String>,
    /// Names below the evidence directory.
    pub evidence: Vec<String>,
    /// Files that were looked at.
    pub files: u64,
}

/// Makes the data directory `data` safe to start: no link or special file, no
/// tablespace outside, nothing that follows or archives, owned by the scratch
/// user, 0700. Copies of its configuration go to `evidence`.
///
/// # Errors
/// 44 for links and special files; 53 for tablespaces (not supported) and
/// where files cannot be changed; 50 where it is no data directory.
pub fn sanitise(data: &Path, evidence: &Path, jail: &Jail) -> Result<Sanitised> {
    let mut done = Sanitised { major: major_of(data)?, ..Sanitised::default() };
    refuse_tablespaces(data)?;
    walk(data, jail, &mut done.files)?;
    for name in EVIDENCE {
        match plain_file::read_below(data, name, EVIDENCE_LIMIT) {
            Ok(bytes) => {
                made_new(&evidence.join(name), &bytes)?;
                done.evidence.push(name.to_owned());
            }
            Err(Unreadable::Failed(e)) => return Err(fault(&data.join(name), e)),
            Err(_) => {}
        }
    }
    let auto = data.join("postgresql.auto.conf");
    if std::fs::symlink_metadata(&auto).is_ok() {
        // Not emptied: whatever else it is must not be written through.
        std::fs::remove_file(&auto).map_err(|e| fault(&auto, e))?;
        made_new(&auto, b"")?;
        jail.give(&auto)?;
        done.removed.push("postgresql.auto.conf".to_owned());
    }
    for name in REMOVED {
        let path = data.join(name);
        match std::fs::remove_file(&path) {
            Ok(()) => done.removed.push(name.to_owned()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(fault(&path, e)),
        }
    }
    // Slots of the source would keep WAL and stop a server with a lower wal_level.
    let slots = data.join("pg_replslot");
    for entry in std::fs::read_dir(&slots).into_iter().flatten().flatten() {
        std::fs::remove_dir_all(entry.path()).map_err(|e| fault(&entry.path(), e))?;
        done.removed.push(format!("pg_replslot/{}", entry.file_name().to_string_lossy()));
    }
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).map_err(|e| fault(data, e))?;
    Ok(done)
}

/// The major version that `PG_VERSION` of a data directory names.
///
/// # Errors
/// 50 where there is no such file or it names none.
pub fn major_of(data: &Path) -> Result<u32> {
    let broken = || {
        Error::new(
            Code::RestoreFailed,
            Stage::Scratch,
            "this is no data directory: PG_VERSION is missing or unreadable",
        )
        .on("PG_VERSION")
        .hint("Drill an older backup, and find out why this one was stored like that.")
    };
    let bytes = plain_file::read_below(data, "PG_VERSION", 16).map_err(|_| broken())?;
    String::from_utf8(bytes).ok().and_then(|t| t.trim().parse().ok()).ok_or_else(broken)
}

/// Writes a file that must not be there yet.
fn made_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut f| f.write_all(bytes)).map_err(|e| fault(path, e))
}

fn refuse_tablespaces(data: &Path) -> Result<()> {
    let refuse = |object: String| {
        Error::new(Code::CouldNotRun, Stage::Scratch, "the backup has a tablespace outside the data directory")
            .on(object)
            .hint("Drills of clusters with extra tablespaces are not supported; restore it by hand.")
    };
    if std::fs::symlink_metadata(data.join("tablespace_map")).is_ok_and(|m| m.len() > 0 || !m.is_file()) {
        return Err(refuse("tablespace_map".to_owned()));
    }
    match std::fs::read_dir(data.join("pg_tblspc")).into_iter().flatten().flatten().next() {
        Some(entry) => Err(refuse(format!("pg_tblspc/{}", entry.file_name().to_string_lossy()))),
        None => Ok(()),
    }
}

/// Looks at every entry, and gives it to the scratch user.
fn walk(top: &Path, jail: &Jail, files: &mut u64) -> Result<()> {
    let mut pending: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(path) = pending.pop() {
        let kind = std::fs::symlink_metadata(&path).map_err(|e| fault(&path, e))?.file_type();
        if kind.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(|e| fault(&path, e))? {
                pending.push(entry.map_err(|e| fault(&path, e))?.path());
            }
        } else if kind.is_file() {
            *files += 1;
        } else {
            let relative = path.strip_prefix(top).unwrap_or(&path).display().to_string();
            let what = if kind.is_symlink() { "a symbolic link" } else { "a special file" };
            return Err(Error::new(Code::Limit, Stage::Scratch, format!("the data directory holds {what}"))
                .on(relative)
                .hint("A base backup holds only files and directories; this one is not started."));
        }
        jail.give(&path)?;
    }
    Ok(())
}

fn fault(path: &Path, e: std::io::Error) -> Error {
    Error::new(Code::CouldNotRun, Stage::Scratch, "cannot prepare the data directory")
        .on(path.display().to_string())
        .because(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn jail() -> Jail {
        Jail::detect("postgres").await.unwrap()
    }

    fn data(dir: &Path) -> PathBuf {
        let data = dir.join("data");
        std::fs::create_dir_all(data.join("pg_tblspc")).unwrap();
        std::fs::create_dir_all(data.join("pg_replslot/standby1")).unwrap();
        std::fs::create_dir_all(dir.join("evidence")).unwrap();
        std::fs::write(data.join("PG_VERSION"), "15\n").unwrap();
        data
    }

    #[tokio::test]
    async fn what_follows_or_archives_is_taken_out_and_kept_as_evidence() {
        let dir = tempfile::tempdir().unwrap();
        let data = data(dir.path());
        for name in ["standby.signal", "recovery.signal", "postmaster.pid", "postmaster.opts"] {
            std::fs::write(data.join(name), "x").unwrap();
        }
        std::fs::write(data.join("postgresql.auto.conf"), "archive_mode = on").unwrap();
        let done = sanitise(&data, &dir.path().join("evidence"), &jail().await).unwrap();
        assert_eq!(done.major, 15);
        for name in ["standby.signal", "recovery.signal", "postmaster.pid", "postmaster.opts", "pg_replslot/standby1"] {
            assert!(!data.join(name).exists(), "{name}");
            assert!(done.removed.iter().any(|r| r == name), "{name}");
        }
        assert_eq!(std::fs::read(data.join("postgresql.auto.conf")).unwrap(), b"");
        let kept = std::fs::read_to_string(dir.path().join("evidence/postgresql.auto.conf")).unwrap();
        assert_eq!(kept, "archive_mode = on");
    }

    #[tokio::test]
    async fn links_special_files_and_tablespaces_are_refused() {
        let jail = jail().await;
        let refuse = |make: &dyn Fn(&Path)| {
            let dir = tempfile::tempdir().unwrap();
            let data = data(dir.path());
            make(&data);
            sanitise(&data, &dir.path().join("evidence"), &jail).unwrap_err().code()
        };
        let link = |to: &'static str, name: &'static str| {
            move |d: &Path| std::os::unix::fs::symlink(to, d.join(name)).unwrap()
        };
        assert_eq!(refuse(&link("/var/lib", "pg_wal")), Code::Limit);
        assert_eq!(refuse(&link("/etc/passwd", "base")), Code::Limit);
        assert_eq!(refuse(&link("PG_VERSION", "inside")), Code::Limit);
        assert_eq!(refuse(&link("/srv/space", "pg_tblspc/16384")), Code::CouldNotRun);
        assert_eq!(refuse(&|d| std::fs::write(d.join("tablespace_map"), "16384 /srv\n").unwrap()), Code::CouldNotRun);
        assert_eq!(refuse(&|d| drop(std::os::unix::net::UnixListener::bind(d.join("socket")).unwrap())), Code::Limit);
        assert_eq!(refuse(&|d| std::fs::remove_file(d.join("PG_VERSION")).unwrap()), Code::RestoreFailed);
        assert_eq!(refuse(&|d| std::fs::write(d.join("PG_VERSION"), "x").unwrap()), Code::RestoreFailed);
    }
}
