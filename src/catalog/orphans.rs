//! Manifests in a store that has no `repo.json`.
//!
//! Each manifest carries the repository's id inside its signed bytes. Under another
//! id none of them counts any more, so nobody may create a new repository over them;
//! and the id is all that a new `repo.json` needs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::load::MAX_SIGNATURE;
use crate::error::{Code, Error, Result, Stage};
use crate::keys::signing::Namespace;
use crate::keys::trust::{Signature, Trust};
use crate::manifest::{Manifest, Repo, parse};
use crate::store::layout::{self, ManifestObject};
use crate::store::{ObjectMeta, Store, StoreError};
use crate::types::{Digest, SourceName, shown};

/// Most pages of a listing that are looked through, of 1000 objects each.
const MAX_PAGES: usize = 10_000;
/// Most sources that are looked at.
const MAX_SOURCES: usize = 64;
/// Newest manifests of a source that are read.
const READ: usize = 4;

/// Whether there are manifests: the error that says whose, and how `repo.json` is put
/// back. Ids come from manifests that a trusted key signed, where there is one.
///
/// # Errors
/// The store's.
pub async fn find(store: &dyn Store, trust: Option<&Trust>) -> Result<Option<Error>> {
    let (found, more) = newest(store).await.map_err(|e| e.about("s/"))?;
    let mut manifests: Vec<(Manifest, bool)> = Vec::new();
    for (source, slots) in &found {
        for (seq, meta) in slots.iter().rev() {
            manifests.extend(read(store, trust, source, *seq, meta).await?);
        }
    }
    if manifests.iter().any(|(_, signed)| *signed) {
        manifests.retain(|(_, signed)| *signed);
    }
    let first = found.iter().find_map(|(s, slots)| Some(layout::manifest(s, *slots.keys().next_back()?).to_string()));
    Ok(first.or(more).map(|key| told(&manifests).on(format!("{} {key}", store.describe()))))
}

fn told(manifests: &[(Manifest, bool)]) -> Error {
    let refused = |text: String| Error::new(Code::Refused, Stage::Store, text);
    let ids: BTreeSet<&str> = manifests.iter().map(|(m, _)| m.repo_id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let Some((oldest, signed)) = manifests.iter().min_by_key(|(m, _)| m.started_at) else {
        return refused("backups lie here, but repo.json is gone, and no manifest tells the repository's id".into())
            .hint("Restore repo.json from another copy of the store, or use an empty place for a new repository.");
    };
    let text = format!("backups of repository {} lie here, but repo.json is gone", ids.join(" and of "));
    if ids.len() > 1 {
        return refused(text).hint(
            "Find out which id is yours (another host's state.dir has it), and restore repo.json from another copy of \
             the store.",
        );
    }
    let repo = Repo { repo_id: oldest.repo_id.clone(), ..Repo::new([0; 16], oldest.started_at) };
    let Ok(line) = repo.to_bytes() else { return refused(text) };
    let doubt = if *signed {
        "A new repository could not read them."
    } else {
        "No trusted key signed the manifest that tells the id: compare it with another host's state.dir first."
    };
    refused(text).hint(format!(
        "Store this line as the object repo.json there: {}  {doubt}",
        String::from_utf8_lossy(&line).trim_end()
    ))
}

type Slots = BTreeMap<u64, ObjectMeta>;

/// The newest manifests of each source; the key of another object of `m/` where there
/// is none of ours.
async fn newest(store: &dyn Store) -> Result<(BTreeMap<SourceName, Slots>, Option<String>), StoreError> {
    let (mut found, mut other) = (BTreeMap::<SourceName, Slots>::new(), None);
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let page = store.list("s/", after.as_deref()).await?;
        for meta in page.objects {
            let mut segments = meta.key.split('/').skip(1);
            let (Some(name), Some("m")) = (segments.next(), segments.next()) else { continue };
            let source = name.parse::<SourceName>().ok();
            let slot = source.as_ref().and_then(|s| layout::read_manifest_key(s, &meta.key));
            let (Some(source), Some(ManifestObject::Manifest { seq })) = (source, slot) else {
                other.get_or_insert_with(|| shown(&meta.key).into_owned());
                continue;
            };
            if found.len() >= MAX_SOURCES && !found.contains_key(&source) {
                continue;
            }
            let slots = found.entry(source).or_default();
            slots.insert(seq, meta);
            if slots.len() > READ {
                slots.pop_first();
            }
        }
        match page.next {
            Some(next) if after.as_ref() != Some(&next) => after = Some(next),
            _ => return Ok((found, other)),
        }
    }
    if found.is_empty() && other.is_none() {
        return Err(StoreError::TooMuch { limit: MAX_PAGES as u64, what: "pages of a listing" });
    }
    Ok((found, other))
}

/// One manifest and whether a trusted key signed it; nothing where it is none.
async fn read(
    store: &dyn Store,
    trust: Option<&Trust>,
    source: &SourceName,
    seq: u64,
    meta: &ObjectMeta,
) -> Result<Option<(Manifest, bool)>> {
    let key = layout::manifest(source, seq);
    let mut bytes = Vec::new();
    match store.get(&key, parse::MAX_BYTES, &mut bytes).await {
        Ok(()) => (),
        Err(StoreError::TooLarge { .. } | StoreError::NotFound | StoreError::Mangled(_)) => return Ok(None),
        Err(e) => return Err(e.about(&key)),
    }
    let mut signed = false;
    if let Some(trust) = trust {
        let signature = layout::manifest_sig(source, seq, &Digest::of(&bytes));
        let mut armor = Vec::new();
        match store.get(&signature, MAX_SIGNATURE, &mut armor).await {
            Ok(()) => {
                let judged = trust.verify(Namespace::Manifest, source.as_str(), meta.modified, &bytes, &armor);
                signed = matches!(judged, Signature::Good { .. });
            }
            Err(StoreError::TooLarge { .. } | StoreError::NotFound | StoreError::Mangled(_)) => (),
            Err(e) => return Err(e.about(&signature)),
        }
    }
    let manifest = parse::from_bytes(&bytes, key.as_str()).ok();
    Ok(manifest.filter(|m| m.source == *source && m.started_at > Timestamp::UNIX_EPOCH).map(|m| (m, signed)))
}
