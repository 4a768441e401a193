//! Roles and their settings, from the `globals` stream.
//!
//! The SQL of `pg_dumpall --globals-only` goes to the server over the protocol,
//! as one transaction: psql, whose meta-commands have let dumps run programs on
//! the restoring host (CVE-2025-8714, CVE-2026-18408), is not involved.

use std::collections::HashSet;

use crate::error::{Code, Error, Result, Stage};
use crate::source::Session;

/// Largest globals that are applied, in bytes.
pub const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// What is left alone on a server that already has roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// A fresh scratch server: only the bootstrap superuser exists; its
    /// attributes are set as they were.
    Scratch,
    /// A server in use: existing roles keep their attributes and passwords.
    Keep,
}

/// The statements of `sql` that are to be run.
///
/// `existing` holds the names of existing roles as `quote_ident` writes them.
/// Dropped are psql's `\restrict` lines, tablespaces (their directories belong
/// to the old host), and what would create or change existing roles.
#[allow(clippy::implicit_hasher)] // ours alone
pub fn select(sql: &str, existing: &HashSet<String>, keep: Existing) -> String {
    let is_meta = |l: &str| {
        ["\\restrict ", "\\unrestrict "]
            .iter()
            .any(|m| l.strip_prefix(m).is_some_and(|k| !k.is_empty() && k.bytes().all(|b| b.is_ascii_alphanumeric())))
    };
    let exists = |l: &str| {
        let created =
            l.strip_prefix("CREATE ROLE ").and_then(|r| r.strip_suffix(';')).is_some_and(|n| existing.contains(n));
        let altered = keep == Existing::Keep
            && l.strip_prefix("ALTER ROLE ").is_some_and(|r| {
                existing.iter().any(|n| r.strip_prefix(n.as_str()).is_some_and(|rest| rest.starts_with(' ')))
            });
        created || altered
    };
    let tablespace = |l: &str| {
        l.starts_with("CREATE TABLESPACE ")
            || l.starts_with("ALTER TABLESPACE ")
            || ((l.starts_with("GRANT ") || l.starts_with("REVOKE ")) && l.contains(" ON TABLESPACE "))
    };
    let mut out = String::with_capacity(sql.len());
    for line in sql.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        if !(is_meta(bare) || exists(bare) || tablespace(bare)) {
            out.push_str(line);
        }
    }
    out
}

/// Applies `sql` on a server where the session is superuser or may create roles.
pub async fn apply(session: &Session, sql: &str, keep: Existing) -> Result<()> {
    let failed = |e: tokio_postgres::Error| {
        // The server's text would show the statement, which may hold a verifier.
        let code = e.code().map_or("no SQLSTATE", tokio_postgres::error::SqlState::code).to_owned();
        Error::new(Code::RestoreFailed, Stage::Restore, format!("the globals could not be applied (SQLSTATE {code})"))
            .hint("Look into the target server's log; the role must be allowed to create roles.")
    };
    let rows = session.client().query("select quote_ident(rolname) from pg_roles", &[]).await.map_err(failed)?;
    let existing: HashSet<String> = rows.iter().map(|r| r.get(0)).collect();
    session.client().batch_execute(&select(sql, &existing, keep)).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "\\restrict abc\nCREATE ROLE app;\nALTER ROLE app WITH LOGIN PASSWORD 'x';\n\
        CREATE ROLE postgres;\nALTER ROLE postgres WITH SUPERUSER;\nALTER ROLE app SET a TO 'b';\n\
        CREATE TABLESPACE t OWNER app LOCATION '/x';\nGRANT ALL ON TABLESPACE t TO app;\n\\unrestrict abc\n";

    #[test]
    fn a_scratch_server_gets_everything_but_its_own_superuser() {
        let existing = HashSet::from(["postgres".to_owned()]);
        assert_eq!(
            select(SQL, &existing, Existing::Scratch),
            "CREATE ROLE app;\nALTER ROLE app WITH LOGIN PASSWORD 'x';\nALTER ROLE postgres WITH SUPERUSER;\nALTER ROLE app SET a TO 'b';\n"
        );
    }

    #[test]
    fn a_server_in_use_keeps_its_roles() {
        let existing = HashSet::from(["postgres".to_owned(), "app".to_owned()]);
        assert_eq!(select(SQL, &existing, Existing::Keep), "");
        let existing = HashSet::from(["postgres".to_owned(), "ap".to_owned()]);
        assert!(select(SQL, &existing, Existing::Keep).contains("ALTER ROLE app WITH LOGIN"));
    }
}
