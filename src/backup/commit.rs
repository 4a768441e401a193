//! The commit: slot, signature, manifest last, read back.

use bytes::Bytes;
use jiff::Timestamp;

use super::Job;
use crate::catalog::witness::Witness;
use crate::catalog::{Catalog, load};
use crate::error::{Code, Error, Result, Stage};
use crate::keys::signing::Namespace;
use crate::keys::trust::Signature;
use crate::manifest::chain::{self, Seen};
use crate::manifest::{Manifest, parse, parts};
use crate::store::{Key, Store, StoreError, layout};
use crate::types::{Digest, Event};

/// Slots that are tried before giving up.
const TRIES: u32 = 8;

/// Proves before the dump that what we are going to sign will be trusted: a
/// signing key that the pinned signers do not hold would only be noticed on the
/// worst day.
pub(super) fn check_signer(job: &Job<'_>) -> Result<()> {
    let probe = b"pgseal signing probe\n";
    let armor = job.signer.sign(Namespace::Manifest, probe)?;
    trusted(job, probe, armor.as_bytes()).map_err(|e| {
        e.hint(format!(
            "Add the line that `pgseal keygen allow SIGNING-KEY --role backup --source {}` prints to keys.allowed_signers, or \
             set keys.signing_key to the right key.",
            job.name
        ))
    })
}

fn trusted(job: &Job<'_>, message: &[u8], armor: &[u8]) -> Result<()> {
    let verdict = job.reading.trust.verify(Namespace::Manifest, job.name.as_str(), Timestamp::now(), message, armor);
    let why = match verdict {
        Signature::Good { .. } => return Ok(()),
        Signature::Unknown { reason, .. } | Signature::Bad { reason } => reason,
    };
    Err(Error::new(
        Code::Untrusted,
        Stage::Commit,
        format!("the pinned signers do not accept this host's signature: {why}"),
    )
    .on(job.name.as_str()))
}

/// Stores signature and manifest; gives the manifest as committed.
pub(super) async fn commit(
    job: &Job<'_>,
    catalog: &Catalog,
    next_seq: u64,
    mut manifest: Manifest,
) -> Result<Manifest> {
    let store = job.reading.store.as_ref();
    // Where they go into an object of their own, the caller still wants them.
    let streams = manifest.streams.clone();
    if let Some(bytes) = parts::split_off(&mut manifest)? {
        let key = layout::parts_list(&manifest.source, &manifest.backup_id);
        put(job, &key, bytes).await?;
    }
    let mut head = catalog.head().map(|e| (e.manifest.seq, e.digest));
    let mut slot = next_seq;
    let mut present = catalog.slots.clone();
    let witness = Witness::new(&job.reading.state_dir, &job.reading.repo, &job.name);
    // A slot this host saw in use is no junk, whatever lies there now: to list it as
    // skipped would silence the alarm about the backup that was in it.
    let known = witness.read()?.last().map_or(0, |s| s.seq);
    for _ in 0..TRIES {
        manifest.seq = slot;
        (manifest.prev_seq, manifest.prev_sha256) = (head.map(|h| h.0), head.map(|h| h.1));
        // Only slots where something lies: one that is empty stays a gap and an alarm.
        let after = head.map_or(0, |h| h.0).max(known);
        let junk: Vec<u64> = present.iter().copied().filter(|s| *s > after && *s < slot).collect();
        if junk.is_empty() {
            manifest.x.remove(chain::SKIPPED);
        } else {
            manifest.x.insert(chain::SKIPPED.into(), junk.into());
        }
        let bytes = parse::to_bytes(&manifest)?;
        // What we store must be what every reader accepts.
        parse::from_bytes(&bytes, "the new manifest")?;
        let digest = Digest::of(&bytes);
        let armor = job.signer.sign(Namespace::Manifest, &bytes)?;
        trusted(job, &bytes, armor.as_bytes())?;
        let sig_key = layout::manifest_sig(&manifest.source, slot, &digest);
        put(job, &sig_key, armor.clone().into_bytes()).await?;
        let key = layout::manifest(&manifest.source, slot);
        match put_manifest(store, &key, &bytes, &digest).await {
            Ok(()) => {
                read_back(job, &key, &sig_key, &bytes, armor.as_bytes()).await?;
                let prev = head.map(|(seq, digest)| Seen { seq, digest });
                witness.remember(Seen { seq: slot, digest }, prev, Timestamp::now())?;
                return Ok(Manifest { streams, ..manifest });
            }
            Err(StoreError::Exists) => {
                // Another host committed, or junk lies there: look again, go behind it.
                job.progress.event(Event::Note(format!("slot {slot} was taken meanwhile; trying the next one")));
                let now = Catalog::load(&job.reading, &job.name).await?;
                if !now.slots.contains(&slot) {
                    // Going behind a manifest that we cannot see would fork the chain.
                    return Err(Error::new(Code::StoreUnavailable, Stage::Commit, "the slot is taken, but not listed")
                        .on(key.as_str())
                        .hint("The store's listings are not up to date; run the backup again."));
                }
                head = now.head().map(|e| (e.manifest.seq, e.digest));
                slot = now.free_slot(head.map_or(0, |h| h.0).max(known).max(slot));
                present = now.slots;
            }
            Err(e) => return Err(e.about(&key)),
        }
    }
    Err(Error::new(Code::CommitConflict, Stage::Commit, format!("{TRIES} slots were taken by others"))
        .on(job.name.as_str())
        .hint("The data is stored but not committed. Find out who writes to this source's manifests, then run the backup again."))
}

/// Takes the slot. [`StoreError::Exists`] only where something else lies there.
async fn put_manifest(store: &dyn Store, key: &Key, bytes: &[u8], digest: &Digest) -> Result<(), StoreError> {
    // The dump may have taken hours. A store that does not know create-only puts
    // would let us replace what another host committed meanwhile: look first.
    match store.head(key).await {
        Ok(_) => {}
        Err(StoreError::NotFound | StoreError::Denied(_)) => {
            match store.put_new(key, Bytes::copy_from_slice(bytes), digest).await {
                Err(StoreError::Exists) => {}
                other => return other,
            }
        }
        Err(e) => return Err(e),
    }
    // Ours after all, where the reply to a put was lost on its way: to commit the
    // same backup a second time would be wrong.
    let mut found = Vec::new();
    match store.get(key, bytes.len() as u64, &mut found).await {
        Ok(()) if found == bytes => Ok(()),
        Ok(()) | Err(StoreError::TooLarge { .. } | StoreError::NotFound | StoreError::Denied(_)) => {
            Err(StoreError::Exists)
        }
        Err(e) => Err(e),
    }
}

/// Puts an object whose bytes alone decide its key or that only we write:
/// finding it there already is no conflict if it is the same.
async fn put(job: &Job<'_>, key: &Key, bytes: Vec<u8>) -> Result<()> {
    let digest = Digest::of(&bytes);
    let limit = bytes.len() as u64;
    let body = Bytes::from(bytes);
    match job.reading.store.put_new(key, body.clone(), &digest).await {
        Ok(()) => Ok(()),
        Err(StoreError::Exists) => {
            let mut found = Vec::new();
            job.reading.store.get(key, limit, &mut found).await.map_err(|e| e.about(key))?;
            if found == body {
                Ok(())
            } else {
                Err(Error::new(Code::CommitConflict, Stage::Commit, "another object lies there").on(key.as_str()))
            }
        }
        Err(e) => Err(e.about(key)),
    }
}

/// The commit counts only once the store gives back what we signed.
async fn read_back(job: &Job<'_>, key: &Key, sig_key: &Key, bytes: &[u8], armor: &[u8]) -> Result<()> {
    for (key, sent, what) in [(key, bytes, "manifest"), (sig_key, armor, "signature")] {
        let mut found = Vec::new();
        let same = match job.reading.store.get(key, sent.len() as u64, &mut found).await {
            Ok(()) => found == sent,
            Err(StoreError::TooLarge { .. }) => false,
            Err(e) => return Err(e.about(key)),
        };
        if !same {
            return Err(Error::new(
                Code::Corrupt,
                Stage::Commit,
                format!("the store gives back another {what} than was stored"),
            )
            .on(key.as_str())
            .hint("Do not trust this store; run `pgseal store check`."));
        }
    }
    let manifest = parse::from_bytes(bytes, key.as_str())?;
    if job.reading.store.checks_bodies() {
        // A writer's credential need not be able to read data.
        return Ok(());
    }
    load::with_parts(&job.reading.store, manifest).await.map(drop)
}
