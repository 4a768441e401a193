//! The word in front of every message.

use serde::Serialize;

/// Where in the work something happened. Shown first in every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Stage {
    Usage,
    Config,
    Keys,
    Lock,
    Source,
    Dump,
    Basebackup,
    Seal,
    Store,
    Manifest,
    Commit,
    Verify,
    Fetch,
    Restore,
    Scratch,
    Checks,
    Report,
    Internal,
}

impl Stage {
    /// The word used in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Keys => "keys",
            Self::Lock => "lock",
            Self::Source => "source",
            Self::Dump => "dump",
            Self::Basebackup => "basebackup",
            Self::Seal => "seal",
            Self::Store => "store",
            Self::Manifest => "manifest",
            Self::Commit => "commit",
            Self::Verify => "verify",
            Self::Fetch => "fetch",
            Self::Restore => "restore",
            Self::Scratch => "scratch",
            Self::Checks => "checks",
            Self::Report => "report",
            Self::Internal => "internal",
        }
    }
}
