//! From bytes to a manifest that meets every rule of the format, or not at all.

use std::collections::HashSet;

use crate::error::{Code, Error, Result, Stage};
use crate::manifest::model::{Manifest, Role};
use crate::manifest::{parts, strict};
use crate::store::layout;
use crate::types::Kind;

/// Largest manifest in bytes, checked before parsing.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Deepest nesting, checked before parsing.
const MAX_DEPTH: usize = 16;
/// Most values in it: ten thousand streams and a thousand parts have fewer.
const MAX_VALUES: u64 = 400_000;
/// Largest number of parts of one backup.
pub const MAX_PARTS: u64 = 1_000_000;
/// Largest part in plain bytes.
pub const MAX_PART_BYTES: u64 = 256 * 1024 * 1024;
/// Largest sealed facts in plain bytes.
pub const MAX_FACTS_BYTES: u64 = 1024 * 1024 * 1024;
/// Room that sealing may add to a part: zstd's worst case and the age header.
const SEAL_OVERHEAD: u64 = 1024 * 1024;

/// Writes the stored form: pretty JSON with one trailing newline.
pub fn to_bytes(manifest: &Manifest) -> Result<Vec<u8>> {
    let mut bytes =
        serde_json::to_vec_pretty(manifest).map_err(|e| Error::internal("cannot write the manifest").because(e))?;
    bytes.push(b'\n');
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::new(Code::Limit, Stage::Manifest, format!("the manifest would have {} bytes", bytes.len())));
    }
    Ok(bytes)
}

/// Reads verified bytes. `object` is the key, for messages.
pub fn from_bytes(bytes: &[u8], object: &str) -> Result<Manifest> {
    let limit = |m: String| Error::new(Code::Limit, Stage::Manifest, m).on(object);
    if bytes.len() as u64 > MAX_BYTES {
        return Err(limit(format!("{} bytes are more than the {MAX_BYTES} allowed", bytes.len())));
    }
    if depth(bytes) > MAX_DEPTH {
        return Err(limit(format!("nested deeper than {MAX_DEPTH}")));
    }
    if strict::values(bytes) > MAX_VALUES {
        return Err(limit(format!("more than {MAX_VALUES} values")));
    }
    let bad = |m: String| Error::new(Code::Corrupt, Stage::Manifest, m).on(object);
    if !bytes.starts_with(b"{") || !bytes.ends_with(b"}\n") {
        return Err(bad("not one JSON object with one line end behind it".into()));
    }
    // Look at the version before anything else, so that a newer format is told as such.
    let head: Head = serde_json::from_slice(bytes).map_err(|e| bad(format!("not a manifest: {e}")))?;
    if head.format != Manifest::FORMAT {
        return Err(bad("not a pgseal manifest".into()));
    }
    if head.version != Manifest::VERSION {
        return Err(Error::new(Code::Usage, Stage::Manifest, format!("format version {} is not known", head.version))
            .on(object)
            .hint("This backup was written by a newer pgseal; use that version or a later one."));
    }
    // Readers differ in which of two equal keys they believe; nobody gets to choose.
    strict::no_duplicate_keys(bytes).map_err(|e| bad(format!("not a manifest: {e}")))?;
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| bad(format!("not a manifest: {e}")))?;
    check(&manifest).map_err(bad)?;
    Ok(manifest)
}

/// Looked at before anything else, so that a newer format is told as such.
#[derive(serde::Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// Nesting of JSON text, counted without parsing it.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for b in bytes {
        match (in_string, b) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether a part of this stored size can be what it says it is.
pub(super) fn sealed_size_fits(m: &Manifest, stored_bytes: u64) -> bool {
    (1..=m.part_bytes + SEAL_OVERHEAD).contains(&stored_bytes)
}

/// The rules of the format that types alone do not hold.
fn check(m: &Manifest) -> std::result::Result<(), String> {
    let ensure = |ok: bool, what: &str| if ok { Ok(()) } else { Err(what.to_owned()) };
    ensure(m.seq >= 1 && m.seq < 10_000_000_000, "seq is out of range")?;
    ensure((m.seq == 1) <= m.prev_sha256.is_none(), "slot 1 has no predecessor")?;
    ensure(m.prev_sha256.is_some() == m.prev_seq.is_some(), "prev_sha256 and prev_seq go together")?;
    ensure(m.prev_seq.is_none_or(|p| p >= 1 && p < m.seq), "prev_seq is not before seq")?;
    ensure(m.encryption.scheme == "age-v1", "unknown encryption scheme")?;
    ensure((1..=64).contains(&m.encryption.recipients.len()), "no recipients or too many")?;
    ensure(m.compression.scheme == "zstd", "unknown compression scheme")?;
    ensure(m.compression.window_log_max <= 27, "the zstd window is too large")?;
    ensure((1..=MAX_PART_BYTES).contains(&m.part_bytes), "part_bytes is out of range")?;
    ensure(m.label.as_ref().is_none_or(|l| l.len() <= 256), "the label is too long")?;
    ensure((1..=10_000).contains(&m.streams.len()), "no streams or too many")?;
    ensure(
        m.pg.system_identifier.len() <= 20 && m.pg.system_identifier.bytes().all(|b| b.is_ascii_digit()),
        "system_identifier is not a number",
    )?;

    let mut seen = HashSet::new();
    let mut parts = 0u64;
    for s in &m.streams {
        let plain_ref = s
            .reference
            .strip_prefix('s')
            .is_some_and(|n| (2..=5).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
        ensure(plain_ref, "a stream's ref is not s01, s02, …")?;
        ensure(seen.insert(&s.reference), "two streams have one ref")?;
        ensure(s.parts >= 1 && s.parts == s.plain_bytes.div_ceil(m.part_bytes), "parts and plain_bytes disagree")?;
        parts = parts.checked_add(s.parts).ok_or("too many parts")?;
        ensure(parts <= MAX_PARTS, "too many parts")?;
        ensure(s.stored.is_empty() || s.stored.len() as u64 == s.parts, "parts and receipts disagree")?;
        ensure(s.stored.iter().all(|p| sealed_size_fits(m, p.1)), "a part's size is out of range")?;
        let fits = match m.kind {
            Kind::Logical => matches!(s.role, Role::Globals | Role::Schema | Role::Data),
            Kind::Physical => matches!(s.role, Role::Base),
        };
        ensure(fits, "a stream's role does not fit the kind")?;
    }
    let beside = parts > parts::INLINE;
    ensure(m.x.contains_key(parts::POINTER) == beside, "parts.json is named without need, or missing")?;
    ensure(m.streams.iter().all(|s| s.stored.is_empty() == beside), "receipts are at the wrong place")?;
    ensure(m.counts.parts == parts && m.counts.streams == m.streams.len() as u64, "counts are wrong")?;
    ensure(m.facts.key == layout::facts(&m.source, &m.backup_id).as_str(), "facts.key is not this backup's")?;
    ensure((1..=MAX_FACTS_BYTES).contains(&m.facts.plain_bytes), "facts.plain_bytes is out of range")?;
    ensure(
        (1..=MAX_FACTS_BYTES + SEAL_OVERHEAD).contains(&m.facts.stored_bytes),
        "facts.stored_bytes is out of range",
    )?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::manifest::model::*;
    use crate::types::{Digest, PgVersion};

    pub(crate) fn sample(seq: u64, prev: Option<(u64, Digest)>) -> Manifest {
        let source: crate::types::SourceName = "shop".parse().unwrap();
        let backup_id: crate::types::BackupId = "20261123T030000Z-0123456789abcdef".parse().unwrap();
        let now: jiff::Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
        Manifest {
            format: Manifest::FORMAT.into(),
            version: 1,
            repo_id: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            facts: FactsRef {
                key: layout::facts(&source, &backup_id).to_string(),
                stored_bytes: 10,
                stored_sha256: Digest::of(b"f"),
                plain_bytes: 20,
            },
            source,
            seq,
            prev_sha256: prev.map(|p| p.1),
            prev_seq: prev.map(|p| p.0),
            backup_id,
            kind: Kind::Logical,
            label: None,
            started_at: now,
            finished_at: now,
            next_due: None,
            tool: Tool { name: "pgseal".into(), version: "0.1.0".into(), target: "x".into() },
            producer: std::collections::BTreeMap::new(),
            pg: Pg {
                version_num: PgVersion(150_020),
                system_identifier: "7423456789012345678".into(),
                timeline: 1,
                start_lsn: None,
                stop_lsn: None,
                in_recovery: false,
                data_checksums: true,
            },
            encryption: Encryption { scheme: "age-v1".into(), recipients: vec!["x25519:0123456789abcdef".into()] },
            compression: Compression { scheme: "zstd".into(), level: 3, window_log_max: 27 },
            part_bytes: 100,
            streams: vec![Stream {
                reference: "s01".into(),
                role: Role::Data,
                parts: 2,
                plain_bytes: 150,
                stored: vec![StoredPart(Digest::of(b"1"), 50), StoredPart(Digest::of(b"2"), 60)],
            }],
            counts: Counts { databases: 1, streams: 1, parts: 2 },
            x: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_good_manifest_round_trips() {
        let m = sample(1, None);
        let bytes = to_bytes(&m).unwrap();
        assert!(bytes.ends_with(b"}\n"));
        assert_eq!(from_bytes(&bytes, "k").unwrap(), m);
    }

    #[test]
    fn each_rule_fires() {
        type Break = fn(&mut Manifest);
        let cases: [(&str, Break); 18] = [
            ("seq", |m| m.seq = 0),
            ("slot 1", |m| (m.prev_sha256, m.prev_seq) = (Some(Digest::of(b"")), Some(1))),
            ("go together", |m| (m.seq, m.prev_seq) = (5, Some(4))),
            ("before seq", |m| (m.seq, m.prev_seq, m.prev_sha256) = (5, Some(5), Some(Digest::of(b"")))),
            ("encryption", |m| m.encryption.scheme = "none".into()),
            ("recipients", |m| m.encryption.recipients.clear()),
            ("compression", |m| m.compression.scheme = "lz4".into()),
            ("window", |m| m.compression.window_log_max = 31),
            ("part_bytes", |m| m.part_bytes = u64::MAX),
            ("no streams", |m| m.streams.clear()),
            ("ref", |m| m.streams[0].reference = "../x".into()),
            ("disagree", |m| m.streams[0].parts = 3),
            ("receipts", |m| m.streams[0].stored.truncate(1)),
            ("a part's size", |m| m.streams[0].stored[0].1 = 0),
            ("wrong place", |m| m.streams[0].stored.clear()),
            ("named without need", |m| drop(m.x.insert("parts_json".into(), 1.into()))),
            ("role", |m| m.kind = Kind::Physical),
            ("facts.key", |m| m.facts.key = "s/other/d/x/facts.zst.age".into()),
        ];
        for (expected, breaks) in cases {
            let mut m = sample(1, None);
            breaks(&mut m);
            let bytes = to_bytes(&m).unwrap();
            let e = from_bytes(&bytes, "k").unwrap_err();
            assert!(e.text().contains(expected), "{expected}: {e:?}");
            assert_eq!(e.code(), Code::Corrupt, "{expected}");
        }
    }

    #[test]
    fn hostile_documents_are_refused_within_bounds() {
        let good = String::from_utf8(to_bytes(&sample(1, None)).unwrap()).unwrap();
        let code = |text: &str| from_bytes(text.as_bytes(), "k").unwrap_err().code();
        assert_eq!(code(&"[".repeat(100_000)), Code::Limit);
        assert_eq!(code(&" ".repeat(5 << 20)), Code::Limit);
        assert_eq!(code(&good.replacen("\"seq\": 1,", "\"seq\": 1, \"seq\": 2,", 1)), Code::Corrupt);
        assert_eq!(code(&good.replacen("\"seq\": 1,", "\"seq\": 1e999,", 1)), Code::Corrupt);
        assert_eq!(code(&good.replacen("\"seq\": 1,", "\"seq\": 1, \"extra\": 2,", 1)), Code::Corrupt);
        assert_eq!(code(&good.replacen("\"version\": 1,", "\"version\": 2,", 1)), Code::Usage);
        assert_eq!(code(&format!("\u{feff}{good}")), Code::Corrupt);
        assert_eq!(code(&format!("{good}\n")), Code::Corrupt);
        assert_eq!(code(&good.replace('\n', "\r\n")), Code::Corrupt);
        assert_eq!(code(good.trim_end()), Code::Corrupt);
        assert_eq!(code(&good.replacen("\"x\": {}", "\"x\": {\"a\": 1, \"\\u0061\": 2}", 1)), Code::Corrupt);
        assert_eq!(code(&good.replacen("\"x\": {}", "\"x\": {\"a\": [{\"b\": 1, \"b\": 2}]}", 1)), Code::Corrupt);
        assert!(
            from_bytes(good.replacen("\"x\": {}", "\"x\": {\"a\": [{\"b\": 1, \"c\": 2}]}", 1).as_bytes(), "k").is_ok()
        );
        assert_eq!(code(&"[".repeat(5 << 20)), Code::Limit);
        assert_eq!(code(&good.replacen("shop", "shop\\ud800", 1)), Code::Corrupt);
        assert!(from_bytes(&good.as_bytes()[..good.len() / 2], "k").is_err());
    }
}
