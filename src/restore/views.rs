//! Materialized views that pg_restore could not fill: it sets `search_path` to
//! nothing, and a function of the view's may need what the database has set.

use std::collections::HashSet;

use super::archive::Contents;
use super::refused::Refused;
use super::selection;
use crate::error::{Code, Error, Result, Stage};
use crate::source::ConnParams;
use crate::source::facts::{DatabaseFacts, ObjectName};

/// `search_path` where nobody has set it (PostgreSQL manual, "Statement Behavior").
const DEFAULT: &str = "\"$user\", public";

/// The views among what was refused, in the order of the archive.
pub(super) fn of(refused: &Refused, contents: &Contents, encoding: &str) -> Vec<(i64, ObjectName)> {
    let text = |bytes: &[u8]| selection::text(bytes, encoding);
    let of_view = |id: &i64| {
        let e = contents.get(id).filter(|e| e.desc == "MATERIALIZED VIEW DATA")?;
        Some((*id, ObjectName { schema: text(&e.schema)?, name: text(&e.tag)? }))
    };
    refused.entries.iter().filter_map(|(id, _)| of_view(id)).collect()
}

/// Not what would stop the session.
fn may_apply(name: &str) -> bool {
    let stops = ["timeout", "default_transaction", "preload_libraries", "session_", "row_security", "exit_on_error"];
    name != "role" && !stops.iter().any(|s| name.contains(s))
}

/// Fills them under the database's own `search_path`, as its users do, as often as
/// that helps: one may read another. Gives those that are filled.
///
/// The view's query runs with the rights of its owner, in a restricted operation
/// (PostgreSQL manual, "REFRESH MATERIALIZED VIEW"); the statement itself names
/// nothing that a schema of that path could hold.
pub(super) async fn refresh(
    conn: &ConnParams,
    facts: &DatabaseFacts,
    mut wanted: Vec<(i64, ObjectName)>,
) -> Result<HashSet<i64>> {
    let mut done = HashSet::new();
    if wanted.is_empty() {
        return Ok(done);
    }
    let session = conn.connect("pgseal restore").await?;
    let path = facts.settings.iter().find_map(|s| s.strip_prefix("search_path=")).unwrap_or(DEFAULT);
    let failed = |e: tokio_postgres::Error| {
        Error::new(Code::RestoreFailed, Stage::Restore, "cannot set the search_path of the database").because(e)
    };
    session
        .client()
        .query_one("select pg_catalog.set_config('search_path', $1, false)", &[&path])
        .await
        .map_err(failed)?;
    // What else the database has set decides what a view holds: TimeZone, for one.
    for (name, value) in facts.settings.iter().filter_map(|s| s.split_once('=')).filter(|(n, _)| may_apply(n)) {
        // What this role may not set is in force already, or is not.
        let _ = session.client().query("select pg_catalog.set_config($1, $2, false)", &[&name, &value]).await;
    }
    loop {
        let before = done.len();
        for (id, view) in &wanted {
            let sql = format!("refresh materialized view {}", view.quoted());
            if session.client().batch_execute(&sql).await.is_ok() {
                done.insert(*id);
            }
        }
        wanted.retain(|(id, _)| !done.contains(id));
        if wanted.is_empty() || done.len() == before {
            return Ok(done);
        }
    }
}
