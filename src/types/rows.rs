//! A digest of a table's rows that does not depend on their order.
//!
//! A restored table need not have its rows where the source had them: COPY
//! fills pages by the free space map, and a wide row may land before a narrow
//! one. So every row is hashed by itself and the hashes are added.

use std::collections::BTreeMap;

use super::{Digest, Hasher};

/// Some rows of a table: the SHA-256 of each, and how often it is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    wanted: BTreeMap<Digest, u64>,
    rows: u64,
}

impl Sample {
    /// How many rows were sampled.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// How many of them were not seen yet.
    pub fn missing(&self) -> u64 {
        self.wanted.values().sum()
    }

    fn add(&mut self, row: Digest) {
        self.rows += 1;
        *self.wanted.entry(row).or_default() += 1;
    }

    fn seen(&mut self, row: &Digest) {
        if let Some(left) = self.wanted.get_mut(row) {
            *left -= 1;
            if *left == 0 {
                self.wanted.remove(row);
            }
        }
    }
}

/// What is done with each row's hash beside summing it.
#[derive(Debug, Clone, Default)]
enum Watch {
    #[default]
    Nothing,
    Collect(Sample),
    Find(Sample),
}

/// Rows, bytes and digest of COPY text, taken in pieces of any size.
///
/// The digest is the sum, modulo 2^256, of the SHA-256 values of all rows read
/// as big-endian integers (the "AdHash" of Bellare and Micciancio, EUROCRYPT
/// 1997). A row is one line without its line end: in COPY text a line end
/// within a value is written as `\n` (PostgreSQL manual, "COPY"). Sums of 256
/// bits find accidents, not adversaries; against those stand the signed hashes
/// of the stored bytes.
#[derive(Debug, Clone, Default)]
pub struct RowsHasher {
    rows: u64,
    bytes: u64,
    /// Least significant word first.
    sum: [u64; 4],
    /// A row that began in an earlier piece.
    begun: Option<Hasher>,
    watch: Watch,
}

impl RowsHasher {
    /// Makes a sample of all rows it is given.
    pub fn collecting() -> Self {
        Self { watch: Watch::Collect(Sample::default()), ..Self::default() }
    }

    /// Looks for the rows of `sample`.
    pub fn finding(sample: Sample) -> Self {
        Self { watch: Watch::Find(sample), ..Self::default() }
    }

    /// Takes the next piece.
    pub fn update(&mut self, mut piece: &[u8]) {
        self.bytes += piece.len() as u64;
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (row, rest) = piece.split_at(end);
            let digest = match self.begun.take() {
                None => Digest::of(row),
                Some(mut hasher) => {
                    hasher.update(row);
                    hasher.finish()
                }
            };
            self.add(&digest);
            piece = &rest[1..];
        }
        if !piece.is_empty() {
            self.begun.get_or_insert_default().update(piece);
        }
    }

    /// Rows, bytes and digest. A last row without its line end counts.
    pub fn finish(self) -> (u64, u64, Digest) {
        self.finish_with_sample().0
    }

    /// The same, with the sample that was collected or looked for.
    pub fn finish_with_sample(mut self) -> ((u64, u64, Digest), Option<Sample>) {
        if let Some(hasher) = self.begun.take() {
            self.add(&hasher.finish());
        }
        let mut out = [0u8; 32];
        for (chunk, word) in out.chunks_exact_mut(8).zip(self.sum.iter().rev()) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        let sample = match self.watch {
            Watch::Nothing => None,
            Watch::Collect(sample) | Watch::Find(sample) => Some(sample),
        };
        ((self.rows, self.bytes, Digest::from_bytes(out)), sample)
    }

    /// Takes the rows that another one has finished with; their bytes are not known.
    pub fn merge(&mut self, (rows, digest): (u64, Digest)) {
        self.rows += rows;
        self.sum(&digest);
    }

    fn sum(&mut self, digest: &Digest) {
        let mut carry = false;
        for (word, chunk) in self.sum.iter_mut().zip(digest.bytes().rchunks_exact(8)) {
            let mut be = [0u8; 8];
            be.copy_from_slice(chunk);
            let (a, over) = word.overflowing_add(u64::from_be_bytes(be));
            let (b, again) = a.overflowing_add(u64::from(carry));
            (*word, carry) = (b, over || again);
        }
    }

    fn add(&mut self, digest: &Digest) {
        self.rows += 1;
        match &mut self.watch {
            Watch::Nothing => (),
            Watch::Collect(sample) => sample.add(*digest),
            Watch::Find(sample) => sample.seen(digest),
        }
        self.sum(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> (u64, u64, Digest) {
        let mut h = RowsHasher::default();
        h.update(text.as_bytes());
        h.finish()
    }

    #[test]
    fn one_row_is_its_sha256_and_none_is_zero() {
        assert_eq!(whole("abc\n"), (1, 4, Digest::of(b"abc")));
        assert_eq!(whole("abc"), (1, 3, Digest::of(b"abc")));
        assert_eq!(whole(""), (0, 0, Digest::from_bytes([0; 32])));
        assert_eq!(whole("\n").2, Digest::of(b""));
    }

    #[test]
    fn order_does_not_matter_but_every_row_does() {
        let a = whole("1\tx\n2\ty\n2\ty\n");
        assert_eq!(a, whole("2\ty\n1\tx\n2\ty\n"));
        for other in ["1\tx\n2\ty\n", "1\tx\n2\ty\n1\tx\n", "1\tx\n2\tz\n2\ty\n", "1\tx2\ty\n\n2\ty\n"] {
            assert_ne!(a.2, whole(other).2, "{other:?}");
        }
    }

    #[test]
    fn parts_of_a_table_sum_to_the_whole() {
        let mut sum = RowsHasher::default();
        for part in ["1\tx\n2\ty\n", "", "3\tz\n"] {
            let (rows, _, digest) = whole(part);
            sum.merge((rows, digest));
        }
        let (rows, _, digest) = sum.finish();
        let all = whole("3\tz\n1\tx\n2\ty\n");
        assert_eq!((rows, digest), (all.0, all.2));
    }

    #[test]
    fn a_sample_is_found_among_the_rows_as_often_as_it_is_in_it() {
        let mut sampler = RowsHasher::collecting();
        sampler.update(b"b\na\na\n");
        let sample = sampler.finish_with_sample().1.unwrap();
        assert_eq!((sample.rows(), sample.missing()), (3, 3));
        for (text, missing) in [("a\nb\nc\na\n", 0), ("a\nb\n", 1), ("", 3), ("a\na\na\n", 1), ("ab\na\n", 2)] {
            let mut h = RowsHasher::finding(sample.clone());
            h.update(text.as_bytes());
            let (sum, left) = h.finish_with_sample();
            assert_eq!((sum, left.unwrap().missing()), (whole(text), missing), "{text:?}");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same() {
        let text = "some\trow\n\nanother row\n".repeat(500);
        let expected = whole(&text);
        for step in [1, 2, 3, 7, 64, 1000] {
            let mut h = RowsHasher::default();
            text.as_bytes().chunks(step).for_each(|c| h.update(c));
            assert_eq!(h.finish(), expected, "{step}");
        }
    }

    /// By hand with arbitrary-precision arithmetic: 3 × SHA-256("a") mod 2^256.
    #[test]
    fn the_sum_is_arithmetic() {
        let (n, _, sum) = whole("a\na\na\n");
        assert_eq!(n, 3);
        assert_eq!(sum.to_string(), "5fc683385e533960f046951ace6b94e8f694cfe83d74eb582c8166910fcada31");
    }

    /// The sum of 2^16 equal rows is the row's hash shifted left by 16 bits.
    #[test]
    fn the_sum_carries_through_all_words() {
        let (_, _, d) = whole(&"row\n".repeat(1 << 16));
        let one = Digest::of(b"row");
        assert_eq!(d.bytes()[..30], one.bytes()[2..]);
        assert_eq!(d.bytes()[30..], [0, 0]);
    }
}
