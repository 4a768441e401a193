//! PostgreSQL's releases and the holes of its client programs, as they were known
//! when this version of pgseal was made. Nothing is fetched: a look at exposure
//! dials nobody. EXP-VER-004 tells when the table is old.
//!
//! Sources: the versioning policy, release notes and security pages of
//! postgresql.org.

use jiff::civil::{Date, date};

use super::Severity;
use crate::types::PgVersion;

/// When the table was made.
pub const AS_OF: Date = date(2026, 11, 12);

/// One major version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// `15`.
    pub major: u32,
    /// Its newest minor: `20` of 15.20.
    pub newest: u32,
    /// Its last day: no fixes come after it.
    pub ends: Date,
}

/// The majors that pgseal works with, the newest first.
pub const RELEASES: &[Release] = &[
    Release { major: 18, newest: 7, ends: date(2030, 11, 14) },
    Release { major: 17, newest: 12, ends: date(2029, 11, 8) },
    Release { major: 16, newest: 16, ends: date(2028, 11, 9) },
    Release { major: 15, newest: 20, ends: date(2027, 11, 11) },
    Release { major: 14, newest: 25, ends: date(2026, 11, 12) },
    Release { major: 13, newest: 23, ends: date(2025, 11, 13) },
];

/// What is known of a major; `None` where it is newer than the table, or older
/// than anything pgseal works with.
pub fn release(major: u32) -> Option<&'static Release> {
    RELEASES.iter().find(|r| r.major == major)
}

/// A hole in programs that handle what another host says, or what a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHole {
    /// `CVE-2026-6477`.
    pub cve: &'static str,
    /// Programs that have it.
    pub programs: &'static [&'static str],
    /// The minor that mended it, by major. A major that is older than all of
    /// these never was mended, one that is newer never had it.
    pub fixed: &'static [(u32, u32)],
    /// How bad it is for who backs up and restores.
    pub severity: Severity,
    /// What it lets whom do.
    pub what: &'static str,
}

impl ClientHole {
    /// Whether a program of this version has it.
    pub fn is_in(&self, version: PgVersion) -> bool {
        match self.fixed.iter().find(|(major, _)| *major == version.major()) {
            Some((_, minor)) => version.minor() < *minor,
            None => self.fixed.iter().all(|(major, _)| version.major() < *major),
        }
    }
}

/// The newest first.
pub const CLIENT_HOLES: &[ClientHole] = &[
    ClientHole {
        cve: "CVE-2026-116314",
        programs: &["pg_restore"],
        fixed: &[(18, 7), (17, 12), (16, 16), (15, 20), (14, 25)],
        severity: Severity::High,
        what: "a crafted archive in custom format runs code as the user of pg_restore",
    },
    ClientHole {
        cve: "CVE-2026-18408",
        programs: &["pg_dump", "pg_dumpall", "pg_restore", "psql"],
        fixed: &[(18, 6), (17, 11), (16, 15), (15, 19), (14, 24)],
        severity: Severity::High,
        what: "a superuser of the source makes a plain dump run code at the restore, past \\restrict",
    },
    ClientHole {
        cve: "CVE-2026-6477",
        programs: &["pg_dump", "psql"],
        fixed: &[(18, 4), (17, 10), (16, 14), (15, 18), (14, 23)],
        severity: Severity::High,
        what: "a hostile server overwrites the program's memory in answers about large objects",
    },
    ClientHole {
        cve: "CVE-2026-6475",
        programs: &["pg_basebackup", "pg_rewind"],
        fixed: &[(18, 4), (17, 10), (16, 14), (15, 18), (14, 23)],
        severity: Severity::High,
        what: "a hostile server overwrites files of the program's user through links, in plain format",
    },
    ClientHole {
        cve: "CVE-2025-8714",
        programs: &["pg_dump", "pg_dumpall", "pg_restore"],
        fixed: &[(17, 6), (16, 10), (15, 14), (14, 19), (13, 22)],
        severity: Severity::High,
        what: "a superuser of the source makes a plain dump run code at the restore",
    },
    ClientHole {
        cve: "CVE-2025-8715",
        programs: &["pg_dump", "pg_dumpall", "pg_restore"],
        fixed: &[(17, 6), (16, 10), (15, 14), (14, 19), (13, 22)],
        severity: Severity::High,
        what: "an object whose name holds a line end runs code and SQL at the restore",
    },
    ClientHole {
        cve: "CVE-2024-7348",
        programs: &["pg_dump"],
        fixed: &[(16, 4), (15, 8), (14, 13), (13, 16)],
        severity: Severity::High,
        what: "who owns an object that is dumped runs SQL as the role that dumps",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_in_what_is_older_than_their_mend() {
        let hole = |cve: &str| CLIENT_HOLES.iter().find(|h| h.cve == cve).unwrap();
        let v = |major: u32, minor: u32| PgVersion(major * 10_000 + minor);
        let restore = hole("CVE-2026-116314");
        assert!(restore.is_in(v(15, 19)) && !restore.is_in(v(15, 20)) && !restore.is_in(v(15, 21)));
        // 13 had ended before: it was never mended. 19 came after.
        assert!(restore.is_in(v(13, 23)) && !restore.is_in(v(19, 0)));
        assert!(!hole("CVE-2025-8714").is_in(v(18, 0)) && hole("CVE-2025-8714").is_in(v(13, 21)));
        // Every mend is a minor that exists, and the newest of each major has none of them.
        for h in CLIENT_HOLES {
            for (major, minor) in h.fixed {
                assert!(release(*major).unwrap().newest >= *minor, "{}", h.cve);
            }
        }
        let open = |v: PgVersion| CLIENT_HOLES.iter().filter(|h| h.is_in(v)).count();
        for r in RELEASES.iter().filter(|r| r.ends >= AS_OF) {
            assert_eq!(open(v(r.major, r.newest)), 0, "{}", r.major);
        }
        assert_eq!(release(12), None);
    }
}
