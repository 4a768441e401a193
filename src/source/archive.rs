//! Reads pg_dump's uncompressed custom format as it passes.
//!
//! The format (PostgreSQL source, `pg_backup_archiver.c` and `pg_backup_custom.c`):
//! magic and version, creation date and names, a table of contents, then data
//! blocks in any order, each with the number of its entry. Versions 1.14
//! (PostgreSQL 13 to 15), 1.15 (16) and 1.16 (17 and 18). To a pipe, offsets in the
//! table of contents are unset and the file simply ends after the last block:
//! that it is complete shows only by comparing blocks with entries, which is
//! done here.

use std::collections::BTreeMap;

use super::archive_input::{Input, Item, cut_off, damaged};
use super::archive_toc::{Entry, EntryReader, Kept};
use super::copy_text::CopyText;
use super::facts::{ObjectName, SequenceFacts, TableFacts};
use super::large_objects::ContentHasher;
use super::tap::{Samples, Tap, Tapped};
use crate::error::{Code, Error, Result, Stage};
use crate::types::{Digest, Sample};

/// What an archive holds.
#[derive(Debug, Clone, Default)]
pub struct ArchiveContents {
    /// Minor of the format version: 14, 15 or 16.
    pub format_minor: u8,
    /// The server's version text.
    pub server_version: String,
    /// Tables with their rows, in the order of the stream.
    pub tables: Vec<ArchivedTable>,
    /// Sequence values, as the restore will set them.
    pub sequences: Vec<SequenceFacts>,
    /// Number of large objects with data.
    pub large_objects: u64,
    /// Digest of their content.
    pub large_object_digest: Option<Digest>,
    /// Their bytes.
    pub large_object_bytes: u64,
    /// Entries in the table of contents.
    pub entries: u64,
}

/// A table of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedTable {
    /// `pg_class.oid` in the source.
    pub oid: u32,
    /// Name, columns, rows, bytes and digest.
    pub facts: TableFacts,
    /// The sample that was looked for among the rows, less what was found of it.
    pub sample: Option<Sample>,
}

/// Most entries of a table of contents; PostgreSQL itself is not usable long before.
const MAX_ENTRIES: i64 = 50_000_000;

/// Most bytes that names and statements of one archive may take in memory.
const MAX_KEPT: u64 = 1 << 30;

#[derive(Debug)]
enum State {
    Magic,
    Compression,
    Head { item: usize },
    TocCount,
    Toc { left: i64, entry: Box<EntryReader> },
    BlockType,
    BlockId { blobs: bool },
    TableChunk { id: i64, text: Box<CopyText> },
    TableBytes { id: i64, text: Box<CopyText>, left: usize },
    BlobId,
    BlobChunk,
    BlobBytes { left: usize },
}

/// The tap for `pg_dump -Fc -Z0`.
#[derive(Debug)]
pub struct ArchiveTap {
    input: Input,
    state: Option<State>,
    waiting: BTreeMap<i64, Kept>,
    kept_bytes: u64,
    blobs: ContentHasher,
    samples: Samples,
    out: ArchiveContents,
}

impl Default for ArchiveTap {
    fn default() -> Self {
        Self::new()
    }
}

impl ArchiveTap {
    /// A fresh one.
    pub fn new() -> Self {
        Self {
            input: Input::default(),
            state: Some(State::Magic),
            waiting: BTreeMap::new(),
            kept_bytes: 0,
            blobs: ContentHasher::default(),
            samples: Samples::default(),
            out: ArchiveContents::default(),
        }
    }

    /// Takes one step. The flag is false where more bytes are needed first.
    fn step(&mut self, state: State, bytes: &mut &[u8]) -> Result<(State, bool)> {
        macro_rules! need {
            ($item:expr, $back:expr) => {
                match self.input.next(bytes, $item)? {
                    Some(value) => value,
                    None => return Ok(($back, false)),
                }
            };
        }
        let next = match state {
            State::Magic => {
                let Some(head) = self.input.fixed(bytes, 11) else { return Ok((State::Magic, false)) };
                self.check_magic(&head)?;
                State::Compression
            }
            State::Compression => {
                let item = if self.out.format_minor >= 15 { Item::Byte } else { Item::Int };
                if need!(item, State::Compression).int() != 0 {
                    return Err(damaged("the archive is compressed"));
                }
                State::Head { item: 0 }
            }
            State::Head { item } => {
                // Seven numbers of the creation date, then database, server version, pg_dump version.
                let wanted = if item < 7 { Item::Int } else { Item::Text { keep: item == 8 } };
                let value = need!(wanted, State::Head { item });
                if item == 8 {
                    self.out.server_version = value.text();
                }
                if item == 9 { State::TocCount } else { State::Head { item: item + 1 } }
            }
            State::TocCount => {
                let count = need!(Item::Int, State::TocCount).int();
                if !(0..=MAX_ENTRIES).contains(&count) {
                    return Err(damaged("the table of contents has an impossible length"));
                }
                self.out.entries = count.unsigned_abs();
                self.toc_or_blocks(count)
            }
            State::Toc { left, mut entry } => {
                let wanted = entry.wants();
                let value = need!(wanted, State::Toc { left, entry });
                match entry.take(value)? {
                    None => State::Toc { left, entry },
                    Some(done) => {
                        self.keep(done)?;
                        self.toc_or_blocks(left - 1)
                    }
                }
            }
            State::BlockType => match need!(Item::Byte, State::BlockType).int() {
                1 => State::BlockId { blobs: false },
                3 => State::BlockId { blobs: true },
                _ => return Err(damaged("a data block has an unknown type")),
            },
            State::BlockId { blobs } => {
                let id = need!(Item::Int, State::BlockId { blobs }).int();
                match (blobs, self.waiting.remove(&id)) {
                    (true, Some(Kept::Blobs)) => State::BlobId,
                    (false, Some(kept @ Kept::Table { .. })) => {
                        let text = Box::new(self.text_of(&kept));
                        self.waiting.insert(id, kept);
                        State::TableChunk { id, text }
                    }
                    _ => return Err(damaged("a data block belongs to no entry, or is there twice")),
                }
            }
            State::TableChunk { id, text } => match need!(Item::Int, State::TableChunk { id, text }).length()? {
                0 => {
                    self.table_done(id, *text)?;
                    State::BlockType
                }
                left => State::TableBytes { id, text, left },
            },
            State::TableBytes { id, mut text, left } => {
                let (now, rest) = bytes.split_at(left.min(bytes.len()));
                text.push(now);
                *bytes = rest;
                match left - now.len() {
                    0 => State::TableChunk { id, text },
                    left => return Ok((State::TableBytes { id, text, left }, false)),
                }
            }
            State::BlobId => {
                // A number of 32 bits without sign, written as if it had one.
                match need!(Item::Int, State::BlobId).int() as u32 {
                    0 => State::BlockType,
                    oid => {
                        self.blobs.begin(oid);
                        State::BlobChunk
                    }
                }
            }
            State::BlobChunk => match need!(Item::Int, State::BlobChunk).length()? {
                0 => State::BlobId,
                left => State::BlobBytes { left },
            },
            State::BlobBytes { left } => {
                let (now, rest) = bytes.split_at(left.min(bytes.len()));
                self.blobs.update(now);
                *bytes = rest;
                self.out.large_object_bytes += now.len() as u64;
                match left - now.len() {
                    0 => State::BlobChunk,
                    left => return Ok((State::BlobBytes { left }, false)),
                }
            }
        };
        Ok((next, true))
    }

    fn check_magic(&mut self, head: &[u8]) -> Result<()> {
        if &head[..5] != b"PGDMP" {
            return Err(damaged("the stream is not a pg_dump archive"));
        }
        let (major, minor) = (head[5], head[6]);
        if major != 1 || !(14..=16).contains(&minor) {
            return Err(damaged(&format!("archive format {major}.{minor} is not known")));
        }
        // Sizes of an integer and of an offset; format 1 is "custom".
        if head[8..11] != [4, 8, 1] {
            return Err(damaged("the archive is not of the custom format"));
        }
        self.out.format_minor = minor;
        Ok(())
    }

    fn toc_or_blocks(&self, left: i64) -> State {
        if left == 0 {
            State::BlockType
        } else {
            State::Toc { left, entry: Box::new(EntryReader::new(self.out.format_minor)) }
        }
    }

    fn keep(&mut self, entry: Entry) -> Result<()> {
        self.kept_bytes += entry.bytes;
        if self.kept_bytes > MAX_KEPT {
            return Err(Error::new(Code::Limit, Stage::Dump, "the table of contents is too large").on("pg_dump"));
        }
        if let Some(sequence) = entry.sequence {
            self.out.sequences.push(sequence);
        }
        if let Some(kept) = entry.data
            && self.waiting.insert(entry.id, kept).is_some()
        {
            return Err(damaged("two entries have the same number"));
        }
        Ok(())
    }

    fn table_done(&mut self, id: i64, text: CopyText) -> Result<()> {
        let Some(Kept::Table { oid, name, columns }) = self.waiting.remove(&id) else {
            return Err(damaged("a data block belongs to no table"));
        };
        let text = text.finish().ok_or_else(|| damaged("a table's rows have no end mark").on(name.quoted()))?;
        let (rows, bytes, digest) = (Some(text.rows), Some(text.bytes), Some(text.digest));
        let facts = TableFacts { name, columns, rows, bytes, digest, counted: None, loaded_through: None };
        self.out.tables.push(ArchivedTable { oid, facts, sample: text.sample });
        Ok(())
    }

    fn text_of(&self, kept: &Kept) -> CopyText {
        let sample = match kept {
            Kept::Table { oid, .. } => self.samples.get(oid),
            Kept::Blobs => None,
        };
        sample.map_or_else(CopyText::default, |s| CopyText::finding(s.clone()))
    }

    /// What the whole stream held.
    fn contents(mut self) -> Result<ArchiveContents> {
        if !matches!(self.state, Some(State::BlockType)) || !self.input.is_empty() {
            return Err(cut_off());
        }
        match self.waiting.values().next() {
            None => {
                let (number, digest) = self.blobs.finish();
                (self.out.large_objects, self.out.large_object_digest) = (number, (number > 0).then_some(digest));
                Ok(self.out)
            }
            Some(Kept::Table { name, .. }) => Err(damaged("the archive ends before a table's rows").on(name.quoted())),
            Some(Kept::Blobs) => Err(damaged("the archive ends before its large objects")),
        }
    }
}

impl Tap for ArchiveTap {
    fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        loop {
            // Gone after an error: whoever pushes on after one gets it again.
            let state = self.state.take().ok_or_else(|| damaged("the archive was already refused"))?;
            let (next, go_on) = self.step(state, &mut bytes)?;
            self.state = Some(next);
            if !go_on {
                return Ok(());
            }
        }
    }

    fn look_for(&mut self, samples: &Samples) {
        self.samples = samples.clone();
    }

    fn finish(self: Box<Self>) -> Result<Tapped> {
        self.contents().map(Tapped::Archive)
    }
}

impl ArchiveContents {
    /// Names of the tables.
    pub fn table_names(&self) -> impl Iterator<Item = &ObjectName> {
        self.tables.iter().map(|t| &t.facts.name)
    }
}
