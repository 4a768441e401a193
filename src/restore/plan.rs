//! What a restore would do, before it does it.

use std::path::Path;

use serde::Serialize;

use super::opened;
use crate::catalog::Entry;
use crate::error::Result;
use crate::keys::Identities;
use crate::types::{BackupId, Kind};

/// The plan of one restore.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Plan {
    pub backup: BackupId,
    pub seq: u64,
    pub kind: Kind,
    pub signer: String,
    /// Objects that will be fetched.
    pub objects: u64,
    /// Bytes that will be fetched.
    pub stored_bytes: u64,
    /// Bytes they open to; about what the target needs.
    pub plain_bytes: u64,
    /// Short hashes of the recipients whose identity is here.
    pub identities: Vec<String>,
    pub target: String,
    /// Free bytes at the target, where it is a directory.
    pub free_bytes: Option<u64>,
    /// What would stop it.
    pub obstacles: Vec<String>,
    /// What would be left out or changed, and what to know before using what is restored.
    pub notes: Vec<String>,
}

impl Plan {
    /// For `entry` into `target` (shown as is). `dir` is the target directory of
    /// a physical restore.
    pub fn new(entry: &Entry, identities: &Identities, target: String, dir: Option<&Path>) -> Result<Self> {
        let m = &entry.manifest;
        let identities = opened::fitting(m, identities)?;
        let mut obstacles = Vec::new();
        let mut free_bytes = None;
        if let Some(dir) = dir {
            if let Err(e) = super::physical::must_be_empty(dir) {
                obstacles.push(e.to_string());
            }
            free_bytes = free(dir);
            if free_bytes.is_some_and(|f| f < m.plain_bytes()) {
                obstacles.push("there is less free space than the backup needs".to_owned());
            }
        }
        Ok(Self {
            backup: m.backup_id.clone(),
            seq: m.seq,
            kind: m.kind,
            signer: entry.signer.clone(),
            objects: m.counts.parts + 1,
            stored_bytes: m.stored_bytes(),
            plain_bytes: m.plain_bytes(),
            identities,
            target,
            free_bytes,
            obstacles,
            notes: Vec::new(),
        })
    }

    /// Whether the target directory's file system has less room than the files take.
    pub fn lacks_space(&self) -> bool {
        self.free_bytes.is_some_and(|free| free < self.plain_bytes)
    }
}

/// Free bytes at the nearest existing directory.
pub fn free(dir: &Path) -> Option<u64> {
    let existing = dir.ancestors().find(|p| p.is_dir()).unwrap_or(Path::new("."));
    let s = rustix::fs::statvfs(existing).ok()?;
    Some(s.f_bavail.saturating_mul(s.f_frsize))
}
