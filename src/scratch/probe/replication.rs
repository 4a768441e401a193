//! ISO-010: replication and archive.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Rule, Seen, Target};
use crate::config::schema::Isolation;
use crate::scratch::conn;

/// ISO-010.
pub const RULE: Rule =
    Rule { id: "ISO-010", title: "it follows nobody, feeds nobody and archives nothing", from: Isolation::I1 };

const SQL: &str = "select (select count(*) from pg_catalog.pg_stat_replication), \
     (select count(*) from pg_catalog.pg_stat_wal_receiver), \
     (select count(*) from pg_catalog.pg_stat_subscription where pid is not null), \
     (select count(*) from pg_catalog.pg_stat_activity where backend_type in ('archiver', 'walsender', 'walreceiver') \
       or backend_type like 'logical replication%'), \
     ARCHIVED, current_setting('archive_mode')";

/// Whether the archiver did anything. Before 15 it is the statistics collector
/// that knows; without a network to hear it by, its answer is waited for in vain
/// for 10 s (`PGSTAT_MAX_WAIT_TIME` in PostgreSQL's pgstat.c).
const ARCHIVED: &str = "(select count(*) from pg_catalog.pg_stat_archiver \
     where greatest(last_archived_time, last_failed_time) >= pg_catalog.pg_postmaster_start_time())";

pub(super) async fn look(t: Target<'_>) -> Seen {
    let Some(before) = marks(t.data_dir) else { return Seen::blind("pg_wal/archive_status cannot be read") };
    // Ends a segment: were there an archiver, it would have something to do.
    if let Err(e) = t.client.query_one("select pg_catalog.pg_switch_wal()::text", &[]).await {
        return Seen::Blind(format!("the WAL cannot be switched: {}", conn::reduced(&e)));
    }
    let sql = SQL.replace("ARCHIVED", if t.major >= 15 { ARCHIVED } else { "0::bigint" });
    let row = match t.client.query_one(&sql, &[]).await {
        Ok(row) => row,
        Err(e) => return Seen::Blind(conn::reduced(&e)),
    };
    let Some(after) = marks(t.data_dir) else { return Seen::blind("pg_wal/archive_status cannot be read") };
    let numbers: Result<Vec<i64>, _> = (0..5).map(|i| row.try_get(i)).collect();
    let (Ok(n), Ok(archive)) = (numbers, row.try_get::<_, String>(5)) else {
        return Seen::blind("the server's answer cannot be read");
    };
    let waiting = after.iter().filter(|m| m.strip_suffix(".ready").is_some() || !before.contains(*m)).count();
    let evidence = format!(
        "{} senders, {} receivers, {} subscription workers, {} such processes, archive_mode {archive}, \
         archiver at work {} times, {waiting} waiting after a switch",
        n[0], n[1], n[2], n[3], n[4]
    );
    Seen::judge(n.iter().all(|c| *c == 0) && archive == "off" && waiting == 0, evidence)
}

/// Names in `pg_wal/archive_status`: what is to be archived, and what was.
fn marks(data: &Path) -> Option<BTreeSet<String>> {
    let entries = std::fs::read_dir(data.join("pg_wal/archive_status")).ok()?;
    entries.map(|e| e.ok().map(|e| e.file_name().to_string_lossy().into_owned())).collect()
}
