//! `backup_label` and `backup_manifest` of a base backup.

use std::collections::VecDeque;

use serde::Deserialize;

use crate::error::{Code, Error, Result, Stage};
use crate::types::{Digest, Hasher, Lsn};

/// Bytes kept of the manifest's end; WAL ranges are a few hundred.
const TAIL: usize = 64 * 1024;

/// `"Manifest-Checksum": "` + 64 digits + `"}` and a line end.
const LAST_LINE: usize = 22 + 64 + 3;

/// What `backup_label` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    /// `START WAL LOCATION`.
    pub(super) start: Lsn,
    /// `START TIMELINE`.
    pub(super) timeline: u32,
}

/// Reads `START WAL LOCATION: 0/2000028 (file …)` and `START TIMELINE: 1`.
pub(super) fn parse_label(bytes: &[u8]) -> Option<Label> {
    let text = String::from_utf8_lossy(bytes);
    let value = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
    let start = value("START WAL LOCATION")?.split(' ').next()?.parse().ok()?;
    Some(Label { start, timeline: value("START TIMELINE")?.parse().ok()? })
}

/// Watches `backup_manifest` pass (PostgreSQL manual, "Backup Manifest Format").
#[derive(Debug, Default)]
pub(super) struct Manifest {
    whole: Hasher,
    all_but_last_line: Hasher,
    tail: VecDeque<u8>,
    hashed: u64,
    seen: u64,
}

/// What it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ManifestEnd {
    pub(super) sha256: Digest,
    pub(super) start: Lsn,
    pub(super) stop: Lsn,
    pub(super) timeline: u32,
}

#[derive(Debug, Deserialize)]
struct Range {
    #[serde(rename = "Timeline")]
    timeline: u32,
    #[serde(rename = "Start-LSN")]
    start: Lsn,
    #[serde(rename = "End-LSN")]
    stop: Lsn,
}

impl Manifest {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        self.seen += bytes.len() as u64;
        self.tail.extend(bytes);
        // What is surely not the last line goes into its checksum.
        let sure = self.seen.saturating_sub(LAST_LINE as u64);
        let fresh = (sure - self.hashed.min(sure)) as usize;
        let from = self.tail.len() - (self.seen - self.hashed).min(self.tail.len() as u64) as usize;
        let part: Vec<u8> = self.tail.range(from..from + fresh).copied().collect();
        self.all_but_last_line.update(&part);
        self.hashed += fresh as u64;
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
    }

    /// Checks its own checksum and reads the WAL ranges.
    pub(super) fn finish(mut self) -> Result<ManifestEnd> {
        let bad = |what: &str| Error::new(Code::DumpFailed, Stage::Basebackup, what).on("backup_manifest");
        let tail = String::from_utf8_lossy(self.tail.make_contiguous()).into_owned();
        let claimed = tail
            .rsplit_once("\"Manifest-Checksum\": \"")
            .and_then(|(_, rest)| rest.strip_suffix("\"}\n"))
            .and_then(|hex| hex.parse::<Digest>().ok())
            .ok_or_else(|| bad("it is cut off"))?;
        if claimed != self.all_but_last_line.finish() {
            return Err(bad("its checksum is wrong"));
        }
        let ranges = tail.rsplit_once("\"WAL-Ranges\":").map(|(_, rest)| rest).unwrap_or_default();
        let list: Vec<Range> = ranges
            .split_once(']')
            .and_then(|(list, _)| serde_json::from_str(&format!("{list}]")).ok())
            .ok_or_else(|| bad("its WAL ranges cannot be read"))?;
        let oldest = list.iter().min_by_key(|r| r.timeline).ok_or_else(|| bad("it has no WAL range"))?;
        let newest = list.iter().max_by_key(|r| r.timeline).unwrap_or(oldest);
        Ok(ManifestEnd {
            sha256: self.whole.finish(),
            start: oldest.start,
            stop: newest.stop,
            timeline: newest.timeline,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(files: usize) -> Vec<u8> {
        let mut text = String::from("{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n");
        text.extend((0..files).map(|n| format!("{{ \"Path\": \"base/1/{n}\", \"Size\": 8192 }},\n")));
        text.push_str("],\n\"WAL-Ranges\": [\n{ \"Timeline\": 1, \"Start-LSN\": \"0/2000028\", \"End-LSN\": \"0/2000100\" }\n],\n");
        let sum = Digest::of(text.as_bytes());
        format!("{text}\"Manifest-Checksum\": \"{sum}\"}}\n").into_bytes()
    }

    fn read(bytes: &[u8], step: usize) -> Result<ManifestEnd> {
        let mut m = Manifest::default();
        bytes.chunks(step).for_each(|c| m.push(c));
        m.finish()
    }

    #[test]
    fn the_label_is_read() {
        let text = b"START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000060\nSTART TIMELINE: 3\n";
        assert_eq!(parse_label(text).unwrap(), Label { start: Lsn(0x200_0028), timeline: 3 });
        assert_eq!(parse_label(b"START WAL LOCATION: nonsense\nSTART TIMELINE: 3\n"), None);
        assert_eq!(parse_label(b""), None);
    }

    #[test]
    fn the_manifest_is_checked_however_it_is_cut() {
        for files in [0, 3, 5000] {
            let bytes = manifest(files);
            for step in [1, 88, 89, 90, 4096, 1 << 20] {
                let end = read(&bytes, step).unwrap();
                assert_eq!((end.stop, end.timeline, end.sha256), (Lsn(0x200_0100), 1, Digest::of(&bytes)));
            }
        }
    }

    #[test]
    fn a_changed_or_short_manifest_is_refused() {
        let good = manifest(100);
        let mut changed = good.clone();
        changed[200] ^= 1;
        assert!(read(&changed, 77).unwrap_err().to_string().contains("checksum is wrong"));
        for n in [0, 10, good.len() - 1, good.len() - 50] {
            assert_eq!(read(&good[..n], 100).unwrap_err().code(), Code::DumpFailed, "{n}");
        }
    }
}
