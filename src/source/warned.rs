//! What a warning of PostgreSQL's programs means for a backup or a restore.

use crate::process::{Speaker, Warning};

/// Characters of one warning that are repeated.
const SHOWN: usize = 400;

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing is missing.
    Whole,
    /// It is counted and told by pgseal itself.
    Told,
    /// pg_basebackup left out this file or directory, named from the data directory.
    Missing(String),
    /// It is not known what it means, so something may be missing.
    Unknown,
}

/// Of a warning that ended well all the same. `program` is who was run.
pub fn meaning(program: &str, warning: &Warning) -> Meaning {
    let text = warning.text.as_str();
    match (program, warning.speaker) {
        // PostgreSQL source, basebackup.c, `sendDir`.
        ("pg_basebackup", Speaker::Server) if text.starts_with("skipping special file") => skipped(text),
        // A dump of rows has no order of tables that satisfies them; keys are made
        // after all rows are loaded.
        ("pg_dump", Speaker::Program) if text.starts_with("there are circular foreign-key constraints ") => {
            Meaning::Whole
        }
        ("pg_dump", Speaker::Program) if text.starts_with("subscriptions not dumped because ") => Meaning::Told,
        // Told whenever a session begins, or sorts: indexes may be wrong, rows are not.
        (_, Speaker::Server) if is_collation(text) => Meaning::Whole,
        ("pg_restore", Speaker::Program) if text.starts_with("errors ignored on restore: ") => Meaning::Told,
        // What the server could not do is an error, but for privileges that the role
        // cannot give (PostgreSQL source, `restrict_and_check_grant`).
        ("pg_restore", Speaker::Server) if !is_privilege(text) => Meaning::Whole,
        _ => Meaning::Unknown,
    }
}

fn is_privilege(text: &str) -> bool {
    let begins = |start| text.starts_with(start);
    begins("no privileges were granted for ")
        || begins("not all privileges were granted for ")
        || begins("no privileges could be revoked for ")
        || begins("not all privileges could be revoked for ")
}

/// At most 400 characters of a warning, for a sentence.
pub fn shortened(text: &str) -> String {
    text.char_indices().nth(SHOWN).map_or_else(|| text.to_owned(), |(at, _)| format!("{}…", &text[..at]))
}

/// PostgreSQL source, `CheckMyDatabase` and `pg_newlocale_from_collation`.
fn is_collation(text: &str) -> bool {
    let ends = |end| text.ends_with(end);
    text.starts_with("database \"") && ends("\" has a collation version mismatch")
        || text.starts_with("database \"") && ends("\" has no actual collation version, but a version was recorded")
        || text.starts_with("collation \"") && ends("\" has version mismatch")
}

/// `skipping special file "./postgresql.conf"`: the name as far as it is there.
fn skipped(text: &str) -> Meaning {
    let Some((_, name)) = text.split_once('"') else { return Meaning::Unknown };
    let name = name.strip_suffix('"').unwrap_or(name);
    let name = name.strip_prefix("./").unwrap_or(name);
    let is_socket =
        name.strip_prefix(".s.PGSQL.").is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    // A server makes its sockets anew, and the directory of its log, which is no part
    // of any database (`log_directory` as it is where nobody sets it).
    if is_socket || matches!(name, "log" | "pg_log") { Meaning::Whole } else { Meaning::Missing(name.to_owned()) }
}

/// The number of the database whose directory this is: `base/16384`.
pub fn database(file: &str) -> Option<u32> {
    file.strip_prefix("base/")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_taken_for_harmless() {
        let of = |program: &str, speaker, text: &str| meaning(program, &Warning { speaker, text: text.to_owned() });
        let base = |text: &str| of("pg_basebackup", Speaker::Server, text);
        let missing = |name: &str| Meaning::Missing(name.to_owned());
        assert_eq!(base("skipping special file \"./postgresql.conf\""), missing("postgresql.conf"));
        assert_eq!(base("skipping special file \"./base/5\""), missing("base/5"));
        // A line end in the name.
        assert_eq!(base("skipping special file \"./.s.PGSQL.5432"), Meaning::Whole);
        assert_eq!(base("skipping special file \"./base/log"), missing("base/log"));
        assert_eq!(base("skipping special file \"./.s.PGSQL.\""), missing(".s.PGSQL."));
        assert_eq!(base("skipping special file \"./log\""), Meaning::Whole);
        assert_eq!(base("skipping special file"), Meaning::Unknown);
        assert_eq!(base("could not verify checksum in file \"./base/5/1\""), Meaning::Unknown);
        assert_eq!(of("pg_basebackup", Speaker::Foreign, "überspringe »./a«"), Meaning::Unknown);
        let circular = "there are circular foreign-key constraints on this table:";
        assert_eq!(of("pg_dump", Speaker::Program, circular), Meaning::Whole);
        assert_eq!(of("pg_dump", Speaker::Server, circular), Meaning::Unknown);
        let restoring = |text: &str| of("pg_restore", Speaker::Server, text);
        assert_eq!(restoring("no privileges were granted for \"upper\""), Meaning::Unknown);
        assert_eq!(restoring("wal_level is insufficient to publish logical changes"), Meaning::Whole);
        assert_eq!(of("pg_restore", Speaker::Program, "errors ignored on restore: 3"), Meaning::Told);
        assert_eq!(of("pg_restore", Speaker::Program, "line ignored: x"), Meaning::Unknown);
        let mismatch = "database \"a\" has a collation version mismatch";
        assert_eq!(of("pg_dumpall", Speaker::Server, mismatch), Meaning::Whole);
        assert_eq!((database("base/5"), database("base/5/1"), database("base/x")), (Some(5), None, None));
    }
}
