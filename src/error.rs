//! What can go wrong, said so that a person and a cron job can act on it.
//!
//! [`Code`] is the exit code table and an interface: numbers are never changed
//! or reused. [`Error`] carries a code, the stage it happened in, the object it
//! concerns, the cause and the next step.

use std::error::Error as StdError;
use std::fmt;

mod stage;

pub use stage::Stage;

/// Result of everything that can fail in pgseal.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes. The table is frozen: codes may be added, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// 0: done.
    Done,
    /// 1: a defect of pgseal itself.
    Internal,
    /// 2: wrong usage, wrong configuration or unsafe file permissions.
    Usage,
    /// 3: done, with warnings.
    Warnings,
    /// 10: there is no repository at the configured place.
    RepositoryMissing,
    /// 11: another run for the same source is active.
    Busy,
    /// 12: none of the identities opens the backup.
    NoIdentity,
    /// 13: refused as unsafe (target not empty, too much to prune).
    Refused,
    /// 20: the source server cannot be reached.
    SourceUnreachable,
    /// 21: dump or base backup failed.
    DumpFailed,
    /// 22: the source cannot be backed up as asked (version, tablespaces, WAL gap).
    SourceUnusable,
    /// 30: the store is unavailable.
    StoreUnavailable,
    /// 31: the store denied access, or the credential expired.
    StoreDenied,
    /// 32: out of space.
    NoSpace,
    /// 33: the manifest's slot could not be won.
    CommitConflict,
    /// 40: stored bytes are corrupt.
    Corrupt,
    /// 41: a signature is missing, bad, or by an unknown key.
    Untrusted,
    /// 42: the history was violated (rollback, gap, fork).
    History,
    /// 43: the newest backup or drill is older than allowed.
    Stale,
    /// 44: a limit was exceeded (decompression bomb, oversized document).
    Limit,
    /// 50: the restore failed.
    RestoreFailed,
    /// 51: checks of a drill failed.
    ChecksFailed,
    /// 52: exposure at or above the threshold.
    Exposure,
    /// 53: the drill could not run: no evidence either way.
    CouldNotRun,
    /// 124: pgseal's own deadline passed.
    Deadline,
    /// 128 + n: ended by signal n.
    Signal(u8),
}

impl Code {
    /// Every code with a fixed number, in the order of the table.
    pub const TABLE: [Self; 26] = [
        Self::Done,
        Self::Internal,
        Self::Usage,
        Self::Warnings,
        Self::RepositoryMissing,
        Self::Busy,
        Self::NoIdentity,
        Self::Refused,
        Self::SourceUnreachable,
        Self::DumpFailed,
        Self::SourceUnusable,
        Self::StoreUnavailable,
        Self::StoreDenied,
        Self::NoSpace,
        Self::CommitConflict,
        Self::Corrupt,
        Self::Untrusted,
        Self::History,
        Self::Stale,
        Self::Limit,
        Self::RestoreFailed,
        Self::ChecksFailed,
        Self::Exposure,
        Self::CouldNotRun,
        Self::Deadline,
        Self::Signal(15),
    ];

    /// The number given to the operating system.
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Warnings => 3,
            Self::RepositoryMissing => 10,
            Self::Busy => 11,
            Self::NoIdentity => 12,
            Self::Refused => 13,
            Self::SourceUnreachable => 20,
            Self::DumpFailed => 21,
            Self::SourceUnusable => 22,
            Self::StoreUnavailable => 30,
            Self::StoreDenied => 31,
            Self::NoSpace => 32,
            Self::CommitConflict => 33,
            Self::Corrupt => 40,
            Self::Untrusted => 41,
            Self::History => 42,
            Self::Stale => 43,
            Self::Limit => 44,
            Self::RestoreFailed => 50,
            Self::ChecksFailed => 51,
            Self::Exposure => 52,
            Self::CouldNotRun => 53,
            Self::Deadline => 124,
            Self::Signal(n) => 128u8.saturating_add(n),
        }
    }

    /// Stable name of the class, for JSON.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Warnings => "warnings",
            Self::RepositoryMissing => "repository_missing",
            Self::Busy => "busy",
            Self::NoIdentity => "no_identity",
            Self::Refused => "refused",
            Self::SourceUnreachable => "source_unreachable",
            Self::DumpFailed => "dump_failed",
            Self::SourceUnusable => "source_unusable",
            Self::StoreUnavailable => "store_unavailable",
            Self::StoreDenied => "store_denied",
            Self::NoSpace => "no_space",
            Self::CommitConflict => "commit_conflict",
            Self::Corrupt => "corrupt",
            Self::Untrusted => "untrusted",
            Self::History => "history",
            Self::Stale => "stale",
            Self::Limit => "limit",
            Self::RestoreFailed => "restore_failed",
            Self::ChecksFailed => "checks_failed",
            Self::Exposure => "exposure",
            Self::CouldNotRun => "could_not_run",
            Self::Deadline => "deadline",
            Self::Signal(_) => "signal",
        }
    }

    /// Whether running the same command again later may help without a change.
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Self::Busy | Self::SourceUnreachable | Self::StoreUnavailable | Self::CommitConflict | Self::Deadline
        )
    }

    /// Rank when several findings compete for the exit code: lower wins.
    ///
    /// The order is 41, 42, 40, 44, 50, 51, 52, 43, 53, 12, 3x, 2x, then the rest.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Signal(_) => 0,
            Self::Untrusted => 1,
            Self::History => 2,
            Self::Corrupt => 3,
            Self::Limit => 4,
            Self::RestoreFailed => 5,
            Self::ChecksFailed => 6,
            Self::Exposure => 7,
            Self::Stale => 8,
            Self::CouldNotRun => 9,
            Self::NoIdentity => 10,
            Self::StoreUnavailable | Self::StoreDenied | Self::NoSpace | Self::CommitConflict => 11,
            Self::SourceUnreachable | Self::DumpFailed | Self::SourceUnusable => 12,
            Self::Warnings => 20,
            Self::Done => 21,
            _ => 13,
        }
    }
}

/// An error that names its stage, its object, its cause and the next step.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    stage: Stage,
    object: Option<String>,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A new error; `message` is lower case and does not repeat the stage.
    pub fn new(code: Code, stage: Stage, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, stage, object: None, message: message.into(), hint: None, source: None }))
    }

    /// A defect of pgseal itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, Stage::Internal, message)
            .hint("This is a defect of pgseal; please report it with the log.")
    }

    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, Stage::Usage, message)
    }

    /// Names the object (key, file, table, program) the error is about.
    #[must_use]
    pub fn on(mut self, object: impl Into<String>) -> Self {
        self.0.object = Some(object.into());
        self
    }

    /// The next step, a full sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Gives a hint only where there is none yet.
    #[must_use]
    pub fn or_hint(self, hint: impl Into<String>) -> Self {
        if self.0.hint.is_some() { self } else { self.hint(hint) }
    }

    /// Adds a sentence to the hint.
    #[must_use]
    pub fn and_hint(mut self, more: impl AsRef<str>) -> Self {
        let hint = self.0.hint.take().map_or_else(String::new, |h| h + " ") + more.as_ref();
        self.0.hint = Some(hint);
        self
    }

    /// The cause; its text follows the message.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// The same error in the stage that its caller knows better.
    #[must_use]
    pub fn at(mut self, stage: Stage) -> Self {
        self.0.stage = stage;
        self
    }

    /// The same error under another code (a fetch that fails within a drill, say).
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// Exit code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Stage.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// Object, if one is known.
    pub fn object(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Next step, if there is one.
    pub fn next_step(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Message and causes on one line, without stage, object and hint.
    ///
    /// Control characters are escaped: parts of it may come from a server.
    pub fn text(&self) -> String {
        let mut text = self.0.message.clone();
        let mut cause: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(c) = cause {
            // A server's error has more lines of its own; in what a name or a value holds they stay escaped.
            let said = c.to_string().replace("\nDETAIL: ", "; DETAIL: ").replace("\nHINT: ", "; HINT: ");
            if !said.is_empty() && !text.ends_with(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = c.source();
        }
        crate::types::shown(&text).into_owned()
    }

    /// The form listed in JSON output.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "code": self.code().number(),
            "class": self.code().class(),
            "retryable": self.code().retryable(),
            "stage": self.stage().name(),
            "object": self.object(),
            "message": self.text(),
            "hint": self.next_step(),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.stage().name())?;
        if let Some(object) = self.object() {
            write!(f, "{}: ", crate::types::shown(object))?;
        }
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self}", self.code().number())?;
        if let Some(hint) = self.next_step() {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_frozen() {
        let numbers: Vec<u8> = Code::TABLE.iter().map(|c| c.number()).collect();
        assert_eq!(
            numbers,
            [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 33, 40, 41, 42, 43, 44, 50, 51, 52, 53, 124, 143]
        );
    }

    #[test]
    fn the_worst_finding_gives_the_exit_code() {
        let mut all = [Code::Warnings, Code::DumpFailed, Code::StoreDenied, Code::Corrupt, Code::Untrusted];
        all.sort_by_key(|c| c.precedence());
        assert_eq!(all[0], Code::Untrusted);
        assert_eq!(all[1], Code::Corrupt);
        assert_eq!(all[4], Code::Warnings);
    }

    #[test]
    fn what_a_server_adds_to_its_error_is_one_line_with_it() {
        let io = std::io::Error::other("ERROR: all are in use\nDETAIL: two\nHINT: Free one\nor more.");
        let e = Error::new(Code::SourceUnusable, Stage::Source, "cannot").because(io);
        assert_eq!(e.text(), "cannot: ERROR: all are in use; DETAIL: two; HINT: Free one\\nor more.");
    }

    #[test]
    fn causes_follow_the_message_and_are_escaped() {
        let io = std::io::Error::other("bad\nthing\u{1b}[31m");
        let e = Error::new(Code::StoreUnavailable, Stage::Store, "cannot write").on("a\rb").because(io);
        assert_eq!(e.to_string(), "store: a\\rb: cannot write: bad\\nthing\\u{1b}[31m");
    }
}
