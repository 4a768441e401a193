//! What this host saw of a chain before: without it, a store that hides its
//! newest manifests cannot be told from one that never had them.
//!
//! Every command that reads a history reads this and adds to it. It holds the last
//! backup of each whole piece of the chain, which is one unless something is
//! missing in between, and it never forgets: only what a newer backup names as its
//! predecessor is dropped, because that one then stands for it.
//!
//! Losing the file downgrades rollback detection to "signed history only".

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result, Stage};
use crate::manifest::chain::Seen;
use crate::types::{Digest, RepoId, SourceName};

/// Largest state file in bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// Most backups in it. More pieces than this has no chain that can be used.
const MAX_SEEN: usize = 256;

/// The state file of one source in one repository.
#[derive(Debug, Clone)]
pub struct Witness {
    path: PathBuf,
}

/// The file: the newest backup, and beside it those that it does not stand for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    seq: u64,
    digest: Digest,
    first_seen: Timestamp,
    /// Absent where the chain is whole, and in files of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also: Vec<Also>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Also {
    seq: u64,
    digest: Digest,
    first_seen: Timestamp,
}

impl Also {
    fn is(&self, seen: &Seen) -> bool {
        (self.seq, self.digest) == (seen.seq, seen.digest)
    }
}

impl Witness {
    /// Below the state directory.
    pub fn new(state_dir: &Path, repo: &RepoId, source: &SourceName) -> Self {
        Self { path: state_dir.join("witness").join(repo.as_str()).join(format!("{source}.json")) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was seen, by number; empty when this host never looked.
    ///
    /// # Errors
    /// 2 where the file is there and cannot be read: that is not "never seen".
    pub fn read(&self) -> Result<Vec<Seen>> {
        let state = self.state()?.into_iter();
        Ok(state.map(|s| Seen { seq: s.seq, digest: s.digest }).collect())
    }

    fn state(&self) -> Result<Vec<Also>> {
        let failed = |m: &str| {
            Error::new(Code::Usage, Stage::Verify, m.to_owned())
                .on(self.path.display().to_string())
                .hint("Restore the file from this host's own backup; deleting it gives up rollback detection until the next look.")
        };
        let cannot = |e: std::io::Error| failed("cannot read the witness state").because(e);
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        let file = match File::options().read(true).custom_flags(flags).open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(cannot(e)),
        };
        if !file.metadata().map_err(cannot)?.is_file() {
            return Err(failed("the witness state is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(failed("the witness state is too large"));
        }
        let State { seq, digest, first_seen, mut also } =
            serde_json::from_slice(&bytes).map_err(|e| failed("the witness state is not readable").because(e))?;
        also.push(Also { seq, digest, first_seen });
        also.sort_by_key(|s| s.seq);
        Ok(also)
    }

    /// Remembers the pieces of a chain that was read and judged (see
    /// [`pieces`](crate::manifest::chain::Against::pieces)). What was known and is not in
    /// them stays known.
    ///
    /// # Errors
    /// 2 where the file cannot be written.
    pub fn advance(&self, pieces: &[Vec<Seen>], now: Timestamp) -> Result<()> {
        let next = |known: &[Also]| {
            let covered = |k: &Also| pieces.iter().any(|p| p.iter().any(|s| k.is(s)));
            let ends = pieces.iter().filter_map(|p| p.last());
            let since = |s: &Seen| known.iter().find(|k| k.is(s)).map_or(now, |k| k.first_seen);
            let ends = ends.map(|s| Also { seq: s.seq, digest: s.digest, first_seen: since(s) });
            known.iter().filter(|k| !covered(k)).cloned().chain(ends).collect::<Vec<Also>>()
        };
        self.update(next)
    }

    /// Remembers a backup and that it follows `prev`.
    ///
    /// # Errors
    /// 2 where the file cannot be written.
    pub fn remember(&self, seen: Seen, prev: Option<Seen>, now: Timestamp) -> Result<()> {
        let piece: Vec<Seen> = prev.into_iter().chain([seen]).collect();
        self.advance(&[piece], now)
    }

    /// Replaces the state by what `next` makes of it, under a lock: a `verify` beside a
    /// `backup` must not put an older head over a newer one.
    fn update(&self, next: impl Fn(&[Also]) -> Vec<Also>) -> Result<()> {
        let same = |known: &[Also], next: &[Also]| {
            known.len() == next.len()
                && next.iter().all(|n| known.iter().any(|k| (k.seq, k.digest) == (n.seq, n.digest)))
        };
        let known = self.state()?;
        if same(&known, &next(&known)) {
            return Ok(());
        }
        let failed = |e: std::io::Error| {
            Error::new(Code::Usage, Stage::Verify, "cannot write the witness state")
                .on(self.path.display().to_string())
                .hint("Check state.dir and its permissions.")
                .because(e)
        };
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
            .open(self.path.with_extension("lock"))
            .map_err(failed)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        let known = self.state()?;
        let mut also = next(&known);
        if same(&known, &also) {
            return Ok(());
        }
        if also.len() > MAX_SEEN {
            let text = format!("the history has more than {MAX_SEEN} pieces, which is more than can be remembered");
            return Err(failed(std::io::Error::other(text)));
        }
        also.sort_by_key(|s| s.seq);
        let Some(Also { seq, digest, first_seen }) = also.pop() else { return Ok(()) };
        let bytes =
            serde_json::to_vec_pretty(&State { seq, digest, first_seen, also }).map_err(|e| failed(e.into()))?;
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|e| failed(e.error))?;
        File::open(dir).and_then(|d| d.sync_all()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seq: u64, text: &str) -> Seen {
        Seen { seq, digest: Digest::of(text.as_bytes()) }
    }

    fn witness() -> (tempfile::TempDir, Witness) {
        let dir = tempfile::tempdir().unwrap();
        let repo: RepoId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let w = Witness::new(dir.path(), &repo, &"shop".parse().unwrap());
        (dir, w)
    }

    const THEN: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn it_goes_on_and_never_back() {
        let (_dir, w) = witness();
        assert_eq!(w.read().unwrap(), []);
        w.remember(seen(5, "a"), None, THEN).unwrap();
        // An older look that ends later, and one that sees no more than before.
        w.advance(&[vec![seen(3, "x"), seen(4, "y")]], THEN).unwrap();
        assert_eq!(w.read().unwrap(), [seen(4, "y"), seen(5, "a")]);
        w.advance(&[vec![seen(3, "x"), seen(4, "y"), seen(5, "a")]], THEN).unwrap();
        assert_eq!(w.read().unwrap(), [seen(5, "a")]);
        w.remember(seen(6, "b"), Some(seen(5, "a")), THEN).unwrap();
        assert_eq!(w.read().unwrap(), [seen(6, "b")]);
        // One that does not follow it does not stand for it.
        w.remember(seen(7, "c"), Some(seen(5, "a")), THEN).unwrap();
        assert_eq!(w.read().unwrap(), [seen(6, "b"), seen(7, "c")]);
        w.remember(seen(6, "other"), None, THEN).unwrap();
        assert_eq!(w.read().unwrap().len(), 3);
        // Nothing is no news.
        w.advance(&[], THEN).unwrap();
        assert_eq!(w.read().unwrap().len(), 3);
    }

    #[test]
    fn files_of_older_versions_are_read_and_junk_is_not() {
        let (_dir, w) = witness();
        std::fs::create_dir_all(w.path.parent().unwrap()).unwrap();
        let old =
            format!("{{\"seq\": 6, \"digest\": \"{}\", \"first_seen\": \"2026-11-23T03:00:00Z\"}}", Digest::of(b"b"));
        std::fs::write(&w.path, &old).unwrap();
        assert_eq!(w.read().unwrap(), [seen(6, "b")]);
        w.advance(&[vec![seen(6, "b")]], THEN).unwrap();
        assert_eq!(std::fs::read_to_string(&w.path).unwrap(), old);
        std::fs::write(&w.path, b"{}").unwrap();
        assert_eq!(w.read().unwrap_err().code(), Code::Usage);
        assert_eq!(w.advance(&[vec![seen(7, "c")]], THEN).unwrap_err().code(), Code::Usage);
        std::fs::remove_file(&w.path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &w.path).unwrap();
        assert_eq!(w.read().unwrap_err().code(), Code::Usage);
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let (_dir, w) = witness();
        std::thread::scope(|s| {
            for n in 1..=20 {
                let w = &w;
                s.spawn(move || w.remember(seen(n, "x"), None, THEN).unwrap());
            }
        });
        assert_eq!(w.read().unwrap().len(), 20);
        let many: Vec<Vec<Seen>> = (1..400).map(|n| vec![seen(n, "y")]).collect();
        assert!(w.advance(&many, THEN).is_err());
        assert_eq!(w.read().unwrap().len(), 20);
    }
}
