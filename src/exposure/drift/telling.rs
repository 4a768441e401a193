//! How reports of this host tell things. What an earlier report says can be
//! compared with what is seen now only in the same words.

use std::fmt::Debug;

use crate::types::keyed;

/// Words of reports: what becomes of a text, or of an object's name, in one.
pub trait Words: Debug + Sync {
    /// What becomes of a text.
    fn text(&self, text: &str) -> String;
    /// What becomes of the name of an object.
    fn object(&self, object: &str) -> String;
}

/// Texts as they are.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Words for Plain {
    fn text(&self, text: &str) -> String {
        text.to_owned()
    }

    fn object(&self, object: &str) -> String {
        object.to_owned()
    }
}

/// This host's key, and the words of its reports.
#[derive(Clone, Copy)]
pub struct Telling<'a> {
    key: &'a [u8; 32],
    words: &'a dyn Words,
}

impl Debug for Telling<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Telling({:?})", self.words)
    }
}

impl<'a> Telling<'a> {
    /// `key` is the one under which reports write fingerprints and pseudonyms.
    pub fn new(key: &'a [u8; 32], words: &'a dyn Words) -> Self {
        Self { key, words }
    }

    /// What names the key and tells nothing of it.
    pub fn key_id(&self) -> String {
        self.tag("the key itself")
    }

    /// A tag of a text that is not told.
    pub fn tag(&self, text: &str) -> String {
        keyed(self.key, text, 16)
    }

    /// A finding's fingerprint as redacted reports write it, whichever form it has.
    pub fn print(&self, fingerprint: &str) -> String {
        if fingerprint.starts_with("x1:") { self.tag(fingerprint) } else { fingerprint.to_owned() }
    }

    /// What reports make of a text.
    pub fn text(&self, text: &str) -> String {
        self.words.text(text)
    }

    /// What reports make of an object's name.
    pub fn object(&self, object: &str) -> String {
        self.words.object(object)
    }
}
