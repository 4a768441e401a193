//! When a backup was last proven: read from signed drill reports in the store.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::load::{Entry, Reading};
use crate::error::{Code, Result};
use crate::keys::signing::Namespace;
use crate::keys::trust::Signature;
use crate::store::{StoreError, layout, list_all};
use crate::types::{BackupId, Digest, SourceName};

/// Most reports of a source that are listed.
pub(super) const MAX_REPORTS: usize = 1_000_000;
/// Largest report that is read, bytes: room for every finding that all checks may
/// list, with the longest names.
pub const MAX_REPORT: u64 = 32 * 1024 * 1024;
const MAX_SIGNATURE: u64 = 16 * 1024;
/// Requests at the same time.
pub(super) const PARALLEL: usize = 16;

/// What the newest signed report with a verdict says of one backup.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// Which backup.
    pub backup_id: BackupId,
    /// Which number of the chain, as the report says; absent where it names another source.
    pub seq: Option<u64>,
    /// Which manifest bytes.
    pub manifest_sha256: Digest,
    /// `passed`, `failed`, `inconclusive`, `unsafe`.
    pub verdict: String,
    /// Whether the backup itself was proven: it passed, or what it exposes, or its age,
    /// is all that was wrong.
    pub proven: bool,
    /// What the drill ended with; absent in reports that do not say.
    pub exit_code: Option<u16>,
    /// `none`, `stored`, `restored`, `booted`, `data`.
    pub proof_level: String,
    /// When the store received the report.
    pub at: Timestamp,
    /// Measured time to a running server, in seconds.
    pub rto_s: Option<f64>,
    /// Fingerprint of the report's signer.
    pub signer: String,
}

impl Proof {
    /// Whether it says that `entry` can be relied on.
    pub fn proves(&self, entry: &Entry) -> bool {
        self.backup_id == entry.manifest.backup_id && self.manifest_sha256 == entry.digest && self.proven
    }

    /// The verdict for people: a proven backup that failed did so by its age or by what
    /// it exposes.
    pub fn word(&self) -> &str {
        match self.exit_code {
            _ if !self.proven || self.verdict != "failed" => &self.verdict,
            Some(code) if code == u16::from(Code::Stale.number()) => "stale",
            _ => "exposed",
        }
    }
}

/// The fields of a report that a listing needs; the rest is the report's own business.
#[derive(Deserialize)]
struct Fields {
    format: String,
    version: u32,
    source: Option<SourceName>,
    seq: Option<u64>,
    backup_id: BackupId,
    manifest_sha256: Digest,
    verdict: String,
    proof_level: String,
    proven: Option<bool>,
    exit_code: Option<u16>,
    rto_s: Option<f64>,
}

/// The newest trustworthy report of each manifest, and how many objects beside it
/// are no trustworthy reports (unsigned, unknown key, unreadable, not ours).
pub async fn load(reading: &Reading, source: &SourceName) -> Result<(Vec<Proof>, usize)> {
    let prefix = layout::report_prefix(source);
    let objects = list_all(reading.store.as_ref(), &prefix, MAX_REPORTS).await.map_err(|e| e.about(&prefix))?;
    let mut untrusted = 0;
    let mut reports = Vec::new();
    for o in objects {
        match layout::read_report_key(source, &o.key) {
            Some((seq, run)) => reports.push((seq, run, o.modified)),
            None if o.key.strip_suffix(".sig").is_some_and(|k| layout::read_report_key(source, k).is_some()) => {}
            None => untrusted += 1,
        }
    }
    let read: Vec<Option<Proof>> = stream::iter(reports)
        .map(|(seq, run, at)| read_one(reading, source, seq, run, at))
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let mut newest: BTreeMap<(BackupId, Digest), Proof> = BTreeMap::new();
    for proof in read {
        match proof {
            None => untrusted += 1,
            Some(p) => {
                let slot = newest.entry((p.backup_id.clone(), p.manifest_sha256)).or_insert_with(|| p.clone());
                // A drill that could not run says nothing about the backup: it
                // does not stand before one that did.
                let says = |p: &Proof| p.verdict != "inconclusive";
                if (says(&p), p.at) >= (says(slot), slot.at) {
                    *slot = p;
                }
            }
        }
    }
    Ok((newest.into_values().collect(), untrusted))
}

pub(super) async fn read_one(
    reading: &Reading,
    source: &SourceName,
    seq: u64,
    run: String,
    at: Timestamp,
) -> Result<Option<Proof>> {
    let (mut bytes, mut armor) = (Vec::new(), Vec::new());
    let fetch = async {
        reading.store.get(&layout::report(source, seq, &run), MAX_REPORT, &mut bytes).await?;
        reading.store.get(&layout::report_sig(source, seq, &run), MAX_SIGNATURE, &mut armor).await
    };
    match fetch.await {
        Ok(()) => {}
        // A report without its signature is no evidence, nor is one of absurd size.
        Err(StoreError::NotFound | StoreError::TooLarge { .. }) => return Ok(None),
        Err(e) => return Err(e.about(layout::report(source, seq, &run))),
    }
    let Signature::Good { signer } = reading.trust.verify(Namespace::Report, source.as_str(), at, &bytes, &armor)
    else {
        return Ok(None);
    };
    let Ok(f) = serde_json::from_slice::<Fields>(&bytes) else { return Ok(None) };
    if f.format != "pgseal-drill-report" || f.version != 1 {
        return Ok(None);
    }
    let here = f.source.as_ref() == Some(source);
    Ok(Some(Proof {
        seq: f.seq.filter(|_| here),
        backup_id: f.backup_id,
        manifest_sha256: f.manifest_sha256,
        proven: f.proven.unwrap_or(f.verdict == "passed"),
        exit_code: f.exit_code,
        verdict: f.verdict,
        proof_level: f.proof_level,
        at,
        rto_s: f.rto_s,
        signer,
    }))
}
