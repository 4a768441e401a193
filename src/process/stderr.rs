//! What a child said last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::warned::{Scanner, Warnings};

/// Bytes of a child's stderr that are kept where nobody asks for more: its end.
pub(super) const KEPT: usize = 16 * 1024;

/// Characters of one line that a message repeats: a program may write a line without end.
const SHOWN: usize = 400;

/// The end of a child's stderr, by default at most 16 KiB, and what it warned of
/// before.
#[derive(Debug, Clone)]
pub struct Tail {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    warned: Arc<Mutex<Scanner>>,
    limit: usize,
}

impl Default for Tail {
    fn default() -> Self {
        Self::of(KEPT)
    }
}

impl Tail {
    /// Keeps the last `limit` bytes.
    pub(super) fn of(limit: usize) -> Self {
        Self { bytes: Arc::default(), warned: Arc::default(), limit }
    }

    /// Reads until the end, keeping the last bytes. Read errors end it.
    pub(super) async fn drain(self, mut from: impl AsyncRead + Unpin) {
        let mut buffer = vec![0u8; 8 * 1024];
        while let Ok(n) = from.read(&mut buffer).await {
            if n == 0 {
                break;
            }
            self.warned.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..n]);
            let mut kept = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(&buffer[..n]);
            let excess = kept.len().saturating_sub(self.limit);
            kept.drain(..excess);
        }
    }

    /// The whole tail as text.
    pub fn text(&self) -> String {
        let kept = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let (a, b) = kept.as_slices();
        String::from_utf8_lossy(&[a, b].concat()).into_owned()
    }

    /// What it warned of so far, also where that is not in the tail any more.
    pub fn warnings(&self) -> Warnings {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).warnings()
    }

    /// The last `n` lines that are not empty, joined with " | ", for an error message;
    /// of a long one its end.
    pub fn last_lines(&self, n: usize) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let shorter = |line: &str| match line.char_indices().rev().nth(SHOWN) {
            Some((at, c)) => format!("…{}", &line[at + c.len_utf8()..]),
            None => line.to_owned(),
        };
        lines[lines.len().saturating_sub(n)..].iter().map(|l| shorter(l)).collect::<Vec<_>>().join(" | ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_is_drained_and_only_its_end_is_kept() {
        let tail = Tail::default();
        let flood = [vec![b'x'; 5_000_000], b"\nthe end\n\n".to_vec()].concat();
        tail.clone().drain(&flood[..]).await;
        assert!(tail.text().len() <= KEPT);
        assert_eq!(tail.last_lines(1), "the end");
        assert_eq!(tail.last_lines(2), format!("…{} | the end", "x".repeat(SHOWN)));
    }
}
