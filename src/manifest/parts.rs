//! Part receipts: inside the manifest, or in `parts.json` where they are many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::{Manifest, StoredPart, Stream};
use crate::manifest::{parse, strict};
use crate::pipeline::PartRef;
use crate::store::{Key, layout};
use crate::types::Digest;

/// More receipts than this go to `parts.json`.
pub const INLINE: u64 = 1_000;
/// Where the manifest names `parts.json`: a field of `x`.
pub const POINTER: &str = "parts_json";
/// Largest `parts.json` in bytes.
pub const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// Most values in it: three for each part, two for each stream.
const MAX_VALUES: u64 = 5_000_000;

/// `parts.json`: receipts by stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartsFile {
    /// `pgseal-parts`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// By the stream's `ref`.
    pub streams: BTreeMap<String, Vec<StoredPart>>,
}

/// What the manifest says of `parts.json`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Moves the receipts of `manifest` out when they are many; gives the bytes of
/// `parts.json` to store then.
pub fn split_off(manifest: &mut Manifest) -> Result<Option<Vec<u8>>> {
    if manifest.counts.parts <= INLINE {
        return Ok(None);
    }
    let streams = manifest.streams.iter_mut().map(|s| (s.reference.clone(), std::mem::take(&mut s.stored))).collect();
    let file = PartsFile { format: "pgseal-parts".into(), version: 1, streams };
    let fail = |e: serde_json::Error| Error::internal("cannot write parts.json").because(e);
    let mut bytes = serde_json::to_vec(&file).map_err(fail)?;
    bytes.push(b'\n');
    let pointer = Pointer { sha256: Digest::of(&bytes), bytes: bytes.len() as u64 };
    manifest.x.insert(POINTER.into(), serde_json::to_value(pointer).map_err(fail)?);
    Ok(Some(bytes))
}

/// What the manifest says of `parts.json`, if it has one.
pub fn pointer(manifest: &Manifest) -> Result<Option<Pointer>> {
    let Some(value) = manifest.x.get(POINTER) else { return Ok(None) };
    let pointer: Pointer = serde_json::from_value(value.clone())
        .map_err(|e| Error::new(Code::Corrupt, Stage::Manifest, "x.parts_json is not readable").because(e))?;
    if pointer.bytes > MAX_BYTES {
        return Err(Error::new(Code::Limit, Stage::Manifest, "parts.json is larger than allowed"));
    }
    Ok(Some(pointer))
}

/// Puts the receipts back; `bytes` were read under the pointer's size limit.
pub fn join(manifest: &mut Manifest, pointer: &Pointer, bytes: &[u8]) -> Result<()> {
    let key = layout::parts_list(&manifest.source, &manifest.backup_id);
    let bad = |m: &str| Error::new(Code::Corrupt, Stage::Manifest, m.to_owned()).on(key.as_str());
    if bytes.len() as u64 != pointer.bytes || Digest::of(bytes) != pointer.sha256 {
        return Err(bad("does not match the signed manifest"));
    }
    if strict::values(bytes) > MAX_VALUES {
        let what = format!("more than {MAX_VALUES} values");
        return Err(Error::new(Code::Limit, Stage::Manifest, what).on(key.as_str()));
    }
    strict::no_duplicate_keys(bytes).map_err(|e| bad("not readable").because(e))?;
    let file: PartsFile = serde_json::from_slice(bytes).map_err(|e| bad("not readable").because(e))?;
    if file.format != "pgseal-parts" || file.version != 1 {
        return Err(bad("unknown format"));
    }
    let mut streams = file.streams;
    let mut whole = manifest.clone();
    for s in &mut whole.streams {
        let stored = streams.remove(&s.reference).ok_or_else(|| bad("a stream is missing"))?;
        if stored.len() as u64 != s.parts {
            return Err(bad("parts and receipts disagree"));
        }
        if !stored.iter().all(|p| parse::sealed_size_fits(manifest, p.1)) {
            return Err(bad("a part's size is out of range"));
        }
        s.stored = stored;
    }
    if !streams.is_empty() {
        return Err(bad("there is a stream that the manifest does not have"));
    }
    *manifest = whole;
    Ok(())
}

/// Keys and references of a stream's parts, in order.
///
/// # Errors
/// When the receipts are not there (see [`join`]).
pub fn of_stream(manifest: &Manifest, stream: &Stream) -> Result<Vec<(Key, PartRef)>> {
    if stream.stored.len() as u64 != stream.parts {
        return Err(Error::internal("part receipts were not loaded"));
    }
    let last = stream.plain_bytes - (stream.parts - 1) * manifest.part_bytes;
    Ok(stream
        .stored
        .iter()
        .enumerate()
        .map(|(i, StoredPart(sha, size))| {
            let plain = if i as u64 + 1 == stream.parts { last } else { manifest.part_bytes };
            let key = layout::part(&manifest.source, &manifest.backup_id, &stream.reference, i + 1);
            (key, PartRef { stored_sha256: *sha, stored_bytes: *size, plain_bytes: plain })
        })
        .collect())
}

/// Key and reference of the sealed facts.
pub fn of_facts(manifest: &Manifest) -> (Key, PartRef) {
    let f = &manifest.facts;
    let key = layout::facts(&manifest.source, &manifest.backup_id);
    (key, PartRef { stored_sha256: f.stored_sha256, stored_bytes: f.stored_bytes, plain_bytes: f.plain_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse::tests::sample;

    #[test]
    fn many_receipts_go_out_and_come_back() {
        let mut m = sample(1, None);
        let whole = m.clone();
        m.counts.parts = 2_000;
        let bytes = split_off(&mut m).unwrap().unwrap();
        assert!(m.streams[0].stored.is_empty());
        assert!(of_stream(&m, &m.streams[0]).is_err());
        let p = pointer(&m).unwrap().unwrap();
        let mut back = m.clone();
        join(&mut back, &p, &bytes).unwrap();
        assert_eq!(back.streams, whole.streams);
        let mut bad = bytes.clone();
        bad[20] ^= 1;
        assert_eq!(join(&mut m, &p, &bad).unwrap_err().code(), Code::Corrupt);
    }

    #[test]
    fn few_receipts_stay_and_the_last_part_is_shorter() {
        let mut m = sample(1, None);
        assert!(split_off(&mut m).unwrap().is_none());
        let parts = of_stream(&m, &m.streams[0]).unwrap();
        assert_eq!(parts[0].1.plain_bytes, 100);
        assert_eq!(parts[1].1.plain_bytes, 50);
        assert!(parts[1].0.as_str().ends_with("/s01/00002.zst.age"));
    }
}
