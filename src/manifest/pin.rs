//! The repository ids that this host has seen: `{state_dir}/repository.json`.
//!
//! First sight pins; another id behind the same URL later is a violation of
//! history (somebody replaced the repository, or the URL now leads elsewhere).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Code, Error, Result, Stage};
use crate::types::RepoId;
use crate::types::trusted::{self, Last};

const LIMIT: u64 = 1024 * 1024;

/// The pins of one state directory.
#[derive(Debug)]
pub struct Pins {
    dir: PathBuf,
}

impl Pins {
    /// The pins below `state_dir`, which need not exist yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.to_owned() }
    }

    fn file(&self) -> PathBuf {
        self.dir.join("repository.json")
    }

    /// The id pinned for `url`.
    pub fn get(&self, url: &str) -> Result<Option<RepoId>> {
        Ok(self.read()?.remove(normal(url)))
    }

    /// Pins `id` for `url`, or confirms it; another id is error 42.
    pub fn check(&self, url: &str, id: &RepoId) -> Result<()> {
        let url = normal(url);
        if !self.confirmed(url, id)? {
            self.pin(url, id).map_err(|e| match e {
                PinError::Ours(e) => e,
                PinError::Io(e) => self.broken("cannot pin the repository's id").because(e),
            })?;
        }
        Ok(())
    }

    /// Whether `id` is pinned; an error where another one is.
    fn confirmed(&self, url: &str, id: &RepoId) -> Result<bool> {
        match self.read()?.get(url) {
            Some(pinned) if pinned == id => Ok(true),
            Some(pinned) => Err(Error::new(
                Code::History,
                Stage::Store,
                format!("this is another repository than before: it was {pinned} and is now {id}"),
            )
            .on(url.to_owned())
            .hint(format!(
                "Somebody replaced the repository, or the URL leads elsewhere now. If you did that on purpose, remove \
                 the entry from {}.",
                self.file().display()
            ))),
            None => Ok(false),
        }
    }

    fn pin(&self, url: &str, id: &RepoId) -> Result<(), PinError> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        // Two first runs at once must not lose each other's pin.
        let lock = File::options().create(true).truncate(false).write(true).open(self.dir.join("repository.lock"))?;
        flock(&lock, FlockOperation::LockExclusive).map_err(std::io::Error::from)?;
        if self.confirmed(url, id)? {
            return Ok(());
        }
        let mut pins = self.read()?;
        pins.insert(url.to_owned(), id.clone());
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        let mut text = serde_json::to_vec_pretty(&pins).map_err(std::io::Error::other)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(self.file()).map_err(|e| e.error)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(())
    }

    fn read(&self) -> Result<BTreeMap<String, RepoId>> {
        let Some(file) = trusted::open(&self.file(), Last::File, Stage::Config)? else { return Ok(BTreeMap::new()) };
        let text = file.closed_to_writers()?.read(LIMIT)?;
        serde_json::from_slice(&text).map_err(|e| self.broken("the pinned repository ids are damaged").because(e))
    }

    fn broken(&self, message: &str) -> Error {
        Error::new(Code::Usage, Stage::Config, message)
            .on(self.file().display().to_string())
            .hint("Check state.dir; a damaged file may be restored from a backup of this host.")
    }
}

enum PinError {
    Ours(Error),
    Io(std::io::Error),
}

impl From<Error> for PinError {
    fn from(e: Error) -> Self {
        Self::Ours(e)
    }
}

impl From<std::io::Error> for PinError {
    fn from(e: std::io::Error) -> Self {
        Self::Io(e)
    }
}

/// A trailing slash makes no other repository.
fn normal(url: &str) -> &str {
    url.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_sight_pins_and_a_change_is_a_violation() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins::new(&dir.path().join("state"));
        let (one, two) = (RepoId::new([1; 16]), RepoId::new([2; 16]));
        assert_eq!(pins.get("file:///r").unwrap(), None);
        pins.check("file:///r", &one).unwrap();
        pins.check("file:///r/", &one).unwrap();
        pins.check("file:///other", &two).unwrap();
        assert_eq!(pins.get("file:///r").unwrap(), Some(one.clone()));
        let e = pins.check("file:///r", &two).unwrap_err();
        assert_eq!(e.code(), Code::History);
        assert!(e.next_step().unwrap().contains("repository.json"));
        assert_eq!(pins.get("file:///r").unwrap(), Some(one));
    }

    #[test]
    fn a_damaged_file_is_no_reason_to_pin_anew() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins::new(dir.path());
        for text in ["", "[]", "{\"file:///r\":\"xyz\"}"] {
            std::fs::write(dir.path().join("repository.json"), text).unwrap();
            assert_eq!(pins.check("file:///r", &RepoId::new([1; 16])).unwrap_err().code(), Code::Usage);
        }
        std::fs::write(dir.path().join("repository.json"), vec![b' '; (1 << 20) + 1]).unwrap();
        assert!(pins.get("file:///r").unwrap_err().text().contains("larger than the 1048576 bytes"));
    }
}
