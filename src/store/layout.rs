//! The only place that builds and reads object keys. The same for a directory
//! and for an S3 prefix:
//!
//! ```text
//! repo.json                                      repository id
//! s/<source>/m/0000000042.json                   manifest = commit point = chain slot 42
//! s/<source>/m/0000000042.<d16>.sig              its signature; d16 = 16 hex of the manifest's SHA-256
//! s/<source>/d/<backup_id>/s01/00001.zst.age     parts
//! s/<source>/d/<backup_id>/facts.zst.age         sealed facts
//! s/<source>/d/<backup_id>/parts.json            part receipts, where they are too many for the manifest
//! s/<source>/r/0000000042.<run>.json(.sig)       drill reports
//! ```
//!
//! No text that a database user controls appears in a key.

use std::fmt;

use crate::types::{BackupId, Digest, SourceName};

/// An object's key below the store's root: `^[a-z0-9A-Z/._-]+$`, no empty or
/// dotted segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Checks a key that came from outside (a listing, a manifest).
    pub fn parse(text: &str) -> Result<Self, String> {
        let segment = |s: &str| {
            !s.is_empty()
                && !s.starts_with('.')
                && s.bytes().all(|b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        };
        if text.len() <= 512 && text.split('/').all(segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("not a key of this format: {}", crate::types::shown(text)))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `repo.json`.
pub fn repo() -> Key {
    Key("repo.json".into())
}

/// Prefix of everything of one source.
pub fn source_prefix(source: &SourceName) -> String {
    format!("s/{source}/")
}

/// Prefix of the manifests and signatures of one source.
pub fn manifest_prefix(source: &SourceName) -> String {
    format!("s/{source}/m/")
}

/// Manifest of slot `seq`.
pub fn manifest(source: &SourceName, seq: u64) -> Key {
    Key(format!("s/{source}/m/{seq:010}.json"))
}

/// Signature of the manifest with this digest in slot `seq`.
pub fn manifest_sig(source: &SourceName, seq: u64, manifest: &Digest) -> Key {
    Key(format!("s/{source}/m/{seq:010}.{}.sig", manifest.short()))
}

/// Prefix of one backup's data.
pub fn data_prefix(source: &SourceName, id: &BackupId) -> String {
    format!("s/{source}/d/{id}/")
}

/// Part `number` (from 1) of stream `stream` (`s01`, …).
pub fn part(source: &SourceName, id: &BackupId, stream: &str, number: usize) -> Key {
    Key(format!("s/{source}/d/{id}/{stream}/{number:05}.zst.age"))
}

/// Sealed facts.
pub fn facts(source: &SourceName, id: &BackupId) -> Key {
    Key(format!("s/{source}/d/{id}/facts.zst.age"))
}

/// Part receipts kept outside the manifest.
pub fn parts_list(source: &SourceName, id: &BackupId) -> Key {
    Key(format!("s/{source}/d/{id}/parts.json"))
}

/// Prefix of the reports of one source.
pub fn report_prefix(source: &SourceName) -> String {
    format!("s/{source}/r/")
}

/// Report of run `run` about slot `seq`.
pub fn report(source: &SourceName, seq: u64, run: &str) -> Key {
    Key(format!("s/{source}/r/{seq:010}.{run}.json"))
}

/// Signature of a report.
pub fn report_sig(source: &SourceName, seq: u64, run: &str) -> Key {
    Key(format!("s/{source}/r/{seq:010}.{run}.json.sig"))
}

/// A key for canaries of `store check`; `name` is made of plain characters.
pub fn canary(run: &str, name: &str) -> Key {
    Key(format!("canary/{run}/{name}"))
}

/// Prefix of the canaries of one `store check` run.
pub fn canary_prefix(run: &str) -> String {
    format!("canary/{run}/")
}

/// What a key below a source's `m/` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestObject {
    /// The manifest of a slot.
    Manifest {
        /// Slot.
        seq: u64,
    },
    /// A signature for a slot, with the 16 digits of its name.
    Signature {
        /// Slot.
        seq: u64,
        /// First 16 hexadecimal digits of the manifest's digest.
        short: String,
    },
}

/// Reads a key below `s/<source>/m/`; `None` for anything else.
pub fn read_manifest_key(source: &SourceName, key: &str) -> Option<ManifestObject> {
    let name = key.strip_prefix(&manifest_prefix(source))?;
    let (number, rest) = name.split_once('.')?;
    if number.len() != 10 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seq: u64 = number.parse().ok().filter(|s| *s > 0)?;
    if rest == "json" {
        return Some(ManifestObject::Manifest { seq });
    }
    let short = rest.strip_suffix(".sig")?;
    let hex = short.len() == 16 && short.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    hex.then(|| ManifestObject::Signature { seq, short: short.to_owned() })
}

/// Reads a key below `s/<source>/r/`: slot and run of a report (not of its signature).
pub fn read_report_key(source: &SourceName, key: &str) -> Option<(u64, String)> {
    let name = key.strip_prefix(&report_prefix(source))?.strip_suffix(".json")?;
    let (number, run) = name.split_once('.')?;
    let plain = !run.is_empty() && run.len() <= 64 && run.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if number.len() != 10 || !number.bytes().all(|b| b.is_ascii_digit()) || !plain {
        return None;
    }
    Some((number.parse().ok()?, run.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_hostile_ones_are_refused() {
        let shop: SourceName = "shop".parse().unwrap();
        let d = Digest::of(b"x");
        assert_eq!(read_manifest_key(&shop, manifest(&shop, 42).as_str()), Some(ManifestObject::Manifest { seq: 42 }));
        assert_eq!(
            read_manifest_key(&shop, manifest_sig(&shop, 42, &d).as_str()),
            Some(ManifestObject::Signature { seq: 42, short: d.short() })
        );
        assert_eq!(read_report_key(&shop, report(&shop, 7, "r1").as_str()), Some((7, "r1".into())));
        assert_eq!(read_report_key(&shop, report_sig(&shop, 7, "r1").as_str()), None);
        for bad in
            ["s/shop/m/42.json", "s/shop/m/0000000000.json", "s/shop/m/0000000042.json.x", "s/other/m/0000000042.json"]
        {
            assert_eq!(read_manifest_key(&shop, bad), None, "{bad}");
        }
        for bad in ["", "/a", "a//b", "a/../b", "a/./b", "a b", "a\nb", ".hidden"] {
            assert!(Key::parse(bad).is_err(), "{bad}");
        }
    }
}
