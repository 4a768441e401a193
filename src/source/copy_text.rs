//! Rows, size and digest of a table's COPY text.

use crate::types::{Digest, Hasher};

/// What pg_dump writes after the rows.
const TRAILER: &[u8] = b"\\.\n\n\n";

/// Bytes gathered before they are counted and hashed: pg_dump writes a chunk per row.
const GATHER: usize = 64 * 1024;

/// The text of one table, without pg_dump's trailer.
///
/// In text format a line end within a value is written as `\n`, so lines are
/// rows (PostgreSQL manual, "COPY", "Text Format").
#[derive(Debug)]
pub(super) struct CopyText {
    gathered: Vec<u8>,
    rows: u64,
    bytes: u64,
    hasher: Hasher,
}

impl Default for CopyText {
    fn default() -> Self {
        Self { gathered: Vec::new(), rows: 0, bytes: 0, hasher: Hasher::new() }
    }
}

impl CopyText {
    /// Takes the next bytes of the data block.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHER {
            // The trailer may be in the last bytes, whole or in part.
            let sure = self.gathered.len() - TRAILER.len();
            self.count(sure);
            self.gathered.drain(..sure);
        }
    }

    fn count(&mut self, n: usize) {
        let sure = &self.gathered[..n];
        self.rows += memchr::memchr_iter(b'\n', sure).count() as u64;
        self.bytes += n as u64;
        self.hasher.update(sure);
    }

    /// Rows, bytes and digest; nothing where the trailer is missing.
    pub(super) fn finish(mut self) -> Option<(u64, u64, Digest)> {
        let n = self.gathered.strip_suffix(TRAILER)?.len();
        self.count(n);
        Some((self.rows, self.bytes, self.hasher.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_is_not_counted_however_it_is_cut() {
        let rows = b"1\ta\\nb\n2\t\\N\n".repeat(20_000);
        let whole = [rows.as_slice(), TRAILER].concat();
        for step in [1usize, 3, 5, 65_536, 65_539, whole.len()] {
            let mut text = CopyText::default();
            whole.chunks(step).for_each(|c| text.push(c));
            assert_eq!(text.finish().unwrap(), (40_000, rows.len() as u64, Digest::of(&rows)));
        }
        let mut empty = CopyText::default();
        empty.push(TRAILER);
        assert_eq!(empty.finish().unwrap(), (0, 0, Digest::of(b"")));
        let mut cut = CopyText::default();
        cut.push(b"1\n\\.\n\n");
        assert_eq!(cut.finish(), None);
    }
}
