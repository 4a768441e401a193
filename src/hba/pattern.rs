//! Regular expressions of the server, as far as they are plain words.
//!
//! The server's own flavour ("advanced regular expressions") is not rebuilt
//! here: another engine would differ just where it hurts. Anchored words and
//! alternations of them are told exactly; of anything else a match is a maybe.

/// A regular expression without its leading slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    source: String,
    words: Option<Vec<String>>,
}

impl Pattern {
    /// Reads one.
    pub fn new(source: &str) -> Self {
        Self { source: source.to_owned(), words: None }
    }

    /// As written, without the slash.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it fits `text`; `None` where that is not known here.
    pub fn fits(&self, text: &str) -> Option<bool> {
        self.words.as_ref().map(|words| words.iter().any(|w| w == text))
    }

    /// Whether it surely fits everything: `^.*$` and its like.
    pub fn is_catch_all(&self) -> bool {
        false
    }
}
