//! The report, format 1. Fields may be added in a version; none is renamed or
//! gets another meaning.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::checks::CheckResult;
pub use crate::checks::TableProof;
use crate::error::{Code, Error};
use crate::exposure::Exposure;
use crate::scratch::{Probe, Teardown};
use crate::types::{BackupId, Digest, Kind, Redaction, SourceName};

/// What the drill says of the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything that was asked for was examined and is right.
    Passed,
    /// The backup is bad.
    Failed,
    /// No evidence either way, or not enough.
    Inconclusive,
    /// The drill itself was not safe.
    Unsafe,
}

impl Verdict {
    /// The word used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Unsafe => "unsafe",
        }
    }
}

/// How far the proof goes. May be understated, never overstated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProofLevel {
    /// Nothing was proven.
    None,
    /// Signature and hashes of all stored objects are right.
    Stored,
    /// It was opened and restored completely.
    Restored,
    /// A server runs on it and answers.
    Booted,
    /// Every row was read and is right.
    Data,
}

impl ProofLevel {
    /// The word used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stored => "stored",
            Self::Restored => "restored",
            Self::Booted => "booted",
            Self::Data => "data",
        }
    }
}

/// One drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// `pgseal-drill-report`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// Distinguishes runs on the same backup; plain characters.
    pub run: String,
    /// Which names are in here.
    #[serde(default)]
    pub redaction: Redaction,
    /// Source.
    pub source: SourceName,
    /// Backup.
    pub backup_id: BackupId,
    /// Its slot in the chain.
    pub seq: u64,
    /// Logical or physical.
    pub kind: Kind,
    /// The manifest that was drilled.
    pub manifest_sha256: Digest,
    /// Who signed it, as the operator's allowed signers name it; absent where
    /// no signature was accepted.
    pub signer: Option<String>,
    /// When the drill began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What is said of the backup.
    pub verdict: Verdict,
    /// How far the proof goes.
    pub proof_level: ProofLevel,
    /// Whether the backup itself was proven: the drill passed, or what it exposes is
    /// all that was wrong. Absent, so false, in reports of older versions.
    #[serde(default)]
    pub proven: bool,
    /// Exit code of the drill.
    pub exit_code: u8,
    /// Why the verdict is what it is.
    pub reasons: Vec<String>,
    /// Bytes of the backup's data before compression.
    #[serde(default)]
    pub plain_bytes: u64,
    /// Bytes of it in the store.
    #[serde(default)]
    pub stored_bytes: u64,
    /// How the instance was sealed off; absent where none was made.
    pub isolation: Option<IsolationReport>,
    /// What was checked.
    pub checks: Vec<CheckResult>,
    /// Tables whose rows were compared or read: the worst first, then by name, at
    /// most 2,000. The checks that read them count all.
    #[serde(default)]
    pub tables: Vec<TableProof>,
    /// How long things took.
    pub timings_s: Timings,
    /// What was done when, in the order of their beginning.
    #[serde(default)]
    pub stages: Vec<Span>,
    /// Earlier drills of the source by their signed reports, oldest first.
    #[serde(default)]
    pub history: Vec<PastDrill>,
    /// Who can open the backup, as far as it was tried.
    #[serde(default)]
    pub recipients: Vec<RecipientProof>,
    /// Seconds from the backup's snapshot to the start of the drill: what would
    /// be lost if the source were lost then.
    pub rpo_s: u64,
    /// Seconds of fetch, restore and start: how long a restore takes. Absent
    /// where the server did not come up.
    pub rto_s: Option<f64>,
    /// Seconds that the operator allows for it; absent where no budget is set.
    #[serde(default)]
    pub rto_budget_s: Option<f64>,
    /// Seconds from the end of the backup to the start of the drill.
    pub backup_age_s: u64,
    /// Whether everything is gone; absent where nothing was made.
    pub teardown: Option<Teardown>,
    /// The program.
    pub tool: ToolRef,
    /// Major version of the server that was restored.
    pub server_major: u32,
    /// What went wrong, worst first.
    pub errors: Vec<ErrorEntry>,
    /// What the source and its copy give away; absent where that was not looked at.
    #[serde(default)]
    pub exposure: Option<Exposure>,
}

impl Report {
    /// Value of `format`.
    pub const FORMAT: &str = "pgseal-drill-report";
    /// Value of `version`.
    pub const VERSION: u32 = 1;

    /// `<source>-<seq>-<run>`: what its files are called. A run that came from
    /// outside and is no plain word is left out of the name.
    pub fn stem(&self) -> String {
        format!("{}-{}-{}", self.source, self.seq, plain_run(&self.run))
    }

    /// Whether nothing speaks against the backup itself: it failed for what it exposes.
    pub fn is_only_exposed(&self) -> bool {
        self.verdict == Verdict::Failed && self.exit_code == Code::Exposure.number()
    }
}

/// A run's name within the name of a file.
pub(super) fn plain_run(run: &str) -> &str {
    let plain = (1..=64).contains(&run.len()) && run.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plain { run } else { "run" }
}

/// How the instance was sealed off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsolationReport {
    /// `I2`: reached.
    pub level: String,
    /// `I2`: asked for.
    pub required: String,
    /// What could not be had, and why.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Proofs.
    pub probes: Vec<Probe>,
}

/// A stage of the drill, in seconds from its beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// `fetch`, `restore`, `start`, `probes`, `checks`, `teardown`.
    pub name: String,
    /// When it began.
    pub from_s: f64,
    /// When it ended.
    pub to_s: f64,
}

/// One earlier drill, as its signed report tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastDrill {
    /// Its run.
    pub run: String,
    /// Its backup.
    pub backup_id: BackupId,
    /// The backup's kind.
    pub kind: Kind,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What it said.
    pub verdict: Verdict,
    /// How far the proof went.
    pub proof_level: ProofLevel,
    /// Whether the backup itself was proven, see [`Report::proven`].
    #[serde(default)]
    pub proven: bool,
    /// Seconds of fetch, restore and start.
    pub rto_s: Option<f64>,
    /// Seconds of the whole drill.
    pub total_s: f64,
    /// Bytes of the backup's data before compression.
    pub plain_bytes: u64,
    /// Bytes of it in the store.
    pub stored_bytes: u64,
}

/// Whether a recipient's identity opened the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientProof {
    /// Short fingerprint, as the manifest names it; never the recipient itself.
    pub recipient: String,
    /// Whether an identity for it was there and opened the backup in this run;
    /// absent where no identity for it was given.
    pub opened: Option<bool>,
    /// When a signed report last told that it opened one.
    pub last_proven_at: Option<Timestamp>,
}

/// Seconds. What was not reached is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timings {
    /// Looking whether all parts are there, and opening the sealed facts.
    pub fetch: f64,
    /// Fetching, opening and writing all data; for a logical backup with roles,
    /// constraints and indexes.
    pub restore: f64,
    /// Making (logical) or cleaning (physical) the data directory, sealing the
    /// settings, and starting the server, with its recovery.
    pub start: f64,
    /// All checks, those of the files too.
    pub checks: f64,
    /// From the beginning to the end, with probes and teardown.
    pub total: f64,
}

/// The program that wrote the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ToolRef {
    pub name: String,
    pub version: String,
}

impl Default for ToolRef {
    fn default() -> Self {
        Self { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// An error in the form of every JSON output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ErrorEntry {
    pub code: u8,
    pub class: String,
    pub retryable: bool,
    pub stage: String,
    pub object: Option<String>,
    pub message: String,
    pub hint: Option<String>,
}

impl From<&Error> for ErrorEntry {
    fn from(e: &Error) -> Self {
        Self {
            code: e.code().number(),
            class: e.code().class().to_owned(),
            retryable: e.code().retryable(),
            stage: e.stage().name().to_owned(),
            object: e.object().map(str::to_owned),
            message: e.text(),
            hint: e.next_step().map(str::to_owned),
        }
    }
}
