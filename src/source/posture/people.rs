//! Databases, sessions, replication, extensions on offer, and what is whose.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::read::Reading;
use super::{DatabaseEntry, Holding, ReplicationFacts, SessionFacts};
use crate::source::Ask;

/// Groups of sessions that are alike.
const MOST_SESSIONS: usize = 2_000;

pub(super) async fn databases(reading: &Reading<'_, impl Ask>) -> Result<Vec<DatabaseEntry>, String> {
    let rows = reading
        .rows(
            "the databases",
            "SELECT d.datname::text, pg_get_userbyid(d.datdba)::text, d.datistemplate, d.datallowconn, \
                    CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee)::text END AS role, x.privilege_type \
             FROM pg_database d LEFT JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x ON true \
             ORDER BY d.datname COLLATE \"C\", 5 NULLS FIRST, 6",
            &[],
        )
        .await?;
    let mut all: Vec<DatabaseEntry> = Vec::new();
    for row in &rows {
        let name: String = row.get(0);
        if all.last().is_none_or(|d| d.name != name) {
            let (owner, template, connectable) = (row.get(1), row.get(2), row.get(3));
            all.push(DatabaseEntry { name, owner, template, connectable, grants: Vec::new() });
        }
        if let (Some(database), Some(privilege)) = (all.last_mut(), row.get::<_, Option<String>>(5)) {
            database.grants.push((row.get(4), privilege));
        }
    }
    Ok(all)
}

/// All but our own; none of them is seen in part.
pub(super) async fn sessions(reading: &Reading<'_, impl Ask>) -> Result<Vec<SessionFacts>, String> {
    grouped(
        reading,
        "the sessions",
        "pg_stat_activity a",
        "a.usename IS NOT NULL AND a.backend_type <> 'parallel worker' AND a.pid <> pg_backend_pid()",
    )
    .await
}

pub(super) async fn replication(reading: &Reading<'_, impl Ask>) -> Result<ReplicationFacts, String> {
    let senders =
        grouped(reading, "replication", "pg_stat_replication r JOIN pg_stat_activity a ON a.pid = r.pid", "true")
            .await?;
    let slots = reading
        .rows(
            "the replication slots",
            "SELECT slot_name::text, slot_type, active FROM pg_replication_slots ORDER BY slot_name COLLATE \"C\"",
            &[],
        )
        .await?;
    Ok(ReplicationFacts { senders, slots: slots.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect() })
}

async fn grouped(
    reading: &Reading<'_, impl Ask>,
    what: &str,
    from: &str,
    condition: &str,
) -> Result<Vec<SessionFacts>, String> {
    if !reading.me.all_stats {
        return Err("the role may see its own sessions only (pg_monitor, pg_read_all_stats)".into());
    }
    let sql = format!(
        "SELECT a.usename::text, a.datname::text, host(a.client_addr), coalesce(a.application_name, ''), \
                coalesce(a.backend_type, ''), s.ssl, g.encrypted, count(*) \
         FROM {from} LEFT JOIN pg_stat_ssl s ON s.pid = a.pid LEFT JOIN pg_stat_gssapi g ON g.pid = a.pid \
         WHERE {condition} GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7 LIMIT {}",
        MOST_SESSIONS + 1
    );
    let rows = reading.rows(what, &sql, &[]).await?;
    if rows.len() > MOST_SESSIONS {
        return Err(format!("there are more than {MOST_SESSIONS} kinds of sessions"));
    }
    Ok(rows.iter().map(session).collect())
}

fn session(r: &Row) -> SessionFacts {
    SessionFacts {
        role: r.get(0),
        database: r.get(1),
        address: r.get::<_, Option<&str>>(2).and_then(|a| a.parse().ok()),
        application: r.get(3),
        backend: r.get(4),
        tls: r.get(5),
        gss: r.get(6),
        count: r.get::<_, i64>(7).unsigned_abs(),
    }
}

pub(super) async fn extensions(reading: &Reading<'_, impl Ask>) -> Result<BTreeMap<String, String>, String> {
    let rows = reading
        .rows(
            "the available extensions",
            "SELECT name::text, coalesce(default_version, '') FROM pg_available_extensions",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// `pg_shdepend` knows of every database what belongs to whom.
pub(super) async fn holdings(reading: &Reading<'_, impl Ask>) -> Result<Vec<Holding>, String> {
    let any = |kinds: &str| {
        format!(
            "EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid \
               AND d.deptype IN ({kinds}))"
        )
    };
    let sql = format!(
        "SELECT r.rolname::text, {}, {} FROM pg_roles r WHERE r.rolcanlogin ORDER BY r.rolname COLLATE \"C\"",
        any("'o'"),
        any("'a', 'r', 'i'")
    );
    let rows = reading.rows("what belongs to roles", &sql, &[]).await?;
    Ok(rows.iter().map(|r| Holding { role: r.get(0), owns: r.get(1), granted: r.get(2) }).collect())
}
