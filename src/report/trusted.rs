//! Reports that are believed: signed by a key that the operator pinned, for
//! reports, for the source they speak of. No byte is read as a report before some
//! pinned key is known to have signed it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::signed::{self, Signed};
use super::{Document, ErrorEntry, ProofLevel, Report, Verdict, json};
use crate::catalog::Reading;
use crate::error::{Code, Error, Result, Stage};
use crate::keys::{Namespace, Trust};
use crate::store::{Key, layout, list_all};
use crate::types::SourceName;

/// Most objects below `r/` that are looked at.
const MAX_OBJECTS: usize = 1_000_000;
/// Largest signature file, bytes.
const SIGNATURE_LIMIT: u64 = 16 * 1024;

/// A report with a good signature.
#[derive(Debug, Clone, PartialEq)]
pub struct Trusted<R = Report> {
    /// What it says.
    pub report: R,
    /// The exact bytes that were signed, and the signature.
    pub signed: Signed,
    /// Fingerprint of the key that signed it.
    pub signer: String,
}

/// Believes the report of a drill, or says why not. See [`open_any`].
///
/// # Errors
/// Those of [`open_any`]; 40 where it is the report of an audit.
pub fn open(trust: &Trust, at: Timestamp, evidence: Signed, object: &str) -> Result<Trusted> {
    let Trusted { report, signed, signer } = open_any(trust, at, evidence, object)?;
    match report {
        Document::Drill(report) => Ok(Trusted { report: *report, signed, signer }),
        Document::Audit(_) => {
            Err(Error::new(Code::Corrupt, Stage::Report, "this is the report of an audit, not of a drill").on(object))
        }
    }
}

/// Believes a report of either kind, or says why not. `at` is the time at which the signer's key
/// must be valid; `object` is what the report is called in errors.
///
/// # Errors
/// 41 where no pinned key signed it for the source it names; 40 and 44 where a
/// trusted signer signed what is no report.
pub fn open_any(trust: &Trust, at: Timestamp, evidence: Signed, object: &str) -> Result<Trusted<Document>> {
    let armor = evidence.signature.as_bytes();
    trust.pinned(Namespace::Report, &evidence.bytes, armor).require(object)?;
    let report = json::read_any(&evidence.bytes).map_err(|e| e.on(object))?;
    let signer =
        trust.verify(Namespace::Report, report.source().as_str(), at, &evidence.bytes, armor).require(object)?;
    Ok(Trusted { report, signed: evidence, signer })
}

/// A report that nobody vouches for, changed so that every form of it says so
/// first: it is not passed, its exit code is that of the doubt, and the reason
/// stands before all others.
pub fn doubted(mut document: Document, why: &Error) -> Document {
    let doubt =
        |claim: &str| format!("UNVERIFIED: no pinned key vouches for this report ({}). It claims {claim}", why.text());
    match &mut document {
        Document::Drill(r) => {
            let (verdict, level) = (r.verdict.name(), r.proof_level.name());
            r.reasons.insert(0, doubt(&format!("\"{verdict}\" at proof level \"{level}\"")));
            r.errors.insert(0, ErrorEntry::from(why));
            r.verdict = Verdict::Inconclusive;
            r.proof_level = ProofLevel::None;
            r.proven = false;
            r.exit_code = why.code().number();
            r.signer = None;
        }
        Document::Audit(r) => {
            r.reasons.insert(0, doubt(&format!("\"{}\"", r.standing().name())));
            r.errors.insert(0, ErrorEntry::from(why));
            r.exit_code = why.code().number();
        }
    }
    document
}

/// Reads `FILE.json` and `FILE.json.sig`, both unchecked.
///
/// # Errors
/// 2 where the report cannot be read, 41 where there is no signature beside it,
/// 44 where one is too large.
pub fn read_files(path: &Path) -> Result<Signed> {
    let bytes = bounded(path, json::LIMIT)?;
    let beside = signature_of(path);
    if !beside.exists() {
        return Err(Error::new(Code::Untrusted, Stage::Report, "there is no signature beside it")
            .on(path.display().to_string())
            .hint(format!("Give the .json file of a report, and keep {} with it.", beside.display())));
    }
    let signature = String::from_utf8_lossy(&bounded(&beside, SIGNATURE_LIMIT)?).into_owned();
    Ok(Signed { bytes, signature })
}

/// Reads a report's bytes alone, for those who want to look at it without belief.
///
/// # Errors
/// 2 where it cannot be read, 44 where it is too large.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    bounded(path, json::LIMIT)
}

fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let wrong = |e: std::io::Error| {
        Error::new(Code::Usage, Stage::Report, "cannot read the file").on(path.display().to_string()).because(e)
    };
    let file = File::open(path).map_err(wrong)?;
    if !file.metadata().map_err(wrong)?.is_file() {
        return Err(Error::new(Code::Usage, Stage::Report, "this is not a file").on(path.display().to_string()));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > limit {
        return Err(Error::new(Code::Limit, Stage::Report, format!("it has more than {limit} bytes"))
            .on(path.display().to_string()));
    }
    Ok(bytes)
}

/// A report's place in the store; nothing of it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Source.
    pub source: SourceName,
    /// Slot of the backup, as the key says.
    pub seq: u64,
    /// Run, as the key says.
    pub run: String,
    /// When the store received it.
    pub at: Timestamp,
}

impl Place {
    /// Key of the report.
    pub fn key(&self) -> Key {
        layout::report(&self.source, self.seq, &self.run)
    }

    /// Fetches it and its signature, both unchecked.
    ///
    /// # Errors
    /// Those of the store; 44 where one is too large.
    pub async fn fetch(&self, reading: &Reading) -> Result<Signed> {
        let signature = layout::report_sig(&self.source, self.seq, &self.run);
        signed::fetch(reading.store.as_ref(), &self.key(), &signature).await
    }

    /// Fetches and believes it, or says why not. The signer's key must have been
    /// valid when the store received it, and the report must be the one that its
    /// key names: a copy under another name would count twice.
    ///
    /// # Errors
    /// Those of [`open`] and of the store.
    pub async fn load(&self, reading: &Reading) -> Result<Trusted> {
        let key = self.key();
        let trusted = open(&reading.trust, self.at, self.fetch(reading).await?, key.as_str())?;
        let r = &trusted.report;
        if (&r.source, r.seq, &r.run) == (&self.source, self.seq, &self.run) {
            Ok(trusted)
        } else {
            Err(Error::new(Code::Untrusted, Stage::Report, "it is another report, copied under this name")
                .on(key.as_str())
                .hint("Find out who else can write to the store."))
        }
    }
}

/// Places of all reports of a source, newest first by the store's clock.
///
/// # Errors
/// Those of the store.
pub async fn places(reading: &Reading, source: &SourceName) -> Result<Vec<Place>> {
    let prefix = layout::report_prefix(source);
    let objects = list_all(reading.store.as_ref(), &prefix, MAX_OBJECTS).await.map_err(|e| e.about(&prefix))?;
    let mut all: Vec<Place> = objects
        .into_iter()
        .filter_map(|o| {
            let (seq, run) = layout::read_report_key(source, &o.key)?;
            Some(Place { source: source.clone(), seq, run, at: o.modified })
        })
        .collect();
    all.sort_by(|a, b| (b.at, b.seq, &b.run).cmp(&(a.at, a.seq, &a.run)));
    Ok(all)
}
