//! Rows, size and digest of a table's COPY text.

use crate::types::{Digest, RowsHasher};

/// What pg_dump writes after the rows.
const TRAILER: &[u8] = b"\\.\n\n\n";

/// Bytes gathered before they are counted and hashed: pg_dump writes a chunk per row.
const GATHER: usize = 64 * 1024;

/// The text of one table, without pg_dump's trailer.
///
#[derive(Debug, Default)]
pub(super) struct CopyText {
    gathered: Vec<u8>,
    rows: RowsHasher,
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
        self.rows.update(&self.gathered[..n]);
    }

    /// Rows, bytes and digest; nothing where the trailer is missing.
    pub(super) fn finish(mut self) -> Option<(u64, u64, Digest)> {
        let n = self.gathered.strip_suffix(TRAILER)?.len();
        self.count(n);
        Some(self.rows.finish())
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
            let mut expected = RowsHasher::default();
            expected.update(&rows);
            assert_eq!(text.finish().unwrap(), expected.finish());
        }
        let mut empty = CopyText::default();
        empty.push(TRAILER);
        assert_eq!(empty.finish().unwrap(), RowsHasher::default().finish());
        let mut cut = CopyText::default();
        cut.push(b"1\n\\.\n\n");
        assert_eq!(cut.finish(), None);
    }
}
