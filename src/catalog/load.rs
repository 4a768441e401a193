//! The chain of one source, from the store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::clock::Clock;
use super::proof::Proof;
use super::reported;
use super::witness::Witness;
use crate::error::{Code, Error, Result, Stage};
use crate::keys::signing::Namespace;
use crate::keys::trust::{Signature, Trust};
use crate::manifest::chain::{self, Against, Link, Seen};
use crate::manifest::problem::Stranger;
use crate::manifest::{Manifest, Problem, parse, parts};
use crate::store::layout::{self, ManifestObject};
use crate::store::{ObjectMeta, SharedStore, StoreError, list_all};
use crate::types::text::first_of;
use crate::types::{Digest, Known, RepoId, SourceName};

/// Most objects below `m/` that are looked at.
const MAX_OBJECTS: usize = 2_000_000;
/// Largest signature in bytes.
pub(super) const MAX_SIGNATURE: u64 = 16 * 1024;
/// Requests at the same time.
const PARALLEL: usize = 16;

/// What reading a catalog needs.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The store.
    pub store: SharedStore,
    /// Pinned signers.
    pub trust: Arc<Trust>,
    /// The repository, as pinned.
    pub repo: RepoId,
    /// Where the witness state lies.
    pub state_dir: PathBuf,
}

/// A backup whose manifest is signed by a trusted key.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The document.
    pub manifest: Manifest,
    /// SHA-256 of its stored bytes.
    pub digest: Digest,
    /// Fingerprint of the signer.
    pub signer: String,
    /// When the store says it was committed.
    pub stored_at: Timestamp,
}

/// All backups of one source and what is wrong with their history.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// The source.
    pub source: SourceName,
    /// Backups with good signatures, oldest first.
    pub entries: Vec<Entry>,
    /// What [`chain::judge`] found, and what signed reports contradict.
    pub problems: Vec<Problem>,
    /// What to do about manifests by a key that the pinned signers do not know.
    pub stranger: Option<String>,
    /// What this host saw before; empty on the first look.
    pub seen: Vec<Seen>,
    /// What time it is.
    pub clock: Clock,
    /// Why this look could not be remembered, where it could not.
    pub not_remembered: Option<String>,
    /// Whether reports could be asked which backups they saw.
    pub reports: Known<()>,
    /// Slots with anything in them, good or bad, ascending.
    pub slots: Vec<u64>,
    /// Slots that are said to have been skipped, and in which nothing lies.
    pub unproven: Vec<u64>,
    /// Objects below `m/` that are not ours.
    pub foreign_objects: usize,
}

impl Catalog {
    /// Fetches and judges the whole chain of `source`.
    ///
    /// # Errors
    /// Only when the store cannot be read; what is wrong with the history is in
    /// [`Catalog::problems`].
    pub async fn load(reading: &Reading, source: &SourceName) -> Result<Self> {
        let prefix = layout::manifest_prefix(source);
        let objects = list_all(reading.store.as_ref(), &prefix, MAX_OBJECTS).await.map_err(|e| e.about(&prefix))?;
        let (slots, signatures, foreign) = sort_out(source, objects);
        let links: Vec<Link> = stream::iter(slots)
            .map(|(seq, meta)| read_link(reading, source, seq, meta, signatures.get(&seq).map_or(&[][..], |v| v)))
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        let clock = Clock::read(reading.store.as_ref()).await?;
        let witness = Witness::new(&reading.state_dir, &reading.repo, source);
        let seen = witness.read()?;
        let against = Against { repo: &reading.repo, source, seen: &seen, now: clock.store_or_host() };
        let mut problems = chain::judge(&against, &links);
        let pieces = against.pieces(&links, &problems);
        let unproven = against.unproven(&links).into_iter().collect();
        let entries: Vec<Entry> = links
            .iter()
            .filter_map(|l| match (&l.signature, against.valid(l)) {
                (Signature::Good { signer }, Some(manifest)) => Some(Entry {
                    manifest: manifest.clone(),
                    digest: l.digest,
                    signer: signer.clone(),
                    stored_at: l.stored_at,
                }),
                _ => None,
            })
            .collect();
        let reports = reported::absent(reading, source, &chain_of(&entries)).await?.map(|p| problems.extend(p));
        // Judged first, remembered then; and nothing while something is hidden, or what a
        // forger shows in its place would become what this host believes.
        let hides = problems.iter().any(|p| p.fault.hides());
        let remembered = if hides { Ok(()) } else { witness.advance(&pieces, Timestamp::now()) };
        Ok(Self {
            source: source.clone(),
            entries,
            stranger: newest(&problems).map(|s| reading.trust.introduce(&s.signer, &s.line)),
            problems,
            seen,
            clock,
            not_remembered: remembered.err().map(|e| e.to_string()),
            reports,
            slots: links.iter().map(|l| l.seq).collect(),
            unproven,
            foreign_objects: foreign,
        })
    }

    /// Holds the history beside all signed reports of the source.
    pub fn hear(&mut self, proofs: &[Proof]) {
        for p in reported::of(proofs, &chain_of(&self.entries)) {
            if !self.problems.iter().any(|known| (known.seq, known.fault) == (p.seq, p.fault)) {
                self.problems.push(p);
            }
        }
    }

    /// What is worth a warning beside the problems: clocks that disagree, and what this
    /// look could not do.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = self.clock.doubts(&self.entries);
        doubts.extend(self.skipped_nothing());
        doubts.extend(self.not_remembered.iter().map(|why| format!("this look is not remembered: {why}")));
        doubts
    }

    /// Skipped slots with nothing in them, told: who can sign and delete would say the
    /// same of backups that he took away.
    fn skipped_nothing(&self) -> Option<String> {
        let slots: Vec<String> = self.unproven.iter().map(u64::to_string).collect();
        (!slots.is_empty()).then(|| {
            format!(
                "a signed manifest lists slots {} as skipped, and nothing lies there: whether a backup was in \
                 them is not proven. Ask a host that saw this history before, and find out who deleted in the store",
                first_of(&slots, 5)
            )
        })
    }

    /// The problems of one number.
    pub fn problems_of(&self, seq: u64) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(move |p| p.seq == seq)
    }

    /// The first slot above `after` in which nothing lies. Not the one behind the
    /// highest: junk in a far slot would use up all slots at once.
    pub fn free_slot(&self, after: u64) -> u64 {
        let mut free = after + 1;
        for slot in self.slots.iter().skip_while(|s| **s <= after) {
            if *slot != free {
                break;
            }
            free += 1;
        }
        free
    }

    /// Highest slot with anything in it; 0 when there is none.
    pub fn last_slot(&self) -> u64 {
        self.slots.last().copied().unwrap_or(0)
    }

    /// The newest backup with a good signature.
    pub fn head(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// The worst problem as an error, if there is one.
    pub fn first_problem(&self) -> Option<Error> {
        let worst = self.problems.iter().min_by_key(|p| (p.code.precedence(), std::cmp::Reverse(p.seq)))?;
        let more = self.problems.len() - 1;
        let text = if more == 0 { worst.text.clone() } else { format!("{} ({more} more problems)", worst.text) };
        Some(Error::new(worst.code, Stage::Verify, text).on(format!("{} slot {}", self.source, worst.seq)).hint(
            self.stranger.as_deref().unwrap_or(
                "See `pgseal verify` for all of them; find out who can write to the store before trusting it.",
            ),
        ))
    }
}

/// Of the keys that are not known that of the newest slot.
fn newest(problems: &[Problem]) -> Option<&Stranger> {
    problems.iter().filter_map(|p| Some((p.seq, p.stranger.as_ref()?))).max_by_key(|(seq, _)| *seq).map(|(_, s)| s)
}

fn chain_of(entries: &[Entry]) -> Vec<Seen> {
    entries.iter().map(|e| Seen { seq: e.manifest.seq, digest: e.digest }).collect()
}

type Slots = BTreeMap<u64, ObjectMeta>;

fn sort_out(source: &SourceName, objects: Vec<ObjectMeta>) -> (Slots, BTreeMap<u64, Vec<String>>, usize) {
    let (mut slots, mut signatures, mut foreign) = (Slots::new(), BTreeMap::<u64, Vec<String>>::new(), 0);
    for meta in objects {
        match layout::read_manifest_key(source, &meta.key) {
            Some(ManifestObject::Manifest { seq }) => {
                slots.insert(seq, meta);
            }
            Some(ManifestObject::Signature { seq, short }) => signatures.entry(seq).or_default().push(short),
            None => foreign += 1,
        }
    }
    (slots, signatures, foreign)
}

/// One slot: bytes, then signature, then document.
async fn read_link(
    reading: &Reading,
    source: &SourceName,
    seq: u64,
    meta: ObjectMeta,
    signatures: &[String],
) -> Result<Link> {
    let key = layout::manifest(source, seq);
    let mut bytes = Vec::new();
    let mut link = Link {
        seq,
        digest: Digest::of(b""),
        signature: Signature::Bad { reason: "too large to be a manifest".into() },
        manifest: None,
        unreadable: None,
        stored_at: meta.modified,
    };
    match reading.store.get(&key, parse::MAX_BYTES, &mut bytes).await {
        Ok(()) => {}
        Err(StoreError::TooLarge { .. }) => return Ok(link),
        // One object that cannot be had must not hide all others, nor stop backups.
        Err(e @ (StoreError::NotFound | StoreError::Mangled(_))) => {
            link.signature = Signature::Bad { reason: format!("the manifest is listed but cannot be read: {e}") };
            return Ok(link);
        }
        Err(e) => return Err(e.about(&key)),
    }
    link.digest = Digest::of(&bytes);
    if !signatures.contains(&link.digest.short()) {
        link.signature = Signature::Bad { reason: "there is no signature for these bytes".into() };
        return Ok(link);
    }
    let sig_key = layout::manifest_sig(source, seq, &link.digest);
    let mut armor = Vec::new();
    match reading.store.get(&sig_key, MAX_SIGNATURE, &mut armor).await {
        Ok(()) => {}
        Err(e @ (StoreError::TooLarge { .. } | StoreError::NotFound | StoreError::Mangled(_))) => {
            link.signature = Signature::Bad { reason: format!("the signature cannot be read: {e}") };
            return Ok(link);
        }
        Err(e) => return Err(e.about(&sig_key)),
    }
    // The validity of a key is judged at the store's time of the object, never at
    // a time the signer wrote.
    link.signature = reading.trust.verify(Namespace::Manifest, source.as_str(), meta.modified, &bytes, &armor);
    if matches!(link.signature, Signature::Good { .. }) {
        match parse::from_bytes(&bytes, key.as_str()) {
            Ok(m) => link.manifest = Some(m),
            Err(e) => link.unreadable = Some((e.code(), e.text())),
        }
    }
    Ok(link)
}

/// Loads the receipts of a manifest that keeps them in `parts.json`.
pub async fn with_parts(store: &SharedStore, mut manifest: Manifest) -> Result<Manifest> {
    if let Some(pointer) = parts::pointer(&manifest)? {
        let key = layout::parts_list(&manifest.source, &manifest.backup_id);
        let mut bytes = Vec::new();
        store.get(&key, pointer.bytes, &mut bytes).await.map_err(|e| match e {
            StoreError::TooLarge { .. } => {
                Error::new(Code::Corrupt, Stage::Fetch, "is larger than signed").on(key.as_str())
            }
            e => e.about(&key),
        })?;
        parts::join(&mut manifest, &pointer, &bytes)?;
    }
    Ok(manifest)
}
