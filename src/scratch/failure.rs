//! Why a server did not start: is the backup broken, or could this host not run it?
//!
//! The server's log may hold rows and names, so none of its text leaves this
//! file: only the severity, the SQLSTATE (PostgreSQL manual, "PostgreSQL Error
//! Codes") and the class of the message.

use crate::error::{Code, Error, Stage};

/// `log_line_prefix`: marks our lines and gives the SQLSTATE.
pub const LINE_PREFIX: &str = "pgseal:%e:";

/// The reason of a failed start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// 50: the backup is broken; 53: this host could not run it.
    pub code: Code,
    /// `FATAL`, `PANIC`; empty where the log does not tell.
    pub severity: String,
    /// Five characters; empty where the log does not tell.
    pub sqlstate: String,
    /// The class, in words.
    pub class: &'static str,
    hint: &'static str,
}

/// Message class: texts that mark it, whether the backup is to blame, what it is called, what to do.
struct Class {
    any_of: &'static [&'static str],
    broken: bool,
    called: &'static str,
    hint: &'static str,
}

/// What an incomplete log is called.
const SHORT_LOG: &str = "the write-ahead log of the backup is incomplete";

/// The object of an error about an incomplete log.
pub const LOG: &str = "pg_wal";

const HOST: &str = "Nothing was learned about the backup; see what this host lacks and drill again.";
const BROKEN: &str = "Drill an older backup, and find out why this one was stored like that.";

/// The first that fits decides. Faults of the host come first: a missing
/// library or a full disk must not be blamed on the backup.
const CLASSES: &[Class] = &[
    Class {
        any_of: &["could not load library", "could not access file \""],
        broken: false,
        called: "a shared library is missing",
        hint: "Install the extension's server package of the backup's major version on this host.",
    },
    Class {
        any_of: &[
            "unrecognized configuration parameter",
            "invalid value for parameter",
            "cannot be changed",
            "unrecognized option",
        ],
        broken: false,
        called: "a setting is not accepted",
        hint: HOST,
    },
    Class {
        any_of: &["database files are incompatible with server", "is not compatible with this version"],
        broken: false,
        called: "the program's version or build does not fit the data",
        hint: "Install the server programs of the backup's major version, or set tools.pg_bindir.",
    },
    Class {
        any_of: &["No space left on device", "Disk quota exceeded"],
        broken: false,
        called: "out of space",
        hint: "Set scratch.dir to a file system with room for the restored data.",
    },
    Class {
        any_of: &[
            "could not map anonymous shared memory",
            "could not create shared memory",
            "could not fork",
            "out of memory",
            "Cannot allocate memory",
        ],
        broken: false,
        called: "not enough memory",
        hint: "Nothing was learned about the backup: raise scratch.max_memory, or use a larger host, and drill again.",
    },
    Class {
        any_of: &["has wrong ownership", "invalid permissions", "Permission denied", "Operation not permitted"],
        broken: false,
        called: "permissions of the scratch directory",
        hint: HOST,
    },
    Class {
        any_of: &[
            "could not create any Unix-domain sockets",
            "could not create lock file",
            "lock file \"",
            "Read-only file system",
            "Too many open files",
        ],
        broken: false,
        called: "the host did not let it run",
        hint: HOST,
    },
    Class {
        any_of: &[
            "maximum number of prepared transactions reached",
            "insufficient parameter settings",
            "could not find free replication state",
        ],
        broken: false,
        called: "a limit is lower than at the source",
        hint: HOST,
    },
    Class {
        any_of: &[
            "WAL ends before end of online backup",
            "WAL ends before consistent recovery point",
            "could not find redo location",
            "could not locate required checkpoint record",
        ],
        broken: true,
        called: SHORT_LOG,
        hint: BROKEN,
    },
    Class {
        any_of: &[
            "invalid checkpoint record",
            "could not locate a valid checkpoint record",
            "invalid primary checkpoint",
            "incorrect checksum in control file",
            "incorrect resource manager data checksum",
            "control file appears to be corrupt",
            "invalid data in file",
            "invalid page",
            "could not read block",
            "is not a child of this server's history",
            "unexpected timeline ID",
            "page verification failed",
            "contains data inconsistent with control file",
            "could not read file \"global/pg_control\"",
            "contains invalid data",
            "contains incorrect checksum",
            "is not a valid data directory",
            "could not read from log segment",
            "could not access status of transaction",
        ],
        broken: true,
        called: "the backup's files are damaged",
        hint: BROKEN,
    },
];

/// Reads the reason out of the end of a server's log.
pub fn explain(log: &str) -> Failure {
    // The program itself, before its log is set up: "postgres: could not …".
    let lines: Vec<Line<'_>> = log.lines().filter_map(line).collect();
    let fatal = lines.iter().rev().find(|l| matches!(l.severity, "FATAL" | "PANIC"));
    let (severity, sqlstate) = fatal.map_or(("", ""), |l| (l.severity, l.sqlstate));
    let mut failure = Failure {
        code: Code::CouldNotRun,
        severity: severity.to_owned(),
        sqlstate: sqlstate.to_owned(),
        class: "the reason is not known",
        hint: "Nothing was learned about the backup; start it by hand to see the server's log.",
    };
    // Before the server could say a word.
    let walls = |l: &str| ["bwrap: ", "prlimit: ", "setpriv: ", "unshare: "].iter().any(|p| l.starts_with(p));
    if lines.is_empty() && log.lines().any(walls) {
        failure.class = "its namespaces or limits could not be set up";
        failure.hint = HOST;
        return failure;
    }
    // The last line that fits is nearest to the end; of one line the table's order decides.
    let texts = lines.iter().rev().map(|l| l.text).chain(log.lines().rev());
    for text in texts {
        if let Some(c) = CLASSES.iter().find(|c| c.any_of.iter().any(|t| text.contains(t))) {
            failure.code = if c.broken { Code::RestoreFailed } else { Code::CouldNotRun };
            failure.class = c.called;
            failure.hint = c.hint;
            return failure;
        }
    }
    match (severity, sqlstate) {
        // Class 53: insufficient resources; class 58: system error, of which
        // 58P01 is a file that is not there; class XX: XX001 and XX002 are
        // corrupted data and index.
        (_, "58P01") => broken(failure, "a file of the backup is missing"),
        (_, "XX001" | "XX002") => broken(failure, "the backup's files are damaged"),
        (_, s) if s.starts_with("53") => Failure { class: "not enough resources", ..failure },
        ("PANIC", _) => broken(failure, "recovery gave up"),
        _ => failure,
    }
}

fn broken(failure: Failure, class: &'static str) -> Failure {
    Failure { code: Code::RestoreFailed, class, hint: BROKEN, ..failure }
}

impl Failure {
    /// As an error; the log's text is not in it.
    pub fn into_error(self) -> Error {
        let state =
            if self.severity.is_empty() { String::new() } else { format!(" ({} {})", self.severity, self.sqlstate) };
        let error = Error::new(self.code, Stage::Scratch, format!("the server did not start: {}{state}", self.class))
            .hint(self.hint);
        if self.class == SHORT_LOG { error.on(LOG) } else { error }
    }
}

/// SQLSTATE of the last statement that failed, in a server's log. That clients
/// went away (class 08) is only what follows from another one's failure.
pub fn last_error(log: &str) -> Option<String> {
    let mut lines = log.lines().rev().filter_map(line);
    lines
        .find(|l| {
            matches!(l.severity, "ERROR" | "PANIC") && !l.sqlstate.starts_with("08") && !CANCELLED.contains(&l.sqlstate)
        })
        .map(|l| l.sqlstate.to_owned())
}

/// The signal that ended a server process last, by the postmaster's word.
pub fn ended_by(log: &str) -> Option<i32> {
    let said = log.lines().rev().filter_map(line).find_map(|l| l.text.split_once(" was terminated by signal "));
    let (_, rest) = said?;
    rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
}

/// SQLSTATE of the last message with these words: of one among several failures.
pub fn state_of(log: &str, words: &str) -> Option<String> {
    let mut lines = log.lines().rev().filter_map(line);
    lines.find(|l| l.text == words).map(|l| l.sqlstate.to_owned())
}

/// What follows from a failure elsewhere: a cancelled statement, a session that
/// was ended, an aborted transaction.
const CANCELLED: [&str; 3] = ["57014", "57P01", "25P02"];

struct Line<'a> {
    severity: &'a str,
    sqlstate: &'a str,
    text: &'a str,
}

fn line(line: &str) -> Option<Line<'_>> {
    let (sqlstate, rest) = line.strip_prefix("pgseal:")?.split_once(':')?;
    let (severity, text) = rest.split_once(":  ")?;
    let plain = sqlstate.len() == 5 && sqlstate.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| Line { severity: severity.trim(), sqlstate, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_backup_and_a_fault_of_the_host_are_told_apart() {
        let cases = [
            ("pgseal:58P01:FATAL:  could not access file \"timescaledb\": No such file", Code::CouldNotRun),
            ("pgseal:58P01:FATAL:  could not access file \"$libdir/x\": No such file or directory", Code::CouldNotRun),
            ("pgseal:42704:FATAL:  unrecognized configuration parameter \"x\"", Code::CouldNotRun),
            ("pgseal:XX000:PANIC:  could not locate a valid checkpoint record", Code::RestoreFailed),
            ("pgseal:XX000:FATAL:  WAL ends before consistent recovery point", Code::RestoreFailed),
            ("pgseal:53100:PANIC:  could not write to file \"x\": No space left on device", Code::CouldNotRun),
            ("pgseal:53200:FATAL:  something new", Code::CouldNotRun),
            ("pgseal:XX001:FATAL:  something new", Code::RestoreFailed),
            ("pgseal:XX000:PANIC:  something new", Code::RestoreFailed),
            ("pgseal:XX000:FATAL:  something new", Code::CouldNotRun),
            ("pgseal:58P01:PANIC:  could not open file \"global/pg_filenode.map\": No such file", Code::RestoreFailed),
            ("pgseal:XX000:FATAL:  backup_label contains data inconsistent with control file", Code::RestoreFailed),
            (
                "pgseal:XX000:FATAL:  relation mapping file \"global/pg_filenode.map\" contains invalid data",
                Code::RestoreFailed,
            ),
            ("pgseal:22023:FATAL:  \"base/5\" is not a valid data directory", Code::RestoreFailed),
            ("pgseal:XX001:PANIC:  could not read file \"global/pg_control\": read 0 of 296", Code::RestoreFailed),
            ("postgres: could not find the database system", Code::CouldNotRun),
            ("bwrap: Can't mkdir parents for invalid page: Permission denied", Code::CouldNotRun),
            ("", Code::CouldNotRun),
        ];
        for (log, code) in cases {
            assert_eq!(explain(log).code, code, "{log}");
        }
    }

    #[test]
    fn the_last_error_gives_its_state_alone() {
        let log = "pgseal:22000:ERROR:  a\npgseal:23505:ERROR:  key\npgseal:08006:ERROR:  unexpected EOF\n\
                   pgseal:57P01:FATAL:  bye\npgseal:00000:LOG:  x\n";
        assert_eq!(last_error(log).as_deref(), Some("23505"));
        assert_eq!(last_error("pgseal:00000:LOG:  ready\nERROR:  23505\n"), None);
    }

    #[test]
    fn no_text_of_the_log_gets_out() {
        let log = "pgseal:00000:LOG:  starting\npgseal:22000:FATAL:  secret row (email)=(a@b.c)\n";
        let e = explain(log).into_error();
        assert!(!format!("{e:?}").contains("a@b.c"));
        assert!(e.to_string().contains("FATAL 22000"), "{e}");
    }
}
