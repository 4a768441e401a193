//! The manifest: one signed JSON document per backup. FORMAT.md is normative.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::types::{BackupId, Digest, Kind, Lsn, PgVersion, RepoId, SourceName};

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// `pg_dumpall --globals-only`, SQL text.
    Globals,
    /// pg_dump custom format, pre-data and post-data of one database.
    Schema,
    /// pg_dump custom format, data of some or all tables of one database.
    Data,
    /// tar of a base backup.
    Base,
}

impl Role {
    /// The word used in manifests and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Globals => "globals",
            Self::Schema => "schema",
            Self::Data => "data",
            Self::Base => "base",
        }
    }
}

/// A manifest, format 1. Field order is the order of the stored bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Manifest {
    pub format: String,
    pub version: u32,
    pub repo_id: RepoId,
    pub source: SourceName,
    /// Slot in the source's chain, from 1.
    pub seq: u64,
    /// SHA-256 of the manifest before this one; `None` only at the first.
    pub prev_sha256: Option<Digest>,
    /// Its slot.
    pub prev_seq: Option<u64>,
    pub backup_id: BackupId,
    pub kind: Kind,
    pub label: Option<String>,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    /// When the next backup is due at the latest.
    pub next_due: Option<Timestamp>,
    pub tool: Tool,
    /// Program name to version line.
    pub producer: std::collections::BTreeMap<String, String>,
    pub pg: Pg,
    pub encryption: Encryption,
    pub compression: Compression,
    /// Plain bytes of every part of a stream but its last.
    pub part_bytes: u64,
    pub streams: Vec<Stream>,
    pub facts: FactsRef,
    pub counts: Counts,
    /// Room for additions: unknown fields are allowed here only.
    pub x: serde_json::Map<String, serde_json::Value>,
}

impl Manifest {
    /// Value of `format`.
    pub const FORMAT: &str = "pgseal-manifest";
    /// Value of `version`.
    pub const VERSION: u32 = 1;

    /// Plain bytes of all streams.
    pub fn plain_bytes(&self) -> u64 {
        self.streams.iter().map(|s| s.plain_bytes).sum()
    }

    /// Stored bytes of all parts and the facts.
    pub fn stored_bytes(&self) -> u64 {
        self.streams.iter().flat_map(|s| &s.stored).map(|p| p.1).sum::<u64>() + self.facts.stored_bytes
    }
}

/// The program that wrote the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Tool {
    pub name: String,
    pub version: String,
    pub target: String,
}

/// The server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Pg {
    pub version_num: PgVersion,
    /// A string: it exceeds 2^53.
    pub system_identifier: String,
    pub timeline: u32,
    pub start_lsn: Option<Lsn>,
    pub stop_lsn: Option<Lsn>,
    pub in_recovery: bool,
    pub data_checksums: bool,
}

/// How parts are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Encryption {
    /// `age-v1`.
    pub scheme: String,
    /// Short hashes of the recipients, never the recipients themselves.
    pub recipients: Vec<String>,
}

/// How parts are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Compression {
    /// `zstd`.
    pub scheme: String,
    pub level: i32,
    /// Largest window a reader must allow, as a power of two.
    pub window_log_max: u32,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Stream {
    /// `s01`, `s02`, …: part of the parts' keys.
    #[serde(rename = "ref")]
    pub reference: String,
    pub role: Role,
    pub parts: u64,
    pub plain_bytes: u64,
    /// SHA-256 and size of each stored part, in order. Empty where `parts.json` holds them.
    pub stored: Vec<StoredPart>,
}

/// SHA-256 and size in bytes of one stored part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPart(pub Digest, pub u64);

/// Where the sealed facts lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FactsRef {
    pub key: String,
    pub stored_bytes: u64,
    pub stored_sha256: Digest,
    /// Limit for decompression.
    pub plain_bytes: u64,
}

/// Totals, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Counts {
    pub databases: u64,
    pub streams: u64,
    pub parts: u64,
}
