//! Rows, size and digest of a table's COPY text.

use std::pin::pin;

use futures_util::StreamExt as _;
use tokio_postgres::Client;

use super::facts::ObjectName;
use crate::types::text::{quote_ident, quote_literal};
use crate::types::{Digest, RowsHasher, Sample};

/// What pg_dump writes after the rows.
const TRAILER: &[u8] = b"\\.\n\n\n";

/// Bytes gathered before they are counted and hashed: pg_dump writes a chunk per row.
const GATHER: usize = 64 * 1024;

/// `COPY relation (columns) TO STDOUT`, which plans nothing and so runs no code of the
/// relation's owner; refused for views. `encoding` is the one of the text.
pub fn of_relation(name: &ObjectName, columns: &[String], encoding: &str) -> String {
    let columns: Vec<String> = columns.iter().map(|c| quote_ident(c)).collect();
    // A table without columns has rows, too.
    let list = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    format!("COPY {}{list} TO STDOUT WITH (ENCODING {})", name.quoted(), quote_literal(encoding))
}

/// Number of rows that a `COPY … TO STDOUT` gives: a line end within a value is written
/// as `\n` in two characters.
///
/// # Errors
/// The server's.
pub async fn count(client: &Client, copy: &str) -> std::result::Result<u64, tokio_postgres::Error> {
    let mut stream = pin!(client.copy_out(copy).await?);
    let mut rows = 0;
    while let Some(piece) = stream.next().await {
        rows += memchr::memchr_iter(b'\n', &piece?).count() as u64;
    }
    Ok(rows)
}

/// Takes what a `COPY … TO STDOUT` gives into `rows`.
///
/// # Errors
/// The server's.
pub async fn read(
    client: &Client,
    copy: &str,
    mut rows: RowsHasher,
) -> std::result::Result<RowsHasher, tokio_postgres::Error> {
    let mut stream = pin!(client.copy_out(copy).await?);
    while let Some(piece) = stream.next().await {
        rows.update(&piece?);
    }
    Ok(rows)
}

/// The text of one table, without pg_dump's trailer.
///
#[derive(Debug, Default)]
pub(super) struct CopyText {
    gathered: Vec<u8>,
    rows: RowsHasher,
}

/// What a table's text came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) digest: Digest,
    /// The sample that was looked for, less what was found of it.
    pub(super) sample: Option<Sample>,
}

impl CopyText {
    /// One that looks for the rows of `sample`.
    pub(super) fn finding(sample: Sample) -> Self {
        Self { rows: RowsHasher::finding(sample), ..Self::default() }
    }

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

    /// What it came to; nothing where the trailer is missing.
    pub(super) fn finish(mut self) -> Option<Copied> {
        let n = self.gathered.strip_suffix(TRAILER)?.len();
        self.count(n);
        let ((rows, bytes, digest), sample) = self.rows.finish_with_sample();
        Some(Copied { rows, bytes, digest, sample })
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
            let found = text.finish().unwrap();
            assert_eq!((found.rows, found.bytes, found.digest), expected.finish());
        }
        let mut empty = CopyText::default();
        empty.push(TRAILER);
        let found = empty.finish().unwrap();
        assert_eq!((found.rows, found.bytes, found.digest), RowsHasher::default().finish());
        let mut cut = CopyText::default();
        cut.push(b"1\n\\.\n\n");
        assert_eq!(cut.finish(), None);
    }
}
