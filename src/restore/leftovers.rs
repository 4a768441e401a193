//! Databases that a killed restore left on a server.

use super::database::{MARK, WORKING, must_be_empty};
use crate::error::{Code, Error, Result, Stage};
use crate::source::{ConnParams, Session};
use crate::types::text::quote_ident;

/// An unfinished database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its working name.
    pub name: String,
    /// The server's process that restored it.
    pub session: i32,
}

/// What the server says of databases with such a name: name, comment, and how
/// many sessions are in it.
const SQL: &str = "select d.datname::text, pg_catalog.shobj_description(d.oid, 'pg_database'), \
     (select count(*) from pg_catalog.pg_stat_activity a where a.datid = d.oid) \
     from pg_catalog.pg_database d where d.datname like 'pgseal\\_restoring\\_%' order by 1";

/// Whether the session lives. Who may not see when it began takes it for alive.
const ALIVE: &str = "select exists (select from pg_catalog.pg_stat_activity where pid = $1 \
     and (backend_start is null or extract(epoch from backend_start)::text = $2 \
          or (extract(epoch from backend_start) * 1000000)::int8::text = $2))";

/// Databases on the server that carry our name and our mark, in which nobody is,
/// and whose restoring session is gone. One that was killed before it got its mark
/// has nothing in it.
///
/// # Errors
/// 20, 22 where the server cannot be asked.
pub async fn find(conn: &ConnParams) -> Result<Vec<Unfinished>> {
    let session = conn.connect("pgseal sweep").await?;
    let rows = session.client().query(SQL, &[]).await.map_err(|e| asked(&e))?;
    let mut found = Vec::new();
    for row in rows {
        let (name, comment, sessions): (String, Option<String>, i64) = (row.get(0), row.get(1), row.get(2));
        let Some((pid, began)) = read(&name, comment.as_deref()).filter(|_| sessions == 0) else { continue };
        if !is_alive(&session, pid, began).await? && (comment.is_some() || must_be_empty(conn, &name).await.is_ok()) {
            found.push(Unfinished { name, session: pid });
        }
    }
    Ok(found)
}

/// Drops one. Without force: whoever is in it by now keeps it.
///
/// # Errors
/// 50 where the server refuses.
pub async fn remove(conn: &ConnParams, unfinished: &Unfinished) -> Result<()> {
    let session = conn.connect("pgseal sweep").await?;
    let sql = format!("drop database if exists {}", quote_ident(&unfinished.name));
    session.client().batch_execute(&sql).await.map_err(super::database::failed("cannot drop", &unfinished.name))
}

async fn is_alive(session: &Session, pid: i32, began: &str) -> Result<bool> {
    session.client().query_one(ALIVE, &[&pid, &began]).await.map(|row| row.get(0)).map_err(|e| asked(&e))
}

fn asked(e: &tokio_postgres::Error) -> Error {
    let state = e.code().map_or("no SQLSTATE", |c| c.code());
    Error::new(Code::SourceUnusable, Stage::Restore, format!("cannot look for unfinished databases ({state})"))
}

/// Session and its begin, where name and comment are as we give them: by the
/// comment, or by the name of one that has none yet.
fn read<'a>(name: &'a str, comment: Option<&'a str>) -> Option<(i32, &'a str)> {
    let rest = name.strip_prefix(WORKING)?;
    let (digits, session) = rest.split_once('_').map_or((rest, None), |(d, s)| (d, Some(s)));
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let named = session.map(|s| s.split_once('_').filter(|(_, began)| !began.contains('.')));
    let (pid, began) = match (comment, named) {
        (_, Some(None)) | (None, None) => return None,
        (Some(comment), _) => comment.strip_prefix(MARK)?.split_once(" of ")?,
        (None, Some(Some(named))) => named,
    };
    let plain = !began.is_empty() && began.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    pid.parse().ok().filter(|pid| *pid > 0 && plain).map(|pid| (pid, began))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_name_and_mark_count() {
        let mark = format!("{MARK}77 of 1795474511.123456");
        let good = "pgseal_restoring_0123456789ab";
        assert_eq!(read(good, Some(&mark)), Some((77, "1795474511.123456")));
        for name in ["pgseal_restoring_", "pgseal_restoring_0123456789AB", "pgseal_restoring_0123456789abc", "shop"] {
            assert_eq!(read(name, Some(&mark)), None, "{name}");
        }
        for comment in ["", "mine", MARK, "pgseal restores into this; session 77", "session 77 of 1.0"] {
            assert_eq!(read(good, Some(comment)), None, "{comment}");
        }
        assert_eq!(read(good, Some(&format!("{MARK}-1 of 1.0"))), None);
        assert_eq!(read(good, Some(&format!("{MARK}1 of 1.0 or so"))), None);
        assert_eq!(read(good, None), None);
        let long = format!("{good}_77_1795474511123456");
        assert_eq!(read(&long, None), Some((77, "1795474511123456")));
        assert_eq!(read(&long, Some(&mark)), Some((77, "1795474511.123456")));
        assert_eq!(read(&long, Some("mine")), None);
        for name in ["_", "_77", "_77_", "_-7_1", "_77_1.5", "_77_1_2", "_x_1"] {
            assert_eq!(read(&format!("{good}{name}"), None), None, "{name}");
        }
    }
}
