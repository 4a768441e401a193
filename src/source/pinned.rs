//! The one list of settings that pgseal pins, for everybody who reads or loads
//! the rows of a backup: its own sessions on the source and on a copy, pg_dump
//! and its kin, and pg_restore. `scripts/restore-without-pgseal` holds the same
//! list, and a test compares them.
//!
//! They travel in the startup packet (`PGOPTIONS` of the children), where they
//! outrank `ALTER ROLE … SET` and `ALTER DATABASE … SET` (`GucSource` in
//! PostgreSQL's guc.h). Only settings that every role may set are here.
//!
//! Not here is what code of the database depends on while it is loaded:
//! `default_text_search_config`, `lc_time`, settings of applications. A
//! materialized view that reads them must find what the database sets.

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reads: rows become text, definitions become SQL.
    Read,
    /// Loads: text becomes rows, SQL becomes definitions.
    Load,
}

/// Who needs a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Every session, to run at all or to mean the same.
    Each,
    /// Sessions that read: it decides how values are written, and a form that
    /// every session understands was chosen.
    Reading,
}

/// Name, value, who needs it; the first major that knows it.
type Pin = (&'static str, &'static str, Needs, u32);

const OLDEST: u32 = crate::types::PgVersion::OLDEST;

/// PostgreSQL manual, "Client Connection Defaults", "Version and Platform
/// Compatibility", "Monetary Types", "XML Type".
const PINNED: &[Pin] = &[
    // A role or database may forbid itself nearly everything, but not to be backed up.
    ("role", "none", Needs::Each, OLDEST),
    ("statement_timeout", "0", Needs::Each, OLDEST),
    ("lock_timeout", "0", Needs::Each, OLDEST),
    ("idle_in_transaction_session_timeout", "0", Needs::Each, OLDEST),
    ("idle_session_timeout", "0", Needs::Each, 14),
    ("transaction_timeout", "0", Needs::Each, 17),
    ("default_transaction_read_only", "off", Needs::Each, OLDEST),
    ("default_transaction_deferrable", "off", Needs::Each, OLDEST),
    ("default_transaction_isolation", "read committed", Needs::Each, OLDEST),
    ("exit_on_error", "off", Needs::Each, OLDEST),
    // What a text means depends on these when it is written and when it is read.
    ("lc_monetary", "C", Needs::Each, OLDEST),
    ("IntervalStyle", "postgres", Needs::Each, OLDEST),
    ("array_nulls", "on", Needs::Each, OLDEST),
    ("xmloption", "content", Needs::Each, OLDEST),
    ("standard_conforming_strings", "on", Needs::Each, OLDEST),
    ("backslash_quote", "safe_encoding", Needs::Each, OLDEST),
    ("transform_null_equals", "off", Needs::Each, OLDEST),
    // How values are written. Written like this they are read alike under any setting.
    ("TimeZone", "UTC", Needs::Reading, OLDEST),
    ("timezone_abbreviations", "Default", Needs::Reading, OLDEST),
    ("DateStyle", "ISO, MDY", Needs::Reading, OLDEST),
    ("extra_float_digits", "3", Needs::Reading, OLDEST),
    ("bytea_output", "hex", Needs::Reading, OLDEST),
    ("xmlbinary", "base64", Needs::Reading, OLDEST),
    ("quote_all_identifiers", "off", Needs::Reading, OLDEST),
    ("synchronize_seqscans", "off", Needs::Reading, OLDEST),
    // A limit on what an index gives would be one on what checks see.
    ("gin_fuzzy_search_limit", "0", Needs::Reading, OLDEST),
];

/// Names and values for a server of `major`; the oldest where it is not known yet.
pub fn pinned<'a>(purpose: Purpose, major: Option<u32>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let major = major.unwrap_or(OLDEST);
    PINNED.iter().filter(move |p| p.3 <= major && (p.2 == Needs::Each || purpose == Purpose::Read)).map(|p| (p.0, p.1))
}

/// `-c name=value …` of the startup packet; blanks and backslashes escaped
/// (PostgreSQL manual, "libpq", `options`).
pub fn options<'a>(settings: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in settings {
        text.push_str(if text.is_empty() { "-c " } else { " -c " });
        for c in name.chars().chain(std::iter::once('=')).chain(value.chars()) {
            if c == '\\' || super::conninfo::is_space(c) {
                text.push('\\');
            }
            text.push(c);
        }
    }
    text
}

/// Those of the list that a server of `major` knows and the oldest one does not: a
/// session that begins before the major is known sets them afterwards.
pub fn later<'a>(purpose: Purpose, major: u32) -> impl Iterator<Item = (&'a str, &'a str)> {
    let of_oldest: Vec<&str> = pinned(purpose, None).map(|p| p.0).collect();
    pinned(purpose, Some(major)).filter(move |p| !of_oldest.contains(&p.0))
}

/// The major of the `server_version` that a server tells when a session begins: 15
/// of `15.13 (Debian …)`, 19 of `19devel`. 0 where it tells none.
pub fn major(server_version: Option<&str>) -> u32 {
    let digits: String = server_version.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Settings under which a server gives out less than there is, or something
/// else, and says nothing. Only superusers may set them, so they are not in the
/// startup packet of others; [`super::Session::refuse_lossy_reads`] asks for them.
pub(super) const LOSSY: [(&str, &str); 2] = [("zero_damaged_pages", "off"), ("ignore_checksum_failure", "off")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_pinned_once_and_options_are_escaped() {
        let all: std::collections::BTreeSet<_> = PINNED.iter().map(|p| p.0.to_lowercase()).collect();
        assert_eq!(all.len(), PINNED.len());
        let oldest: Vec<_> = pinned(Purpose::Load, None).collect();
        assert!(oldest.iter().all(|(name, _)| !["transaction_timeout", "DateStyle"].contains(name)));
        assert!(pinned(Purpose::Read, Some(17)).any(|(name, _)| name == "transaction_timeout"));
        assert_eq!(options([("a", "b c\\"), ("d", "")].into_iter()), "-c a=b\\ c\\\\ -c d=");
    }
}
