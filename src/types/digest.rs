//! SHA-256 values: lower-case hexadecimal of fixed length wherever written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A SHA-256 value (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first 16 hexadecimal digits, for names that only need to be distinct.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..8])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if s.len() != 64 || !s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("a SHA-256 value is 64 lower-case hexadecimal digits".into());
        }
        let mut out = [0u8; 32];
        hex::decode_to_slice(s, &mut out).map_err(|e| e.to_string())?;
        Ok(Self(out))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Running SHA-256.
#[derive(Clone, Default)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// A fresh one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The value.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

/// Digest of a table's rows that does not depend on their order: the sum,
/// modulo 2^256, of the SHA-256 of every line of its COPY text without the
/// line end; written big-endian. No rows give zero.
///
/// Heap order is not stable: COPY into an existing table fills the gaps that
/// variable-width rows leave on earlier pages, so a restored table's text may
/// have the same lines in another order. A sum (unlike XOR) sees duplicates.
/// It answers "are these the same rows", not "did an attacker choose them": the
/// parts' own hashes are signed for that.
#[derive(Clone, Debug, Default)]
pub struct RowsHasher {
    sum: [u64; 4],
    rows: u64,
    line: Hasher,
    open: bool,
}

impl RowsHasher {
    /// A fresh one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes of COPY text, cut anywhere.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.line.update(&rest[..end]);
            self.end_line();
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            self.line.update(rest);
            self.open = true;
        }
    }

    fn end_line(&mut self) {
        let digest = std::mem::take(&mut self.line).finish();
        let mut carry = false;
        // Least significant word first.
        for (n, word) in digest.bytes().rchunks_exact(8).enumerate() {
            let word = word.iter().fold(0u64, |w, b| (w << 8) | u64::from(*b));
            let (a, over_a) = self.sum[n].overflowing_add(word);
            let (b, over_b) = a.overflowing_add(u64::from(carry));
            self.sum[n] = b;
            carry = over_a || over_b;
        }
        self.rows += 1;
        self.open = false;
    }

    /// Number of rows and their digest. Text after the last line end is a row too.
    pub fn finish(mut self) -> (u64, Digest) {
        if self.open {
            self.end_line();
        }
        let mut out = [0u8; 32];
        for (n, word) in self.sum.iter().enumerate() {
            out[24 - 8 * n..32 - 8 * n].copy_from_slice(&word.to_be_bytes());
        }
        (self.rows, Digest(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> (u64, Digest) {
        let mut h = RowsHasher::new();
        h.update(text);
        h.finish()
    }

    #[test]
    fn rows_are_summed_whatever_their_order_and_however_cut() {
        assert_eq!(rows(b""), (0, Digest([0; 32])));
        assert_eq!(rows(b"a\n"), (1, Digest::of(b"a")));
        assert_eq!(rows(b"a\nb\nb\n"), rows(b"b\na\nb\n"));
        for other in [&b"a\nb\n"[..], b"a\na\nb\n", b"a\nb\nc\n", b"ab\nb\n\n"] {
            assert_ne!(rows(b"a\nb\nb\n"), rows(other));
        }
        let text = b"one\n\nthree\nfour\n".repeat(50);
        for step in [1, 2, 7, 1000] {
            let mut h = RowsHasher::new();
            text.chunks(step).for_each(|c| h.update(c));
            assert_eq!(h.finish(), rows(&text));
        }
    }

    #[test]
    fn the_sum_carries_over_all_words() {
        // By hand with arbitrary-precision arithmetic: 3 * SHA-256("a") mod 2^256.
        let (n, sum) = rows(b"a\na\na\n");
        assert_eq!(n, 3);
        assert_eq!(sum.to_string(), "5fc683385e533960f046951ace6b94e8f694cfe83d74eb582c8166910fcada31");
    }

    #[test]
    fn matches_the_published_vector() {
        // FIPS 180-4 example "abc".
        assert_eq!(Digest::of(b"abc").to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn only_lower_case_of_full_length_is_read() {
        let d = Digest::of(b"abc").to_string();
        assert!(d.parse::<Digest>().is_ok());
        assert!(d.to_uppercase().parse::<Digest>().is_err());
        assert!(d[1..].parse::<Digest>().is_err());
        assert!(format!("{d}0").parse::<Digest>().is_err());
    }
}
