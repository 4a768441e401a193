//! What watches a stream as it passes: the tap.
//!
//! A tap sees every byte that is sealed, in order, and at the end either says
//! what the stream held or refuses it. So a dump that is empty, cut off or not
//! a dump at all is never called a backup, whatever the child's exit status.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::archive::ArchiveContents;
use super::facts::PhysicalFacts;
use crate::error::{Code, Error, Result, Stage};
use crate::types::Sample;

/// Rows that must be in the streams, by the number of their table.
pub type Samples = Arc<BTreeMap<u32, Sample>>;

/// Watches a stream.
pub trait Tap: Send {
    /// Takes the next bytes; any split is fine.
    ///
    /// # Errors
    /// Dump failed (21) as soon as the bytes cannot be what they should be.
    fn push(&mut self, bytes: &[u8]) -> Result<()>;

    /// Rows to look for as they pass; called before the first byte.
    fn look_for(&mut self, _: &Samples) {}

    /// The stream has ended.
    ///
    /// # Errors
    /// Dump failed (21) where it ended too early.
    fn finish(self: Box<Self>) -> Result<Tapped>;
}

impl fmt::Debug for dyn Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

/// What a stream held.
#[derive(Debug, Clone)]
pub enum Tapped {
    /// SQL text; nothing is read off it.
    Nothing,
    /// A pg_dump archive.
    Archive(ArchiveContents),
    /// A base backup.
    Base(PhysicalFacts),
}

/// The line pg_dumpall ends its output with.
const COMPLETE: &[u8] = b"-- PostgreSQL database cluster dump complete";

/// Bytes kept of the end: the line, `\unrestrict` with its key, and blank lines.
const KEPT: usize = 4096;

/// For `pg_dumpall --globals-only`: the output must end with pg_dumpall's own
/// closing line. Newer minors write `\unrestrict KEY` near it.
#[derive(Debug, Default)]
pub struct GlobalsTap {
    end: Vec<u8>,
}

impl Tap for GlobalsTap {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.end.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        self.end.drain(..self.end.len().saturating_sub(KEPT));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Tapped> {
        let refuse = |what: &str| Err(Error::new(Code::DumpFailed, Stage::Dump, what).on("pg_dumpall"));
        if self.end.is_empty() {
            return refuse("wrote nothing");
        }
        if self.end.split(|b| *b == b'\n').any(|line| line == COMPLETE) {
            Ok(Tapped::Nothing)
        } else {
            refuse("the output has no closing line: it is cut off")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globals(text: &[u8], step: usize) -> Result<Tapped> {
        let mut tap = Box::new(GlobalsTap::default());
        for part in text.chunks(step) {
            tap.push(part)?;
        }
        tap.finish()
    }

    #[test]
    fn globals_must_end_with_their_closing_line() {
        let good = b"--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE a;\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n";
        for step in [1, 7, 10_000] {
            assert!(globals(good, step).is_ok());
            assert!(globals(&[good.as_slice(), b"\\unrestrict abc\n\n"].concat(), step).is_ok());
            for bad in [&b""[..], &good[..good.len() - 20], b"-- PostgreSQL database cluster dump\n"] {
                assert_eq!(globals(bad, step).unwrap_err().code(), Code::DumpFailed);
            }
        }
    }
}
