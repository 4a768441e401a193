//! Whether the server is behind the state that was backed up before: an older copy
//! that was restored has the same identity, and what was written since is not in it.
//!
//! Positions in the write-ahead log only rise while a system lives, and a standby that
//! is promoted goes on from its primary's on a timeline of its own. So a lower one, or
//! an older timeline, is an older state. One that has written more since than it had
//! lost is not noticed.

use crate::catalog::Catalog;
use crate::manifest::Manifest;
use crate::manifest::chain::{self, NEW_SYSTEM, POSITION};
use crate::source::Session;
use crate::types::Lsn;

/// Where a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// What is safely written; of a standby, what is replayed.
    pub lsn: Lsn,
    /// The timeline that is written to. A standby may say an older one than it replays.
    pub timeline: Option<u32>,
}

/// Asks the server; `None` where the role may not.
pub(super) async fn position(session: &Session) -> Option<Position> {
    const SQL: &str = "SELECT l::text, CASE WHEN r THEN NULL ELSE pg_catalog.pg_walfile_name(l) END \
        FROM (SELECT r, CASE WHEN r THEN pg_catalog.pg_last_wal_replay_lsn() \
                     ELSE pg_catalog.pg_current_wal_flush_lsn() END l \
              FROM (SELECT pg_catalog.pg_is_in_recovery() r) a) b WHERE l IS NOT NULL";
    let row = session.client().query_opt(SQL, &[]).await.ok()??;
    let (lsn, file): (String, Option<String>) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
    // A segment's name begins with the timeline (PostgreSQL source, `XLogFileName`).
    let timeline = file.and_then(|f| u32::from_str_radix(f.get(..8)?, 16).ok());
    Some(Position { lsn: lsn.parse().ok()?, timeline })
}

/// What is worth a warning, beside the newest backup of the same system that says
/// where its server was.
pub(super) fn check(catalog: &Catalog, system: &str, now: Option<Position>) -> Option<String> {
    let same = catalog.entries.iter().rev().take_while(|e| e.manifest.pg.system_identifier == system);
    let (before, lsn) = same.map(|e| &e.manifest).find_map(|m| Some((m, chain::position(m)?)))?;
    warning(before, lsn, now?)
}

fn warning(before: &Manifest, lsn: Lsn, now: Position) -> Option<String> {
    let (seq, theirs) = (before.seq, before.pg.timeline);
    let what = match now.timeline {
        Some(ours) if ours < theirs => format!("is on timeline {ours}, and backup #{seq} is of timeline {theirs}"),
        _ if now.lsn < lsn => {
            format!("has written up to {}, and backup #{seq} has what was written up to {lsn}", now.lsn)
        }
        _ => return None,
    };
    Some(format!(
        "the server {what}: this is an older state of the same database system, such as a restored copy, a former \
         primary, or a standby that lags. What was written since is not in this backup; see that source.*.connection \
         leads to the right server"
    ))
}

/// What the manifest holds beside its fields.
pub(super) fn notes(accept_new_system: bool, now: Option<Position>) -> serde_json::Map<String, serde_json::Value> {
    let mut x = serde_json::Map::new();
    if accept_new_system {
        x.insert(NEW_SYSTEM.into(), true.into());
    }
    x.extend(now.map(|p| (POSITION.to_owned(), p.lsn.to_string().into())));
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_backwards_is_told_and_a_new_timeline_is_not() {
        let mut m = crate::manifest::parse::tests::sample(7, None);
        m.pg.timeline = 2;
        let said = |lsn, timeline| warning(&m, Lsn(100), Position { lsn: Lsn(lsn), timeline }).unwrap_or_default();
        for silent in [said(100, Some(2)), said(200, Some(2)), said(100, Some(3)), said(100, None)] {
            assert_eq!(silent, "");
        }
        for lower in [said(99, Some(2)), said(99, None), said(99, Some(3))] {
            assert!(lower.contains("up to 0/63, and backup #7 has what was written up to 0/64"), "{lower}");
        }
        assert!(said(200, Some(1)).contains("timeline 1, and backup #7 is of timeline 2"));
    }

    #[test]
    fn the_position_is_the_backups_own_or_the_noted_one() {
        let mut m = crate::manifest::parse::tests::sample(7, None);
        assert_eq!(chain::position(&m), None);
        m.x = notes(false, Some(Position { lsn: Lsn(5), timeline: None }));
        assert_eq!(chain::position(&m), Some(Lsn(5)));
        m.pg.stop_lsn = Some(Lsn(9));
        assert_eq!(chain::position(&m), Some(Lsn(9)));
        m.pg.stop_lsn = None;
        m.x.insert(POSITION.into(), "far".into());
        assert_eq!(chain::position(&m), None);
    }
}
