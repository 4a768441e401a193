//! The directory of one scratch instance, from birth to checked removal.
//!
//! ```text
//! <scratch.dir>/pgseal-<source>-<random>/   ours; the server's user may pass
//!   pgseal-lease.json                       the mark
//!   data/                                   PGDATA                                     the server's
//!   l/                                      where the server makes its socket          the server's
//!   s/                                      the same socket, to be connected to        ours
//!   conf/                                   our own configuration files                ours
//!   evidence/                               what was taken out of a restored PGDATA    ours
//!   etc/ tmp/                               /etc and /tmp of the programs in it (I3)   ours, the server's
//! ```
//!
//! What is ours the server cannot change, remove or replace: as root it belongs
//! to root, and from I3 on it is mounted read-only. The socket is the same in
//! `l` and in `s`, two names of one file. Who runs code in the copy can do with
//! the name in `l` what he likes; nobody connects to that.

use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::{Instance, Jail, procfs};
use crate::error::{Code, Error, Result, Stage};
use crate::process::lease::{Lease, Purpose};
use crate::source::Meetings;
use crate::types::SourceName;
use crate::types::ids::random_bytes;

/// Prefix of every scratch directory's name.
pub const PREFIX: &str = "pgseal-";

/// Whether a name is one that [`Scratch::create`] gives: `pgseal-SOURCE-0123abcd`.
pub fn is_mark(name: &str) -> bool {
    let Some((source, random)) = name.strip_prefix(PREFIX).and_then(|n| n.rsplit_once('-')) else { return false };
    let hex = random.len() == 8 && random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    hex && source.parse::<SourceName>().is_ok()
}

/// `sockaddr_un.sun_path` holds 108 bytes with its closing zero (`unix(7)`).
const SUN_PATH: usize = 107;

/// How long processes may take to be gone after the server was stopped.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// To whom a directory belongs.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// The server may write.
    Servers,
    /// The server may pass, and read what is shown to it.
    Ours,
    /// The server sees nothing of it.
    OursAlone,
}

/// Whether everything is gone; checked, not assumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teardown {
    /// No process works in the directory, and the socket is gone.
    pub instance_gone: bool,
    /// The directory is gone.
    pub directory_gone: bool,
    /// What stood in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Teardown {
    /// Whether nothing is left.
    pub const fn is_clean(&self) -> bool {
        self.instance_gone && self.directory_gone
    }
}

/// A scratch directory. Dropping it ends what runs in it and removes it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    jail: Jail,
    mark: String,
    meetings: Arc<Meetings>,
    removed: bool,
}

impl Scratch {
    /// Makes and marks a directory below `dir` for a drill of `source`.
    ///
    /// # Errors
    /// 2 where the path is too long for a socket or cannot be used in a
    /// setting; 53 where it cannot be made or the scratch user cannot reach it.
    pub async fn create(dir: &Path, jail: &Jail, source: &SourceName) -> Result<Self> {
        let cannot = |what: &str, on: &Path| {
            Error::new(Code::CouldNotRun, Stage::Scratch, what.to_owned()).on(on.display().to_string())
        };
        let dir = dir.canonicalize().map_err(|e| {
            cannot("there is no scratch directory", dir)
                .hint("Set scratch.dir to an existing directory with room for the restored data.")
                .because(e)
        })?;
        if let Some(above) = super::probe::files::data_directory_above(&dir) {
            return Err(cannot("it lies in the data directory of a server", &dir)
                .hint(format!("Set scratch.dir to a directory that is not below {}.", above.display())));
        }
        let mark = format!("{PREFIX}{source}-{}", hex::encode(random_bytes::<4>()?));
        let path = dir.join(&mark);
        let usable = path.to_str().is_some_and(|p| !p.contains(['"', '\n', '\r', '\\', '\'']));
        let socket = path.join("s/.s.PGSQL.65535");
        if !usable || socket.as_os_str().len() > SUN_PATH {
            return Err(Error::new(Code::Usage, Stage::Scratch, "a socket cannot have this path")
                .on(path.display().to_string())
                .hint("Set scratch.dir to a short path of plain characters, such as /var/tmp."));
        }
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(|e| {
            cannot("cannot make the scratch directory", &path)
                .hint("Set scratch.dir to a directory that pgseal may write to.")
                .because(e)
        })?;
        let jail = jail.clone().around(&path);
        let scratch = Self { path, jail, mark, meetings: Arc::default(), removed: false };
        Lease::ours(Purpose::Scratch, &scratch.path)?.write()?;
        for (sub, whose) in [
            ("data", Whose::Servers),
            ("l", Whose::Servers),
            ("tmp", Whose::Servers),
            ("s", Whose::Ours),
            ("conf", Whose::Ours),
            ("etc", Whose::Ours),
            ("evidence", Whose::OursAlone),
        ] {
            let sub = scratch.path.join(sub);
            std::fs::DirBuilder::new()
                .mode(0o700)
                .create(&sub)
                .map_err(|e| cannot("cannot make a directory", &sub).because(e))?;
            match whose {
                Whose::Servers => scratch.jail.give(&sub)?,
                Whose::Ours => scratch.jail.show(&sub)?,
                Whose::OursAlone => {}
            }
        }
        scratch.write_etc()?;
        scratch.jail.show(&scratch.path)?;
        scratch.check_reach().await?;
        Ok(scratch)
    }

    /// The directories above must let the scratch user through.
    async fn check_reach(&self) -> Result<()> {
        let program = super::user::program("test").ok_or_else(|| Error::internal("there is no test program"))?;
        let exit =
            self.jail.tool(program).arg("-w").arg(self.data_dir().into_os_string()).spawn().await?.wait().await?;
        if exit.code() == Some(0) {
            return Ok(());
        }
        Err(Error::new(Code::CouldNotRun, Stage::Scratch, format!("the user {} cannot reach it", self.jail.user()))
            .on(self.path.display().to_string())
            .hint("Set scratch.dir to a directory whose parents everyone may pass through, such as /var/tmp."))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name; the server's `cluster_name`, so that it is known in a process list.
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// The jail its programs run in.
    pub const fn jail(&self) -> &Jail {
        &self.jail
    }

    /// PGDATA.
    pub fn data_dir(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Directory of the socket that is connected to.
    pub fn socket_dir(&self) -> PathBuf {
        self.path.join("s")
    }

    /// Directory where the server makes its socket. Nobody connects there.
    pub(super) fn listen_dir(&self) -> PathBuf {
        self.path.join("l")
    }

    /// Whom sessions with its server met.
    pub const fn meetings(&self) -> &Arc<Meetings> {
        &self.meetings
    }

    /// Gives the server's socket the name that is connected to. Called once the
    /// server is up, before any of its code can have run.
    ///
    /// # Errors
    /// 52 where it is not the server's socket; 53 where it cannot be named.
    pub(super) fn admit(&self, port: u16) -> Result<PathBuf> {
        let name = format!(".s.PGSQL.{port}");
        let (from, to) = (self.listen_dir().join(&name), self.socket_dir().join(&name));
        // A link is not followed: it would get the second name itself.
        std::fs::hard_link(&from, &to).map_err(|e| {
            Error::new(Code::CouldNotRun, Stage::Scratch, "the server's socket cannot get a second name")
                .on(to.display().to_string())
                .hint("Set scratch.dir to a local file system that knows hard links, such as ext4, xfs or tmpfs.")
                .because(e)
        })?;
        let is = std::fs::symlink_metadata(&to).map(|m| (m.file_type().is_socket(), m.uid()));
        if is.is_ok_and(|(socket, uid)| socket && uid == self.jail.uid()) {
            return Ok(to);
        }
        let what = "what lies where the server makes its socket is not that".to_owned();
        self.meetings.met_stranger(what.clone());
        Err(Error::new(Code::Exposure, Stage::Scratch, what).on(from.display().to_string()))
    }

    /// Our configuration files.
    pub fn conf_dir(&self) -> PathBuf {
        self.path.join("conf")
    }

    /// What was taken out of a restored PGDATA.
    pub fn evidence_dir(&self) -> PathBuf {
        self.path.join("evidence")
    }

    /// Free bytes on its file system, for the user that fills it.
    pub fn free_bytes(&self) -> Option<u64> {
        let fs = rustix::fs::statvfs(&self.path).ok()?;
        Some(fs.f_bavail.saturating_mul(fs.f_frsize))
    }

    /// Stops the server, removes everything, and looks whether it is gone.
    pub async fn teardown(mut self, instance: Option<Instance>) -> Teardown {
        let mut details = Vec::new();
        if let Some(instance) = instance
            && let Err(e) = instance.stop().await
        {
            details.push(e.text());
        }
        let path = self.path.clone();
        self.removed = true;
        let result = tokio::task::spawn_blocking(move || remove(&path)).await;
        match result {
            Ok(mut done) => {
                details.extend(done.detail.take());
                done.detail = (!details.is_empty()).then(|| details.join("; "));
                done
            }
            Err(e) => Teardown { instance_gone: false, directory_gone: false, detail: Some(e.to_string()) },
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.removed {
            let done = remove(&self.path);
            if !done.is_clean() {
                tracing::error!(path = %self.path.display(), detail = ?done.detail, "a scratch directory could not be removed");
            }
        }
    }
}

/// Ends what works below `path`, removes it and checks. Only for directories
/// that carry our mark.
pub(super) fn remove(path: &Path) -> Teardown {
    end_processes(path);
    let instance_gone = procfs::started_below(path).is_empty();
    let detail = if instance_gone {
        remove_tree(path).err().map(|e| format!("cannot remove the directory: {e}"))
    } else {
        Some("processes still work in the directory".to_owned())
    };
    let directory_gone = matches!(std::fs::symlink_metadata(path), Err(e) if e.kind() == std::io::ErrorKind::NotFound);
    Teardown { instance_gone, directory_gone, detail }
}

/// Removes everything. A restored directory may lack write permission for its
/// owner, so an ordinary user opens it up; and a restore that was interrupted
/// may still be writing its last file, so there is more than one try.
fn remove_tree(path: &Path) -> std::io::Result<()> {
    let start = Instant::now();
    loop {
        match std::fs::remove_dir_all(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !path.exists() => return Ok(()),
            Err(e) if start.elapsed() > GONE_WITHIN => return Err(e),
            Err(_) => {
                // Root needs no permission, and is not to be led astray by a link.
                if !rustix::process::geteuid().is_root() {
                    open_up(path);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(()) => return Ok(()),
        }
    }
}

/// Asks the processes below `path` to end (SIGQUIT, PostgreSQL's immediate
/// shutdown), then kills them.
fn end_processes(path: &Path) {
    let start = Instant::now();
    let mut asked = false;
    loop {
        let alive = procfs::started_below(path);
        if alive.is_empty() || start.elapsed() > GONE_WITHIN {
            return;
        }
        let signal =
            if start.elapsed() > GONE_WITHIN / 3 { Some(Signal::KILL) } else { (!asked).then_some(Signal::QUIT) };
        asked = true;
        if let Some(signal) = signal {
            for pid in alive.into_iter().filter_map(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn open_up(path: &Path) {
    if std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir()) {
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700));
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_is_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pgseal-x-1");
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        std::fs::write(path.join("a/b/c"), b"x").unwrap();
        std::fs::set_permissions(path.join("a/b"), std::fs::Permissions::from_mode(0o000)).unwrap();
        let done = remove(&path);
        assert!(done.is_clean(), "{done:?}");
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_removed_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("kept"), b"x").unwrap();
        let path = dir.path().join("pgseal-x-2");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink(&outside, path.join("link")).unwrap();
        assert!(remove(&path).is_clean());
        assert!(outside.join("kept").exists());
    }
}
