//! Is what was signed still there, and does it open? No server is needed.
//!
//! | depth | looks at | needs |
//! |---|---|---|
//! | chain | signatures, links, slots, what this host saw before | pinned signers |
//! | presence | every part is listed with its signed size | as above |
//! | deep | every part is fetched and hashed | as above |
//! | open | every part is decrypted and decompressed, to its signed size and its checksum | an identity |
//!
//! "Not looked at" is never "good": the outcome says how many parts there are
//! and how many of them were examined at which depth.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::{Catalog, Entry, Reading, load, proof};
use crate::error::{Code, Error, Result, Stage};
use crate::keys::Identities;
use crate::manifest::{Fault, Manifest, Problem, memory, parts};
use crate::pipeline::buffers::Pool;
use crate::pipeline::{PartRef, Reader, fetch};
use crate::source::Facts;
use crate::store::{Key, SharedStore, layout, list_all};
use crate::types::event::Progress;
use crate::types::{BackupId, Event, SourceName};

/// Most objects of one backup.
const MAX_OBJECTS: usize = 2_000_000;
/// Fetches at the same time.
const PARALLEL: usize = 4;

/// How deep to look.
#[derive(Debug, Clone, Default)]
pub struct Depth {
    /// Fetch and hash.
    pub deep: bool,
    /// Fetch, decrypt, decompress.
    pub identities: Option<Arc<Identities>>,
    /// Share of the parts that are fetched, in percent; 100 is all.
    pub sample_percent: Option<f64>,
}

/// What was found about one source.
#[derive(Debug, Serialize)]
pub struct SourceOutcome {
    /// Which.
    pub source: SourceName,
    /// Of the chain.
    pub problems: Vec<Problem>,
    /// What cannot be relied on: clocks that disagree, a look that is not remembered.
    pub doubts: Vec<String>,
    /// Why signed reports could not be asked which backups they saw, as on a host that
    /// only writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports_unread: Option<String>,
    /// What to do about manifests by a key that the pinned signers do not know.
    #[serde(skip)]
    pub stranger: Option<String>,
    /// Objects below the manifests' prefix that are not ours.
    pub foreign_objects: usize,
    /// Backups in the chain; those looked at may be fewer.
    pub chain: usize,
    /// Backups that were looked at.
    pub backups: Vec<BackupOutcome>,
}

/// What was found about one backup.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct BackupOutcome {
    pub id: BackupId,
    pub seq: u64,
    pub signer: String,
    /// Parts and facts objects in the backup.
    pub objects: u64,
    /// Of these, present with the signed size.
    pub present: u64,
    /// Of these, fetched and hashed.
    pub hashed: u64,
    /// Of these, opened with an identity.
    pub opened: u64,
    /// What is wrong, in the form of errors.
    pub findings: Vec<serde_json::Value>,
    #[serde(skip)]
    pub errors: Vec<Error>,
}

impl SourceOutcome {
    /// The exit code: the worst finding, or done.
    pub fn code(&self) -> Code {
        let codes = self.problems.iter().map(|p| p.code);
        let found = self.backups.iter().flat_map(|b| b.errors.iter().map(Error::code));
        let doubt = (!self.doubts.is_empty()).then_some(Code::Warnings);
        codes.chain(found).chain(doubt).min_by_key(|c| c.precedence()).unwrap_or(Code::Done)
    }
}

/// Verifies the chain of `source` and the backups that `wanted` selects.
pub async fn source(
    reading: &Reading,
    source: &SourceName,
    wanted: impl Fn(&Entry) -> bool,
    depth: &Depth,
    progress: &Progress,
) -> Result<SourceOutcome> {
    let mut catalog = Catalog::load(reading, source).await?;
    let reports_unread = hear(reading, source, &mut catalog).await?;
    let entries: Vec<&Entry> = catalog.entries.iter().filter(|e| wanted(e)).collect();
    let total = entries.iter().map(|e| e.manifest.stored_bytes()).sum();
    let fetches = depth.deep || depth.identities.is_some();
    progress.event(Event::Started { title: format!("verify {source}"), total: fetches.then_some(total) });
    let mut backups = Vec::new();
    for entry in entries {
        backups.push(backup(reading, entry, depth, progress).await?);
    }
    progress.event(Event::Finished);
    let doubts = catalog.doubts();
    let now = catalog.clock.at_least(catalog.head());
    let mut problems = catalog.problems;
    problems.extend(stale(catalog.entries.last(), now));
    Ok(SourceOutcome {
        source: source.clone(),
        problems,
        doubts,
        reports_unread,
        stranger: catalog.stranger,
        foreign_objects: catalog.foreign_objects,
        chain: catalog.entries.len(),
        backups,
    })
}

/// A store that hides its newest backups cannot hide that they were due.
fn stale(newest: Option<&Entry>, now: Timestamp) -> Option<Problem> {
    let newest = &newest?.manifest;
    let due = newest.next_due.filter(|due| *due < now)?;
    Some(Problem::new(newest.seq, Fault::Overdue, format!("the next backup was due at {due}")))
}

/// Holds the history beside all reports; gives what stood in the way.
async fn hear(reading: &Reading, source: &SourceName, catalog: &mut Catalog) -> Result<Option<String>> {
    match proof::load(reading, source).await {
        Ok((proofs, _)) => catalog.hear(&proofs),
        Err(e) if e.code() == Code::StoreDenied => return Ok(Some(e.to_string())),
        Err(e) => return Err(e),
    }
    Ok(catalog.reports.get().err().map(ToString::to_string))
}

/// Verifies the data of one backup whose manifest has a good signature.
pub async fn backup(reading: &Reading, entry: &Entry, depth: &Depth, progress: &Progress) -> Result<BackupOutcome> {
    let mut out = BackupOutcome {
        id: entry.manifest.backup_id.clone(),
        seq: entry.manifest.seq,
        signer: entry.signer.clone(),
        objects: 0,
        present: 0,
        hashed: 0,
        opened: 0,
        findings: Vec::new(),
        errors: Vec::new(),
    };
    let store = &reading.store;
    match load::with_parts(store, entry.manifest.clone()).await {
        Ok(manifest) => look(store, &manifest, depth, progress, &mut out).await?,
        Err(e) if unavailable(&e) => return Err(e),
        Err(e) => out.errors.push(e),
    }
    out.findings = out.errors.iter().map(Error::to_json).collect();
    Ok(out)
}

/// A store that cannot be asked says nothing about the backup.
fn unavailable(e: &Error) -> bool {
    matches!(e.code(), Code::StoreUnavailable | Code::StoreDenied | Code::RepositoryMissing)
}

async fn look(
    store: &SharedStore,
    manifest: &Manifest,
    depth: &Depth,
    progress: &Progress,
    out: &mut BackupOutcome,
) -> Result<()> {
    let mut objects: Vec<(Key, PartRef)> = vec![parts::of_facts(manifest)];
    for s in &manifest.streams {
        objects.extend(parts::of_stream(manifest, s)?);
    }
    out.objects = objects.len() as u64;
    let prefix = layout::data_prefix(&manifest.source, &manifest.backup_id);
    let listed: HashMap<String, u64> = list_all(store.as_ref(), &prefix, MAX_OBJECTS)
        .await
        .map_err(|e| e.about(&prefix))?
        .into_iter()
        .map(|m| (m.key, m.size))
        .collect();
    for (key, part) in &objects {
        let wrong = match listed.get(key.as_str()) {
            Some(size) if *size == part.stored_bytes => {
                out.present += 1;
                continue;
            }
            Some(size) => format!("{size} bytes are stored, {} were signed", part.stored_bytes),
            None => "is not in the store".into(),
        };
        out.errors.push(Error::new(Code::Corrupt, Stage::Verify, wrong).on(key.as_str()));
    }
    if !(depth.deep || depth.identities.is_some()) {
        return Ok(());
    }
    // What is there is looked at even where something else is missing.
    let there = |(key, part): &(Key, PartRef)| listed.get(key.as_str()) == Some(&part.stored_bytes);
    let chosen = sample(objects.into_iter().filter(there).collect(), depth.sample_percent);
    match &depth.identities {
        None => hash(store, chosen, progress, out).await,
        Some(identities) => open(store, manifest, identities, chosen, progress, out).await,
    }
}

/// At least one object, spread evenly from a random start.
fn sample(objects: Vec<(Key, PartRef)>, percent: Option<f64>) -> Vec<(Key, PartRef)> {
    let Some(percent) = percent.filter(|p| *p < 100.0) else { return objects };
    let wanted = ((objects.len() as f64 * percent.max(0.0) / 100.0).ceil() as usize).clamp(1, objects.len().max(1));
    let mut chosen = fastrand::choose_multiple(objects, wanted);
    chosen.sort_by(|a, b| a.0.cmp(&b.0));
    chosen
}

async fn hash(
    store: &SharedStore,
    objects: Vec<(Key, PartRef)>,
    progress: &Progress,
    out: &mut BackupOutcome,
) -> Result<()> {
    let pool = Pool::new(PARALLEL);
    let pool = &pool;
    let mut results = stream::iter(objects)
        .map(|(key, part)| async move {
            let mut bytes = pool.take().await;
            fetch(store.as_ref(), &key, &part, &mut bytes).await?;
            let checked = tokio::task::spawn_blocking(move || part.check_stored(&bytes, key.as_str())).await;
            checked.map_err(|e| Error::internal("hashing ended early").because(e))??;
            Ok::<u64, Error>(part.stored_bytes)
        })
        .buffer_unordered(PARALLEL);
    while let Some(result) = results.next().await {
        match result {
            Ok(bytes) => {
                progress.event(Event::Advanced { bytes });
                out.hashed += 1;
            }
            Err(e) if unavailable(&e) => return Err(e),
            Err(e) => out.errors.push(e),
        }
    }
    Ok(())
}

async fn open(
    store: &SharedStore,
    manifest: &Manifest,
    identities: &Arc<Identities>,
    objects: Vec<(Key, PartRef)>,
    progress: &Progress,
    out: &mut BackupOutcome,
) -> Result<()> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let reader =
        Reader::start(Arc::clone(store), Arc::clone(identities), workers, 1)?.for_parts_of(manifest.part_bytes, 1);
    let (facts_key, facts_part) = parts::of_facts(manifest);
    if out.errors.iter().any(|e| e.object() == Some(facts_key.as_str())) {
        return hash(store, objects, progress, out).await;
    }
    // The facts first: without an identity that fits, or with facts that nobody can
    // read, the rest need not be fetched.
    let opened = async {
        memory::facts_fit(&facts_part, facts_key.as_str())?;
        let plain = reader.part(facts_key.clone(), facts_part).await?;
        memory::values_fit(&plain, facts_key.as_str())?;
        serde_json::from_slice::<Facts>(&plain).map(drop).map_err(|e| {
            Error::new(Code::Corrupt, Stage::Verify, "the facts are not readable").on(facts_key.as_str()).because(e)
        })
    };
    match opened.await {
        Ok(()) => (out.hashed, out.opened) = (1, 1),
        Err(e) if unavailable(&e) => return Err(e),
        Err(e) => {
            out.errors.push(e);
            return Ok(());
        }
    }
    progress.event(Event::Advanced { bytes: facts_part.stored_bytes });
    let reader = &reader;
    let mut results = stream::iter(objects.into_iter().filter(|(key, _)| *key != facts_key))
        .map(|(key, part)| async move { reader.part(key, part).await.map(|_| part.stored_bytes) })
        .buffer_unordered(workers + 2);
    while let Some(result) = results.next().await {
        match result {
            Ok(bytes) => {
                progress.event(Event::Advanced { bytes });
                out.hashed += 1;
                out.opened += 1;
            }
            Err(e) if unavailable(&e) => return Err(e),
            Err(e) => out.errors.push(e),
        }
    }
    Ok(())
}
