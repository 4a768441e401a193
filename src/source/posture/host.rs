//! Files of a server that runs on this very host.
//!
//! Where a file is says the server, and whoever rules it could name any file of
//! this host to a pgseal that runs as root. So only what the server's own user
//! owns, or what everybody may read, is read; and only once a process of this
//! host, in our own view of its file system, is known to be the one that serves us.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::read::Me;
use crate::hba::Captured;

/// This host, which is the server's.
#[derive(Debug)]
pub(super) struct Host {
    /// The user that the server runs as.
    user: u32,
}

impl Host {
    /// Finds the process that serves the session.
    ///
    /// # Errors
    /// Why the server is not known to be here.
    pub(super) fn of(me: &Me) -> Result<Self, String> {
        if !me.socket {
            return Err("the server is not asked over a unix socket".into());
        }
        let process = PathBuf::from(format!("/proc/{}", me.backend));
        let elsewhere = || "the process that serves us is not seen on this host".to_owned();
        // "postgres: [cluster: ]role database [local] …"
        let title = std::fs::read(process.join("cmdline")).map_err(|_| elsewhere())?;
        let title = String::from_utf8_lossy(&title);
        if !title.starts_with("postgres: ") || !title.contains(&format!(" {} [local]", me.title)) {
            return Err(elsewhere());
        }
        let view = |of: &Path| std::fs::read_link(of.join("ns/mnt"));
        // Whoever may not look is of another user, and sees what is here.
        if let (Ok(ours), Ok(its)) = (view(Path::new("/proc/self")), view(&process))
            && ours != its
        {
            return Err("the server has another view of the file system than this process".into());
        }
        let user = std::fs::metadata(&process).map_err(|_| elsewhere())?.uid();
        Ok(Self { user })
    }

    /// A file, and when it was changed.
    pub(super) fn file(&self, path: &str, most: usize) -> (Captured, Option<Timestamp>) {
        self.try_file(path, most).unwrap_or_else(|what| (what, None))
    }

    fn try_file(&self, path: &str, most: usize) -> Result<(Captured, Option<Timestamp>), Captured> {
        // Neither a pipe nor a device is waited for.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        let file = File::options().read(true).custom_flags(flags).open(path).map_err(|e| unread(&e))?;
        let meta = file.metadata().map_err(|e| unread(&e))?;
        if !meta.is_file() {
            return Err(Captured::Unread("it is no regular file".into()));
        }
        self.is_its_own(&meta)?;
        let mut bytes = Vec::new();
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|e| unread(&e))?;
        let changed = meta.modified().ok().and_then(|t| Timestamp::try_from(t).ok());
        Ok((Captured::bytes(&bytes), changed))
    }

    /// The names in a directory.
    pub(super) fn names(&self, path: &str, most: usize) -> Captured {
        self.try_names(path, most).unwrap_or_else(|what| what)
    }

    fn try_names(&self, path: &str, most: usize) -> Result<Captured, Captured> {
        self.is_its_own(&std::fs::metadata(path).map_err(|e| unread(&e))?)?;
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|e| unread(&e))?.take(most + 1) {
            names.push(entry.map_err(|e| unread(&e))?.file_name().to_string_lossy().into_owned());
        }
        if names.len() > most {
            return Err(Captured::Unread("the directory has too many files".into()));
        }
        Ok(Captured::Names(names))
    }

    fn is_its_own(&self, meta: &std::fs::Metadata) -> Result<(), Captured> {
        if meta.uid() == self.user || meta.mode() & 0o004 != 0 {
            return Ok(());
        }
        Err(Captured::Unread("the file is neither the server's own nor open to all".into()))
    }
}

fn unread(e: &std::io::Error) -> Captured {
    match e.kind() {
        ErrorKind::NotFound => Captured::Absent,
        ErrorKind::PermissionDenied => Captured::Unread("this process may not read the file".into()),
        kind => Captured::Unread(format!("the file cannot be read: {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_what_the_server_could_read_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pg_hba.conf");
        std::fs::write(&path, "local all all peer\n").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let me = rustix::process::geteuid().as_raw();
        let (own, other) = (Host { user: me }, Host { user: me + 1 });
        let read = |host: &Host, path: &Path| host.file(path.to_str().unwrap(), 100).0;
        mode(0o600);
        assert_eq!(read(&own, &path), Captured::Text("local all all peer\n".into()));
        assert!(matches!(read(&other, &path), Captured::Unread(_)));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read(&other, &link), Captured::Unread(_)), "a link leads to somebody else's file");
        mode(0o644);
        assert!(matches!(read(&other, &link), Captured::Text(_)));
        assert_eq!(read(&own, &dir.path().join("none")), Captured::Absent);
        assert!(matches!(read(&own, dir.path()), Captured::Unread(_)));
        assert!(matches!(read(&own, Path::new("/dev/zero")), Captured::Unread(_)));
        assert_eq!(
            own.names(dir.path().to_str().unwrap(), 1),
            Captured::Unread("the directory has too many files".into())
        );
    }
}
