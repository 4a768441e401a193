//! The exit code table, an interface: numbers are never changed or reused.

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
}
