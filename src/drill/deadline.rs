//! How long a drill may take, and what it was at when it took longer.
//!
//! A function in the copy may sleep, or never end; it runs wherever a constraint, an
//! index or a materialized view of the copy calls it. So there is a limit also where
//! none is configured: one that no copy meets which is only large.

use std::time::Duration;

use tokio_postgres::Client;

use crate::error::{Code, Error, Stage};
use crate::scratch::Door;
use crate::types::shown;

/// What any drill may take.
const ANY: Duration = Duration::from_hours(6);

/// And for each of so many bytes of the backup, a second: 6.3 days for a TiB.
const BYTES: u64 = 2 << 20;

/// How long looking for what still runs may take. The server may be stopped.
const LOOK: Duration = Duration::from_secs(3);

/// The limit for a backup of `plain` bytes.
pub fn of(configured: Option<Duration>, plain: u64) -> Duration {
    configured.unwrap_or_else(|| ANY + Duration::from_secs(plain / BYTES))
}

/// The drill took longer than `limit`; `busy` is what it was at, `stage` what was done
/// with the copy.
pub fn passed(limit: Duration, configured: bool, busy: Option<Busy>, stage: Stage) -> Error {
    let late = format!("the drill took longer than {} s", limit.as_secs());
    let by_default = if configured {
        ""
    } else {
        " It is not set: a drill may take 6 hours, and a second for each 2 MiB of the backup."
    };
    let hint = format!("Raise source.NAME.drill.deadline, or give the drill host more speed.{by_default}");
    let Some(busy) = busy else { return Error::new(Code::Deadline, Stage::Scratch, late).hint(hint) };
    let asleep = if busy.sleeps { ", asleep (pg_sleep)" } else { "" };
    // Names are told as the object, from which reports can take them.
    Error::new(Code::Deadline, stage, format!("{late}; a statement on this still ran after {} s{asleep}", busy.seconds))
        .on(busy.object)
        .hint(format!("{hint} See what the functions do that its definition calls."))
}

/// The statement that runs longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    object: String,
    seconds: i64,
    sleeps: bool,
}

/// What the copy behind `door` is at. To be asked while those who gave it the
/// statements still live: pg_restore cancels its own when it is ended.
pub async fn busy(door: Option<&Door>) -> Option<Busy> {
    tokio::time::timeout(LOOK, longest(door?)).await.ok().flatten()
}

async fn longest(door: &Door) -> Option<Busy> {
    let session = match door.open("postgres", true).await {
        Ok(session) => session,
        Err(_) => door.open("template1", true).await.ok()?,
    };
    let sql = "select pid, datname::text, extract(epoch from now() - query_start)::int8, \
                      coalesce(wait_event = 'PgSleep', false) \
               from pg_catalog.pg_stat_activity \
               where state = 'active' and backend_type = 'client backend' and pid <> pg_catalog.pg_backend_pid() \
                 and datname is not null and query_start is not null \
               order by query_start limit 5";
    for row in session.client().query(sql, &[]).await.ok()? {
        let (pid, database): (i32, String) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
        let Ok(inside) = door.open(&database, true).await else { continue };
        if let Some(object) = locked(inside.client(), pid).await {
            return Some(Busy { object, seconds: row.try_get(2).ok()?, sleeps: row.try_get(3).ok()? });
        }
    }
    None
}

/// The user's relation that a backend holds most strongly: what it loads, builds,
/// refreshes or checks.
async fn locked(client: &Client, pid: i32) -> Option<String> {
    let sql = "select case c.relkind when 'm' then 'materialized view ' when 'v' then 'view ' when 'S' then 'sequence ' \
                      when 'i' then 'index ' when 'I' then 'index ' else 'table ' end, n.nspname::text, c.relname::text \
               from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation \
                    join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
               where l.locktype = 'relation' and l.granted and l.pid = $1 and c.oid >= 16384 \
                 and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()) \
               order by pg_catalog.array_position(array['AccessShareLock', 'RowShareLock', 'RowExclusiveLock', \
                        'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', \
                        'AccessExclusiveLock'], l.mode) desc, c.relkind <> 'm', c.oid limit 1";
    let row = client.query_opt(sql, &[&pid]).await.ok()??;
    let text = |i: usize| row.try_get::<_, String>(i).ok();
    Some(format!("{}{}.{}", text(0)?, shown(&text(1)?), shown(&text(2)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_there_is_a_limit_that_grows_with_the_backup() {
        let hours = |plain| of(None, plain).as_secs() / 3600;
        assert_eq!((hours(0), hours(1 << 30), hours(1 << 40)), (6, 6, 151));
        assert_eq!(of(Some(Duration::from_secs(5)), 1 << 40), Duration::from_secs(5));
        assert!(of(None, u64::MAX) > of(None, 1 << 50));
    }

    #[test]
    fn the_key_to_set_is_named() {
        let late = |busy| passed(Duration::from_hours(6), false, busy, Stage::Restore);
        let e = late(None);
        assert_eq!((e.code(), e.text().as_str()), (Code::Deadline, "the drill took longer than 21600 s"));
        let hint = e.next_step().unwrap();
        assert!(hint.contains("source.NAME.drill.deadline") && hint.contains("not set"), "{hint}");
        let e = late(Some(Busy { object: "table public.t".into(), seconds: 7, sleeps: true }));
        assert_eq!(e.object(), Some("table public.t"));
        assert!(e.text().ends_with("still ran after 7 s, asleep (pg_sleep)"), "{e}");
    }
}
