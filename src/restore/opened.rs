//! A backup that can be restored: its identity fits and its facts are open.

use std::sync::Arc;

use crate::catalog::{Entry, load};
use crate::error::{Code, Error, Result, Stage};
use crate::keys::Identities;
use crate::manifest::model::{Manifest, Role, Stream};
use crate::manifest::parts;
use crate::pipeline::{PartRef, Reader};
use crate::source::Facts;
use crate::store::{Key, SharedStore};

/// A backup with its facts and a reader for its parts.
#[derive(Debug)]
pub struct Opened {
    /// With all part receipts.
    pub manifest: Manifest,
    /// SHA-256 of the stored manifest.
    pub digest: crate::types::Digest,
    /// Fingerprint of the signer.
    pub signer: String,
    /// As sealed.
    pub facts: Facts,
    /// Fetches and opens parts.
    pub reader: Reader,
}

/// Which of the identities the manifest names, by short hash.
///
/// # Errors
/// No identity fits (12), before anything is downloaded.
pub fn fitting(manifest: &Manifest, identities: &Identities) -> Result<Vec<String>> {
    let have = identities.short_ids();
    let fits: Vec<String> = manifest.encryption.recipients.iter().filter(|r| have.contains(r)).cloned().collect();
    if fits.is_empty() {
        return Err(Error::new(
            Code::NoIdentity,
            Stage::Keys,
            format!(
                "no identity fits: the backup is sealed for {}, the identities are {}",
                manifest.encryption.recipients.join(", "),
                have.join(", ")
            ),
        )
        .on(manifest.backup_id.as_str())
        .hint("Set keys.identity to the identity file of one of those recipients."));
    }
    Ok(fits)
}

impl Opened {
    /// Opens the facts of `entry`. `streams` is how many streams will be read at once.
    pub async fn open(
        store: &SharedStore,
        entry: &Entry,
        identities: &Arc<Identities>,
        streams: usize,
    ) -> Result<Self> {
        fitting(&entry.manifest, identities)?;
        let manifest = load::with_parts(store, entry.manifest.clone()).await?;
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let reader = Reader::start(Arc::clone(store), Arc::clone(identities), workers, streams)?;
        let (key, part) = parts::of_facts(&manifest);
        let plain = reader.part(key.clone(), part).await?;
        let bad = |m: &str| Error::new(Code::Corrupt, Stage::Fetch, m.to_owned()).on(key.as_str());
        let facts: Facts = serde_json::from_slice(&plain).map_err(|e| bad("the facts are not readable").because(e))?;
        if facts.format != Facts::FORMAT || facts.version != 1 {
            return Err(bad("the facts have an unknown format")
                .hint("Use the version of pgseal that made this backup, or a later one."));
        }
        drop(plain);
        for s in &manifest.streams {
            if !facts.streams.contains_key(&s.reference) {
                return Err(bad("the facts do not describe every stream"));
            }
        }
        Ok(Self { manifest, digest: entry.digest, signer: entry.signer.clone(), facts, reader })
    }

    /// Streams of one role; of one database where it is given.
    pub fn streams(&self, role: Role, database: Option<&str>) -> Vec<&Stream> {
        let of_database = |s: &&Stream| {
            database.is_none_or(|d| {
                self.facts.streams.get(&s.reference).and_then(|f| f.database.as_deref()).is_some_and(|n| n == d)
            })
        };
        self.manifest.streams.iter().filter(|s| s.role == role).filter(of_database).collect()
    }

    /// Keys and references of the parts of a stream.
    pub fn parts(&self, stream: &Stream) -> Result<Vec<(Key, PartRef)>> {
        parts::of_stream(&self.manifest, stream)
    }
}
