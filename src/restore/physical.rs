//! A data directory from a base backup: staged, complete, then named.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt as _;
use rustix::fs::{Access, access};
use tokio::sync::mpsc;

use super::Opened;
use super::carried::{self, Carried, Standby};
use super::staging::Staging;
use super::untar::{Unpacked, untar};
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::Role;
use crate::pipeline::buffers::Buffer;
use crate::types::event::{Event, Progress};

/// Where a physical backup goes.
#[derive(Debug)]
pub struct PhysicalTarget {
    /// A directory that does not exist or is empty.
    pub dir: PathBuf,
    /// fsync everything; off only for scratch instances.
    pub durable: bool,
    /// Give everything to this user and group, when running as root.
    pub owner: Option<(u32, u32)>,
    /// What becomes of a standby's backup.
    pub standby: Standby,
    /// Progress.
    pub progress: Progress,
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the tar held.
    pub unpacked: Unpacked,
    /// What of it reaches out of the directory.
    pub carried: Carried,
}

/// What lies on a file system of its own and is nobody's data: `mkfs` makes it.
const LOST_AND_FOUND: &str = "lost+found";

/// Refuses a target that this user cannot make (13).
fn may_be_made(dir: &Path) -> Result<()> {
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let refuse = |what: &str, hint: String| {
        Error::new(Code::Refused, Stage::Restore, what.to_owned()).on(parent.display().to_string()).hint(hint)
    };
    if !parent.is_dir() {
        let hint = "Make it first, for the user who will run the server, or name another --target-dir.";
        return Err(refuse("the directory that the target would lie in does not exist", hint.to_owned()));
    }
    access(parent, Access::WRITE_OK | Access::EXEC_OK).map_err(|e| {
        refuse("this user may not write in it", "Choose another --target-dir, or another user.".to_owned()).because(e)
    })
}

/// Refuses a target that exists and is not an empty directory (13). A
/// `lost+found` and what killed restores left do not count.
pub fn must_be_empty(dir: &Path) -> Result<()> {
    let refuse = |m: &str| {
        Error::new(Code::Refused, Stage::Restore, m.to_owned())
            .on(dir.display().to_string())
            .hint("Restore into a new directory with --target-dir; pgseal never writes over data.")
    };
    match std::fs::symlink_metadata(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => may_be_made(dir),
        Err(e) => Err(refuse("cannot be looked at").because(e)),
        Ok(m) if !m.is_dir() => Err(refuse("exists and is not a directory")),
        Ok(_) => {
            let left = Staging::left(dir);
            let counts = |e: &std::fs::DirEntry| {
                let found = e.file_name() == LOST_AND_FOUND && e.file_type().is_ok_and(|t| t.is_dir());
                !found && !left.contains(&e.path())
            };
            match std::fs::read_dir(dir).map(|d| d.flatten().any(|e| counts(&e))) {
                Ok(false) => Ok(()),
                Ok(true) => Err(refuse("the target directory is not empty")),
                Err(e) => Err(refuse("cannot be read").because(e)),
            }
        }
    }
}

impl PhysicalTarget {
    /// Restores. On an error nothing lies under the target's name.
    pub async fn restore(&self, opened: &Opened) -> Result<Restored> {
        must_be_empty(&self.dir)?;
        let stream = opened
            .streams(Role::Base, None)
            .first()
            .map(|s| (*s).clone())
            .ok_or_else(|| Error::new(Code::Corrupt, Stage::Restore, "the backup has no base stream"))?;
        for gone in Staging::remove_left(&self.dir) {
            let what = format!("removed {}, which a killed restore had left", gone.display());
            self.progress.event(Event::Note(what));
        }
        let staging = Staging::new(&self.dir)?;
        let (sender, receiver) = mpsc::channel::<Buffer>(1);
        let durable = self.durable;
        // The task owns the staging directory: when the restore is interrupted, it
        // sees the end of the channel and removes what it wrote, after its last write.
        let unpack = tokio::task::spawn_blocking(move || {
            let mut reader = ChannelReader { parts: receiver, current: None, position: 0 };
            let unpacked = untar(&mut reader, staging.path(), durable)?;
            // What follows the end-of-archive mark must be padding only.
            let mut rest = vec![0u8; 64 * 1024];
            loop {
                match reader.read(&mut rest) {
                    Ok(0) => return Ok((unpacked, staging)),
                    Ok(n) if rest[..n].iter().all(|b| *b == 0) => {}
                    _ => {
                        return Err(Error::new(
                            Code::Corrupt,
                            Stage::Restore,
                            "there are bytes behind the end of the tar",
                        ));
                    }
                }
            }
        });
        let mut parts = std::pin::pin!(opened.reader.stream(opened.parts(&stream)?, Arc::clone(&self.progress)));
        while let Some(part) = parts.next().await {
            if sender.send(part?).await.is_err() {
                break;
            }
        }
        drop(sender);
        let (unpacked, staging) = unpack.await.map_err(|e| Error::internal("unpacking ended early").because(e))??;
        if let Some(facts) = &opened.facts.physical
            && (facts.files, facts.bytes) != (unpacked.files, unpacked.bytes)
        {
            return Err(Error::new(
                Code::Corrupt,
                Stage::Restore,
                format!(
                    "{} files of {} bytes were unpacked, {} of {} were backed up",
                    unpacked.files, unpacked.bytes, facts.files, facts.bytes
                ),
            ));
        }
        let carried = carried::settle(staging.path(), self.standby, opened.facts.server.in_recovery, durable)
            .map_err(|e| failed("cannot take out what makes it a standby", &self.dir, e))?;
        if let Some((uid, gid)) = self.owner {
            give_to(staging.path(), uid, gid)
                .map_err(|e| failed("cannot give the files to their owner", &self.dir, e))?;
        }
        staging.publish(&self.dir)?;
        Ok(Restored { unpacked, carried })
    }
}

pub(super) fn failed(what: &str, dir: &Path, e: io::Error) -> Error {
    let code = match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::NoSpace,
        _ => Code::RestoreFailed,
    };
    Error::new(code, Stage::Restore, what.to_owned()).on(dir.display().to_string()).because(e)
}

fn give_to(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give_to(&entry?.path(), uid, gid)?;
        }
    }
    std::os::unix::fs::lchown(path, Some(uid), Some(gid))
}

/// Parts from the async side as a blocking reader. The end of the channel is
/// the end of the stream; a stream cut short shows as a broken tar.
struct ChannelReader {
    parts: mpsc::Receiver<Buffer>,
    current: Option<Buffer>,
    position: usize,
}

impl Read for ChannelReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(part) = &self.current {
                let rest = &part[self.position..];
                if !rest.is_empty() {
                    let n = rest.len().min(into.len());
                    into[..n].copy_from_slice(&rest[..n]);
                    self.position += n;
                    return Ok(n);
                }
            }
            self.current = None;
            match self.parts.blocking_recv() {
                None => return Ok(0),
                Some(part) => (self.current, self.position) = (Some(part), 0),
            }
        }
    }
}
