//! Reads pg_basebackup's tar as it passes.
//!
//! The stream is a ustar archive (POSIX.1-1988): the data directory, the WAL
//! that `-X fetch` adds, and `backup_manifest` as last member. What must be
//! there to recover is looked for: `PG_VERSION`, `backup_label`, the control
//! file, a manifest whose own checksum holds, and every WAL segment from the
//! start to the end of the backup.

use std::collections::BTreeSet;

use super::backup_files::{Label, Manifest, parse_label};
use super::facts::{CONFIGURED_BY, PhysicalFacts};
use super::tap::{Tap, Tapped};
use crate::error::{Code, Error, Result, Stage};

const BLOCK: usize = 512;

/// `backup_label` is below 1 KiB but for its label text, which pgseal does not set.
const MAX_LABEL: u64 = 64 * 1024;

/// The tap for `pg_basebackup -Ft -D -`.
#[derive(Debug, Default)]
pub struct BaseTap {
    header: Vec<u8>,
    state: State,
    files: u64,
    bytes: u64,
    label: Vec<u8>,
    manifest: Option<Manifest>,
    version: Vec<u8>,
    control: bool,
    wal: BTreeSet<String>,
    segment_bytes: u64,
    configured_by: BTreeSet<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Header,
    /// Content of a member, then its padding.
    Content { left: u64, padding: u64, kind: Kind },
    /// One zero block was seen.
    Ending,
    /// Both were.
    Ended,
}

/// Members that are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    Label,
    Manifest,
    Version,
}

fn damaged(what: impl Into<String>) -> Error {
    Error::new(Code::DumpFailed, Stage::Basebackup, what).on("pg_basebackup")
}

impl BaseTap {
    fn header(&mut self) -> Result<()> {
        let h = std::mem::take(&mut self.header);
        let zero = h.iter().all(|b| *b == 0);
        match (self.state, zero) {
            (State::Header, true) => self.state = State::Ending,
            (_, true) => self.state = State::Ended,
            (State::Header, false) => self.member(&h)?,
            (_, false) => return Err(damaged("the tar goes on after its end mark")),
        }
        Ok(())
    }

    fn member(&mut self, h: &[u8]) -> Result<()> {
        if &h[257..262] != b"ustar" || octal(&h[148..156]) != Some(checksum(h)) {
            return Err(damaged("the stream is not a tar archive"));
        }
        let size = octal(&h[124..136]).ok_or_else(|| damaged("a member of the tar has no size"))?;
        let name = member_name(h)?;
        let plain = matches!(h[156], b'0' | 0);
        if !plain {
            if !matches!(h[156], b'1'..=b'6') || size != 0 {
                return Err(damaged(format!("a member of an unknown type: {name}")));
            }
            return Ok(());
        }
        self.files += 1;
        self.bytes = self.bytes.checked_add(size).ok_or_else(|| damaged("sizes in the tar overflow"))?;
        let kind = self.classify(&name, size)?;
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        if size > 0 {
            self.state = State::Content { left: size, padding, kind };
        }
        Ok(())
    }

    fn classify(&mut self, name: &str, size: u64) -> Result<Kind> {
        Ok(match name {
            "backup_label" if self.label.is_empty() && size <= MAX_LABEL => Kind::Label,
            "backup_label" => return Err(damaged("backup_label is there twice or too long")),
            "backup_manifest" if self.manifest.is_none() => {
                self.manifest = Some(Manifest::default());
                Kind::Manifest
            }
            "backup_manifest" => return Err(damaged("backup_manifest is there twice")),
            "PG_VERSION" if size <= 16 => Kind::Version,
            "global/pg_control" => {
                self.control = size > 0;
                Kind::Other
            }
            _ if CONFIGURED_BY.contains(&name) => {
                self.configured_by.insert(name.to_owned());
                Kind::Other
            }
            _ => {
                if let Some(segment) = name.strip_prefix("pg_wal/").filter(|s| is_segment(s)) {
                    if size < 1024 * 1024 || !size.is_power_of_two() {
                        return Err(damaged(format!("WAL segment {segment} is not whole")));
                    }
                    self.segment_bytes = size;
                    self.wal.insert(segment.to_owned());
                }
                Kind::Other
            }
        })
    }

    fn content(&mut self, kind: Kind, bytes: &[u8]) {
        match kind {
            Kind::Other => (),
            Kind::Label => self.label.extend_from_slice(bytes),
            Kind::Version => self.version.extend_from_slice(bytes),
            Kind::Manifest => {
                if let Some(manifest) = &mut self.manifest {
                    manifest.push(bytes);
                }
            }
        }
    }

    fn facts(mut self) -> Result<PhysicalFacts> {
        if !(self.state == State::Ended && self.header.is_empty() || self.is_short_by_padding()) {
            return Err(damaged("the tar is cut off").hint("See what pg_basebackup said, and the server's log."));
        }
        if self.version.is_empty() || !self.control {
            return Err(damaged("PG_VERSION or pg_control is not in the tar"));
        }
        let Label { start, .. } = parse_label(&self.label).ok_or_else(|| damaged("there is no usable backup_label"))?;
        let manifest = self.manifest.take().ok_or_else(|| damaged("there is no backup_manifest"))?.finish()?;
        if manifest.start > start || manifest.stop < start {
            return Err(damaged("backup_label and backup_manifest do not agree on the WAL that is needed"));
        }
        self.wal_is_whole(start.0, manifest.stop.0)?;
        Ok(PhysicalFacts {
            backup_manifest_sha256: manifest.sha256,
            start_lsn: start,
            stop_lsn: manifest.stop,
            timeline: manifest.timeline,
            files: self.files,
            bytes: self.bytes,
            configured_by: Some(self.configured_by),
            steady: None,
        })
    }

    /// pg_basebackup 13 and 14 forget the padding of `backup_manifest`, their last
    /// member, so that a part of the end mark stands in for it. Nothing is lost by
    /// that: the manifest's own checksum is looked at.
    fn is_short_by_padding(&self) -> bool {
        let old = matches!(self.version.trim_ascii_end(), b"13" | b"14");
        old && self.state == State::Ending && self.header.iter().all(|b| *b == 0)
    }

    /// Every segment from start to stop is there, on whatever timeline.
    fn wal_is_whole(&self, start: u64, stop: u64) -> Result<()> {
        if self.segment_bytes == 0 {
            return Err(damaged("there is no WAL in the tar"));
        }
        let per_id = (1u64 << 32) / self.segment_bytes;
        let last = stop.saturating_sub(1).max(start) / self.segment_bytes;
        for number in start / self.segment_bytes..=last {
            let tail = format!("{:08X}{:08X}", number / per_id, number % per_id);
            if !self.wal.iter().any(|s| s.ends_with(&tail)) {
                return Err(damaged(format!("WAL segment {tail} is missing in the tar"))
                    .hint("The server removed WAL while the backup ran; raise wal_keep_size, or see the slot."));
            }
        }
        Ok(())
    }
}

impl Tap for BaseTap {
    fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.state {
                State::Ended => {
                    // Padding to a full record is zeros.
                    if bytes.iter().any(|b| *b != 0) {
                        return Err(damaged("the tar goes on after its end mark"));
                    }
                    return Ok(());
                }
                State::Header | State::Ending => {
                    let now = (BLOCK - self.header.len()).min(bytes.len());
                    self.header.extend_from_slice(&bytes[..now]);
                    bytes = &bytes[now..];
                    if self.header.len() == BLOCK {
                        self.header()?;
                    }
                }
                State::Content { left: 0, padding, .. } => {
                    let now = padding.min(bytes.len() as u64);
                    bytes = &bytes[now as usize..];
                    self.state = match padding - now {
                        0 => State::Header,
                        padding => State::Content { left: 0, padding, kind: Kind::Other },
                    };
                }
                State::Content { left, padding, kind } => {
                    let now = left.min(bytes.len() as u64);
                    let (here, rest) = bytes.split_at(now as usize);
                    self.content(kind, here);
                    bytes = rest;
                    self.state = match (left - now, padding) {
                        (0, 0) => State::Header,
                        (left, padding) => State::Content { left, padding, kind },
                    };
                }
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Tapped> {
        self.facts().map(Tapped::Base)
    }
}

/// `000000010000000000000002`: 24 upper-case hexadecimal digits.
fn is_segment(name: &str) -> bool {
    name.len() == 24 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
}

/// Name with its prefix, `./` removed.
fn member_name(h: &[u8]) -> Result<String> {
    let text = |b: &[u8]| {
        let end = memchr::memchr(0, b).unwrap_or(b.len());
        String::from_utf8_lossy(&b[..end]).into_owned()
    };
    let (name, prefix) = (text(&h[..100]), text(&h[345..500]));
    let whole = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
    let whole = whole.strip_prefix("./").unwrap_or(&whole).to_owned();
    if whole.starts_with('/') || whole.split('/').any(|p| p == "..") {
        return Err(damaged(format!("a member of the tar points outside: {whole}")));
    }
    Ok(whole)
}

/// Octal digits, or GNU's base 256 for sizes of 8 GiB and more.
fn octal(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        if high[0] != 0x80 || high[1..].iter().any(|b| *b != 0) {
            return None;
        }
        return low.try_into().ok().map(u64::from_be_bytes);
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    u64::from_str_radix(text, 8).ok()
}

/// Sum of the header's bytes with its own field as blanks.
fn checksum(h: &[u8]) -> u64 {
    h.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u64::from(*b) }).sum()
}
