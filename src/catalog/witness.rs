//! What this host saw of a chain before: without it, a store that hides its
//! newest manifests cannot be told from one that never had them.
//!
//! Losing the file downgrades rollback detection to "signed history only".

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result, Stage};
use crate::manifest::chain::Seen;
use crate::types::{Digest, RepoId, SourceName};

/// Largest state file in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// The state file of one source in one repository.
#[derive(Debug, Clone)]
pub struct Witness {
    path: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    seq: u64,
    digest: Digest,
    first_seen: Timestamp,
}

impl Witness {
    /// Below the state directory.
    pub fn new(state_dir: &Path, repo: &RepoId, source: &SourceName) -> Self {
        Self { path: state_dir.join("witness").join(repo.as_str()).join(format!("{source}.json")) }
    }

    /// What was seen; `None` when this host never looked.
    pub fn read(&self) -> Result<Option<Seen>> {
        let failed = |m: &str| {
            Error::new(Code::Usage, Stage::Verify, m.to_owned())
                .on(self.path.display().to_string())
                .hint("Restore the file from this host's own backup; deleting it gives up rollback detection until the next look.")
        };
        match std::fs::metadata(&self.path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed("cannot read the witness state").because(e)),
            Ok(m) if m.len() > MAX_BYTES => return Err(failed("the witness state is too large")),
            Ok(_) => {}
        }
        let bytes = std::fs::read(&self.path).map_err(|e| failed("cannot read the witness state").because(e))?;
        let state: State =
            serde_json::from_slice(&bytes).map_err(|e| failed("the witness state is not readable").because(e))?;
        Ok(Some(Seen { seq: state.seq, digest: state.digest }))
    }

    /// Remembers a verified head. Never goes back to a lower slot.
    pub fn remember(&self, seq: u64, digest: Digest, now: Timestamp) -> Result<()> {
        let known = |seen: Seen| seen.seq > seq || (seen.seq == seq && seen.digest == digest);
        if self.read()?.is_some_and(known) {
            return Ok(());
        }
        let failed = |e: std::io::Error| {
            Error::new(Code::Usage, Stage::Verify, "cannot write the witness state")
                .on(self.path.display().to_string())
                .hint("Check state.dir and its permissions.")
                .because(e)
        };
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(dir).map_err(failed)?;
        // A `verify` beside a `backup` must not put an older head over a newer one.
        let lock = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.path.with_extension("lock"))
            .map_err(failed)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        if self.read()?.is_some_and(known) {
            return Ok(());
        }
        let state = State { seq, digest, first_seen: now };
        let bytes = serde_json::to_vec_pretty(&state).map_err(|e| failed(e.into()))?;
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|e| failed(e.error))?;
        std::fs::File::open(dir).and_then(|d| d.sync_all()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_the_highest_and_refuses_junk() {
        let dir = tempfile::tempdir().unwrap();
        let repo: RepoId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let w = Witness::new(dir.path(), &repo, &"shop".parse().unwrap());
        assert_eq!(w.read().unwrap(), None);
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        w.remember(5, a, Timestamp::UNIX_EPOCH).unwrap();
        w.remember(4, b, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(w.read().unwrap(), Some(Seen { seq: 5, digest: a }));
        w.remember(6, b, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(w.read().unwrap(), Some(Seen { seq: 6, digest: b }));
        std::fs::write(&w.path, b"{}").unwrap();
        assert_eq!(w.read().unwrap_err().code(), Code::Usage);
    }
}
