//! How this host's reports tell which is which without telling what it is. What
//! an earlier look says can be compared with what is seen now only under the same key.

use crate::types::keyed;

/// This host's key.
#[derive(Clone, Copy)]
pub struct Telling<'a>(&'a [u8; 32]);

impl std::fmt::Debug for Telling<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telling")
    }
}

impl<'a> Telling<'a> {
    /// `key` is the one under which reports write fingerprints and pseudonyms.
    pub fn new(key: &'a [u8; 32]) -> Self {
        Self(key)
    }

    /// What names the key and tells nothing of it.
    pub fn key_id(&self) -> String {
        self.tag("the key itself")
    }

    /// A tag of a text that is not told.
    pub fn tag(&self, text: &str) -> String {
        keyed(self.0, text, 16)
    }

    /// A finding's fingerprint as redacted reports write it.
    pub fn print(&self, plain: &str) -> String {
        format!("x1:{}", self.tag(plain))
    }
}
