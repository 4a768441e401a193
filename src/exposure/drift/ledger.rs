//! What live audits of a source saw, kept in the state directory: a live server
//! has no earlier backup that an audit could open. Names stand in it as tags alone.
//!
//! Losing the file loses what changed since; the next audit begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::networks::tagged;
use super::past::{Networks, findings, saw};
use super::{Past, PastFinding, Telling};
use crate::checks::{CheckResult, Finding};
use crate::error::{Code, Error, Result, Stage};
use crate::exposure::{Exposure, Plane, Severity};
use crate::keys::read_secret;
use crate::source::posture::SessionFacts;
use crate::types::SourceName;

/// Largest file: 16 MiB.
const LIMIT: u64 = 16 * 1024 * 1024;
/// Looks that are kept.
const LOOKS: usize = 50;
/// Networks that are kept of each role in one look.
const NETWORKS: usize = 1_000;
/// Roles whose networks are kept in one look.
const ROLES: usize = 1_000;

const FORMAT: &str = "pgseal-exposure-ledger";
const VERSION: u32 = 1;

/// The ledger of one source.
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
    source: SourceName,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    format: String,
    version: u32,
    source: SourceName,
    /// Names the key that tags were made with.
    key_id: String,
    looks: Vec<Entry>,
}

/// One look.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    at: Timestamp,
    ruleset: u32,
    planes: Vec<Plane>,
    saw: BTreeSet<String>,
    findings: BTreeMap<String, Line>,
    credentials: BTreeMap<String, Timestamp>,
    networks: Option<Networks>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    check: String,
    severity: Severity,
    content: Option<String>,
}

impl Ledger {
    /// Below the state directory.
    pub fn new(state_dir: &Path, source: &SourceName) -> Self {
        let path = state_dir.join("exposure").join(format!("{source}.json"));
        Self { path, source: source.clone() }
    }

    /// Earlier looks, the oldest first; none where this host never looked, or looked
    /// under another key.
    ///
    /// # Errors
    /// 2 where the file is open to others, too large, or not what was written.
    pub fn read(&self, telling: &Telling<'_>) -> Result<Vec<Past>> {
        Ok(self.looks(*telling)?.into_iter().map(Past::from).collect())
    }

    fn looks(&self, telling: Telling<'_>) -> Result<Vec<Entry>> {
        if self.path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
            return Ok(Vec::new());
        }
        let bytes = read_secret(&self.path, LIMIT).map_err(|e| e.at(Stage::Checks))?;
        let book: Book = serde_json::from_slice(&bytes)
            .map_err(|e| self.wrong("the ledger of audits is not readable").because(e))?;
        if book.format != FORMAT || book.version != VERSION || book.source != self.source {
            return Err(self.wrong("this is not the ledger of this source's audits"));
        }
        // Tags of another key say nothing.
        Ok(if book.key_id == telling.key_id() { book.looks } else { Vec::new() })
    }

    /// Adds a look. Old ones go where there are more than fifty, or too many bytes.
    ///
    /// # Errors
    /// Those of [`Ledger::read`], and 2 where it cannot be written.
    pub fn add(
        &self,
        exposure: &Exposure,
        sessions: Option<&[SessionFacts]>,
        at: Timestamp,
        telling: &Telling<'_>,
    ) -> Result<()> {
        let failed = |e: std::io::Error| self.wrong("cannot write the ledger of audits").because(e);
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        // Two audits at once must not lose a look.
        let lock = self.path.with_extension("lock");
        let lock = std::fs::File::options().create(true).truncate(false).write(true).open(lock).map_err(failed)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        let mut looks = self.looks(*telling)?;
        looks.push(Entry::of(exposure, sessions, at, *telling));
        looks.sort_by_key(|l| l.at);
        looks.drain(..looks.len().saturating_sub(LOOKS));
        let mut book = Book {
            format: FORMAT.to_owned(),
            version: VERSION,
            source: self.source.clone(),
            key_id: telling.key_id(),
            looks,
        };
        let bytes = loop {
            let bytes = serde_json::to_vec(&book).map_err(|e| failed(e.into()))?;
            if bytes.len() as u64 <= LIMIT {
                break bytes;
            }
            if book.looks.len() == 1 {
                return Err(self.wrong("one look alone is too large for the ledger of audits"));
            }
            book.looks.remove(0);
        };
        // Mode 0600 by itself.
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|e| failed(e.error))?;
        std::fs::File::open(dir).and_then(|d| d.sync_all()).map_err(failed)
    }

    fn wrong(&self, message: &str) -> Error {
        Error::new(Code::Usage, Stage::Checks, message)
            .on(self.path.display().to_string())
            .hint("Move the file away to begin anew; what changed since the last audit is then not known.")
    }
}

impl Entry {
    fn of(exposure: &Exposure, sessions: Option<&[SessionFacts]>, at: Timestamp, telling: Telling<'_>) -> Self {
        let line = |(check, f): (&CheckResult, &Finding)| {
            let PastFinding { check, severity, content } = PastFinding::of(check, f);
            (telling.print(&f.fingerprint), Line { check, severity, content })
        };
        let bounded = |all: Networks| {
            let of_role = |set: BTreeSet<String>| set.into_iter().take(NETWORKS).collect();
            all.into_iter().take(ROLES).map(|(role, set)| (role, of_role(set))).collect()
        };
        Self {
            at,
            ruleset: exposure.ruleset,
            planes: exposure.planes.clone(),
            saw: saw(exposure),
            findings: findings(exposure).map(line).collect(),
            credentials: exposure.credentials.iter().map(|c| (c.tag.clone(), c.first_seen)).collect(),
            networks: sessions.map(|s| bounded(tagged(s, &telling))),
        }
    }
}

impl From<Entry> for Past {
    fn from(e: Entry) -> Self {
        let finding = |l: Line| PastFinding { check: l.check, severity: l.severity, content: l.content };
        Self {
            at: e.at,
            ruleset: e.ruleset,
            planes: e.planes,
            saw: e.saw,
            findings: e.findings.into_iter().map(|(print, l)| (print, finding(l))).collect(),
            credentials: e.credentials,
            classes: None,
            networks: e.networks,
        }
    }
}
