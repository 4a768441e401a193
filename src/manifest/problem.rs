//! What can be wrong with a history.

use serde::Serialize;

use crate::error::Code;

/// What kind of thing is wrong. Decisions hang on this, never on the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The manifest is missing.
    Gone,
    /// No good signature by a key that is pinned.
    Signature,
    /// Well signed, and not readable.
    Unreadable,
    /// Belongs to another place.
    Foreign,
    /// Names a predecessor that is missing or has no good signature.
    Orphan,
    /// Does not name the manifest before it.
    Fork,
    /// Of another database system.
    System,
    /// Its times are out of line.
    Clock,
    /// Its id is another backup's, or not of its time.
    Id,
    /// This host saw another one before.
    Remembered,
    /// A signed report speaks of another one.
    Reported,
    /// More than can be looked at.
    Limit,
    /// The next one is overdue.
    Overdue,
}

impl Fault {
    /// Whether something that was there is hidden or replaced: then no name that
    /// stands for "the newest" or "of that day" can be relied on.
    pub const fn hides(self) -> bool {
        matches!(self, Self::Remembered | Self::Reported)
    }
}

/// Something wrong with the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Slot.
    pub seq: u64,
    /// 41, 42, 40 or 44; of what is overdue 43.
    #[serde(serialize_with = "as_number")]
    pub code: Code,
    /// Its kind.
    pub fault: Fault,
    /// What is the matter.
    pub text: String,
    /// Signed by a key that no line of the allowed signers speaks of.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub stranger: Option<Stranger>,
}

/// A key that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranger {
    /// Its fingerprint, `SHA256:…`.
    pub signer: String,
    /// The line that would allow it.
    pub line: String,
}

impl Problem {
    /// One of a kind whose code is 42.
    pub fn new(seq: u64, fault: Fault, text: impl Into<String>) -> Self {
        let code = match fault {
            Fault::Signature => Code::Untrusted,
            Fault::Unreadable => Code::Corrupt,
            Fault::Limit => Code::Limit,
            Fault::Overdue => Code::Stale,
            _ => Code::History,
        };
        Self { seq, code, fault, text: text.into(), stranger: None }
    }
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn as_number<S: serde::Serializer>(code: &Code, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u8(code.number())
}
