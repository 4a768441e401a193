//! Roles and their settings, from the `globals` stream.
//!
//! The SQL of `pg_dumpall --globals-only` goes to the server over the protocol,
//! as one transaction: psql, whose meta-commands have let dumps run programs on
//! the restoring host (CVE-2025-8714, CVE-2026-18408), is not involved.

use std::collections::HashSet;

use crate::error::{Code, Error, Result, Stage};
use crate::source::{Facts, Session};
use crate::types::shown;
use crate::types::text::first_of;

/// Names that a sentence gives.
const FEW: usize = 8;

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
/// to the old host), and what would create or change existing roles. Only whole
/// statements are dropped: a line of a comment may look like one.
pub fn select<S: std::hash::BuildHasher>(sql: &str, existing: &HashSet<String, S>, keep: Existing) -> String {
    let begins = |text: &str, end: char| {
        existing.iter().any(|n| text.strip_prefix(n.as_str()).is_some_and(|rest| rest.starts_with(end)))
    };
    let is_dropped = |s: &str| {
        let role = |before: &str| s.strip_prefix(before);
        let created = role("CREATE ROLE ").is_some_and(|r| begins(r, ';'));
        let altered = role("ALTER ROLE ").or_else(|| role("COMMENT ON ROLE ")).is_some_and(|r| begins(r, ' '));
        // `GRANT role TO member`: the member is what changes.
        let member = role("GRANT ").and_then(|r| after_name(r)?.strip_prefix(" TO "));
        let granted = member.is_some_and(|m| begins(m, ' ') || begins(m, ';'));
        let tablespace =
            ["CREATE TABLESPACE ", "ALTER TABLESPACE ", "COMMENT ON TABLESPACE "].iter().any(|b| role(b).is_some())
                || ((role("GRANT ").is_some() || role("REVOKE ").is_some()) && s.contains(" ON TABLESPACE "));
        created || tablespace || (keep == Existing::Keep && (altered || granted))
    };
    statements(sql).into_iter().filter(|s| !is_dropped(s)).fold(String::with_capacity(sql.len()), |mut out, s| {
        out.push_str(s);
        out.push('\n');
        out
    })
}

/// What follows an identifier.
fn after_name(text: &str) -> Option<&str> {
    let Some(mut rest) = text.strip_prefix('"') else { return text.find(' ').map(|end| &text[end..]) };
    loop {
        rest = rest.split_once('"')?.1;
        match rest.strip_prefix('"') {
            Some(more) => rest = more,
            None => return Some(rest),
        }
    }
}

/// The statements of a script of `pg_dumpall`, without comments and psql's
/// `\restrict` lines. What it writes: quoted identifiers, `'…'` and `E'…'`.
fn statements(sql: &str) -> Vec<&str> {
    let bytes = sql.as_bytes();
    let line_end = |at: usize| memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n + 1);
    let (mut out, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let fresh = start == at;
        match bytes[at] {
            b' ' | b'\n' | b'\r' | b'\t' if fresh => (start, at) = (at + 1, at + 1),
            b'-' | b'\\' if fresh && (bytes[at] == b'\\' || bytes[at..].starts_with(b"--")) => {
                at = line_end(at);
                start = at;
            }
            b';' => {
                at += 1;
                out.push(&sql[start..at]);
                start = at;
            }
            quote @ (b'\'' | b'"') => {
                // A doubled quote is the end of one text and the beginning of another.
                let escapes = quote == b'\'' && at > start && bytes[at - 1] == b'E';
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if escapes && bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    // What is not ended is no statement; the server would wait for its end, too.
    if !sql[start.min(sql.len())..].trim().is_empty() {
        out.push(&sql[start..]);
    }
    out
}

/// Applies `sql` on a server where the session is superuser or may create roles.
pub async fn apply(session: &Session, sql: &str, keep: Existing) -> Result<()> {
    let failed = |e: tokio_postgres::Error| {
        // The server's text would show the statement, which may hold a verifier.
        let code = e.code().map_or("no SQLSTATE", tokio_postgres::error::SqlState::code).to_owned();
        Error::new(Code::RestoreFailed, Stage::Restore, format!("the globals could not be applied (SQLSTATE {code})"))
            .with_sqlstate(e.code().map(tokio_postgres::error::SqlState::code))
            .hint("The role of the target connection must be a superuser: pg_dumpall's statements need one. Else look into the target server's log.")
    };
    let rows = session.client().query("select quote_ident(rolname) from pg_roles", &[]).await.map_err(failed)?;
    let existing: HashSet<String> = rows.iter().map(|r| r.get(0)).collect();
    session.client().batch_execute(&select(sql, &existing, keep)).await.map_err(failed)?;
    if keep == Existing::Scratch {
        // A bootstrap superuser that was locked at the source must enter its copy.
        let locked = "select quote_ident(rolname) from pg_roles where rolname = session_user and not rolcanlogin";
        if let Some(row) = session.client().query_opt(locked, &[]).await.map_err(failed)? {
            let unlock = format!("alter role {} login", row.get::<_, &str>(0));
            session.client().batch_execute(&unlock).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// What [`Existing::Keep`] leaves as it is, in words: the roles, and what the backup
/// makes them members of. Asked before the globals are applied.
pub async fn left_alone(session: &Session, facts: &Facts) -> Result<Vec<String>> {
    let failed = |e| Session::failed("cannot read the target server's roles", e);
    let sql = "select rolname::text from pg_catalog.pg_roles where rolname !~ '^pg_'";
    let rows = session.client().query(sql, &[]).await.map_err(failed)?;
    let have: HashSet<String> = rows.iter().map(|r| r.get(0)).collect();
    let sql = "select r.rolname::text, m.rolname::text from pg_catalog.pg_auth_members a \
               join pg_catalog.pg_roles r on r.oid = a.roleid join pg_catalog.pg_roles m on m.oid = a.member";
    let rows = session.client().query(sql, &[]).await.map_err(failed)?;
    let members: HashSet<(String, String)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    let kept = || facts.roles.iter().filter(|r| have.contains(&r.name));
    let mut notes = Vec::new();
    let names: Vec<String> = kept().map(|r| r.name.clone()).collect();
    if !names.is_empty() {
        notes.push(format!(
            "roles that exist keep their attributes, passwords, settings and comments ({}): {}",
            names.len(),
            first_of(&names, FEW)
        ));
    }
    let not_given: Vec<String> = kept()
        .flat_map(|r| r.member_of.iter().map(move |of| (of.clone(), r.name.clone())))
        .filter(|pair| !members.contains(pair))
        .map(|(of, member)| format!("GRANT {} TO {}", shown(&of), shown(&member)))
        .collect();
    if !not_given.is_empty() {
        notes.push(format!(
            "memberships of these roles that the backup has are left out ({}): {}",
            not_given.len(),
            first_of(&not_given, FEW)
        ));
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "\\restrict abc\nCREATE ROLE app;\nALTER ROLE app WITH LOGIN PASSWORD 'x';\n\
        CREATE ROLE postgres;\nALTER ROLE postgres WITH SUPERUSER;\nALTER ROLE app SET a TO 'b';\n\
        CREATE TABLESPACE t OWNER app LOCATION '/x';\nGRANT ALL ON TABLESPACE t TO app;\n\\unrestrict abc\n";

    fn names(all: &[&str]) -> HashSet<String> {
        all.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn a_scratch_server_gets_everything_but_its_own_superuser() {
        assert_eq!(
            select(SQL, &names(&["postgres"]), Existing::Scratch),
            "CREATE ROLE app;\nALTER ROLE app WITH LOGIN PASSWORD 'x';\nALTER ROLE postgres WITH SUPERUSER;\nALTER ROLE app SET a TO 'b';\n"
        );
    }

    #[test]
    fn a_server_in_use_keeps_its_roles() {
        assert_eq!(select(SQL, &names(&["postgres", "app"]), Existing::Keep), "");
        assert!(select(SQL, &names(&["postgres", "ap"]), Existing::Keep).contains("ALTER ROLE app WITH LOGIN"));
        let grants = "GRANT \"b \"\" TO app\" TO new GRANTED BY postgres;\nGRANT boss TO app GRANTED BY postgres;\n\
            COMMENT ON ROLE app IS 'x';\nGRANT app TO new;\n";
        assert_eq!(
            select(grants, &names(&["app", "postgres"]), Existing::Keep),
            "GRANT \"b \"\" TO app\" TO new GRANTED BY postgres;\nGRANT app TO new;\n"
        );
    }

    #[test]
    fn texts_that_look_like_statements_stay_texts() {
        // Dropping the second line alone would end the text within the next comment, and run what is in it.
        let hostile = "COMMENT ON ROLE evil IS 'a;\nALTER ROLE app WITH NOLOGIN;';\n\
            COMMENT ON ROLE evil IS E'\\\\''; ALTER ROLE evil SUPERUSER; --\n\\restrict x';\n";
        assert_eq!(select(hostile, &names(&["app"]), Existing::Keep), hostile);
        assert_eq!(statements("-- it's\n\nSET a = 'b';\n\\restrict x\nSET \"c;\" = 'd''e;';").len(), 2);
    }
}
