//! Numbers and texts of an archive, whatever way the stream is cut.

use crate::error::{Code, Error, Result, Stage};

/// Longest text that is kept (a COPY statement with 1600 quoted names is far smaller).
const MAX_TEXT: usize = 16 * 1024 * 1024;

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// One byte.
    Byte,
    /// A sign byte and four bytes, least first.
    Int,
    /// A flag byte and eight bytes.
    Offset,
    /// A length and as many bytes; -1 is NULL.
    Text {
        /// Whether the bytes are wanted.
        keep: bool,
    },
}

/// What was read.
#[derive(Debug)]
pub(super) enum Value {
    Int(i64),
    /// `None` is NULL; empty also where it was not kept.
    Text(Option<Vec<u8>>),
}

impl Value {
    pub(super) fn int(&self) -> i64 {
        if let Self::Int(n) = self { *n } else { 0 }
    }

    /// A length of data.
    pub(super) fn length(&self) -> Result<usize> {
        usize::try_from(self.int()).map_err(|_| damaged("a length in the archive is negative"))
    }

    /// As text; other bytes than UTF-8 are replaced.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }
}

/// An archive that cannot be right.
pub(super) fn damaged(what: &str) -> Error {
    Error::new(Code::DumpFailed, Stage::Dump, what).on("pg_dump")
}

/// An archive that stops within something.
pub(super) fn cut_off() -> Error {
    damaged("the archive is cut off").hint("See what pg_dump said, and the server's log.")
}

/// What is left over from one push to the next: at most eleven bytes, or a text in the making.
#[derive(Debug, Default)]
pub(super) struct Input {
    carry: Vec<u8>,
    text: Option<Text>,
}

#[derive(Debug)]
struct Text {
    left: usize,
    kept: Option<Vec<u8>>,
}

impl Input {
    /// Whether nothing is left over.
    pub(super) fn is_empty(&self) -> bool {
        self.carry.is_empty() && self.text.is_none()
    }

    /// `n` bytes, at most 16, once they are all there.
    pub(super) fn fixed(&mut self, bytes: &mut &[u8], n: usize) -> Option<[u8; 16]> {
        let mut out = [0u8; 16];
        if self.carry.is_empty() && bytes.len() >= n {
            out[..n].copy_from_slice(&bytes[..n]);
            *bytes = &bytes[n..];
            return Some(out);
        }
        let now = (n - self.carry.len()).min(bytes.len());
        self.carry.extend_from_slice(&bytes[..now]);
        *bytes = &bytes[now..];
        if self.carry.len() < n {
            return None;
        }
        out[..n].copy_from_slice(&self.carry);
        self.carry.clear();
        Some(out)
    }

    /// The next item, once it is all there.
    pub(super) fn next(&mut self, bytes: &mut &[u8], item: Item) -> Result<Option<Value>> {
        Ok(match item {
            Item::Byte => self.fixed(bytes, 1).map(|b| Value::Int(b[0].into())),
            Item::Offset => self.fixed(bytes, 9).map(|b| Value::Int(b[0].into())),
            Item::Int => match self.fixed(bytes, 5) {
                Some(b) => Some(Value::Int(int(&b)?)),
                None => None,
            },
            Item::Text { keep } => self.text(bytes, keep)?,
        })
    }

    fn text(&mut self, bytes: &mut &[u8], keep: bool) -> Result<Option<Value>> {
        let mut text = if let Some(text) = self.text.take() {
            text
        } else {
            let Some(head) = self.fixed(bytes, 5) else { return Ok(None) };
            let n = int(&head)?;
            if n == -1 {
                return Ok(Some(Value::Text(None)));
            }
            let left = usize::try_from(n).map_err(|_| damaged("a text in the archive has a negative length"))?;
            if keep && left > MAX_TEXT {
                return Err(damaged("a name or statement in the archive is too long"));
            }
            Text { left, kept: keep.then(Vec::new) }
        };
        let now = text.left.min(bytes.len());
        if let Some(kept) = &mut text.kept {
            kept.extend_from_slice(&bytes[..now]);
        }
        *bytes = &bytes[now..];
        text.left -= now;
        if text.left > 0 {
            self.text = Some(text);
            return Ok(None);
        }
        Ok(Some(Value::Text(Some(text.kept.unwrap_or_default()))))
    }
}

fn int(b: &[u8; 16]) -> Result<i64> {
    let value = i64::from(u32::from_le_bytes([b[1], b[2], b[3], b[4]]));
    match b[0] {
        0 => Ok(value),
        1 => Ok(-value),
        _ => Err(damaged("a number in the archive has no sign")),
    }
}
