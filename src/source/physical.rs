//! The stream of a physical backup.

use std::path::Path;

use super::{BaseTap, ConnParams, DumpStream, PgBin, Purpose, Session, StreamRole};
use crate::config::schema::FileChecksums;
use crate::error::{Code, Error, Result, Stage};
use crate::process::Stdout;
use crate::types::ids::random_bytes;

/// Whether a base backup can be taken at all, before anything starts.
///
/// # Errors
/// Source unusable (22): extra tablespaces, no replication privilege, `wal_level` minimal,
/// no sender left.
pub async fn preflight(session: &Session) -> Result<()> {
    let refuse = |what: String, hint: &str| Err(Error::new(Code::SourceUnusable, Stage::Source, what).hint(hint));
    let row = session
        .client()
        .query_one(
            "SELECT ARRAY(SELECT spcname::text FROM pg_catalog.pg_tablespace \
                          WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY 1), \
                    (SELECT rolsuper OR rolreplication FROM pg_catalog.pg_roles WHERE rolname = current_user), \
                    pg_catalog.current_setting('wal_level'), \
                    pg_catalog.current_setting('max_wal_senders')::int4, \
                    pg_catalog.current_setting('max_replication_slots')::int4, current_user::text",
            &[],
        )
        .await
        .map_err(|e| Session::failed("cannot look at the server", e))?;
    let spaces: Vec<String> = row.get(0);
    if !spaces.is_empty() {
        return refuse(
            format!("the cluster has tablespaces of its own: {}", spaces.join(", ")),
            "A base backup with tablespaces cannot be streamed yet; use kind = \"logical\".",
        );
    }
    if row.get::<_, Option<bool>>(1) != Some(true) {
        return refuse(
            format!("role {} may not replicate", row.get::<_, String>(5)),
            "ALTER ROLE … REPLICATION, and allow it a \"replication\" connection in pg_hba.conf.",
        );
    }
    if row.get::<_, String>(2) == "minimal" {
        return refuse("wal_level is minimal".into(), "Set wal_level = replica and restart the server.");
    }
    if row.get::<_, i32>(3) < 1 || row.get::<_, i32>(4) < 1 {
        return refuse(
            "max_wal_senders or max_replication_slots is 0".into(),
            "Set both to at least 2 and restart the server.",
        );
    }
    Ok(())
}

/// The connection on which the server says in English what it leaves out: only
/// superusers may ask for that.
pub async fn in_english(session: &Session, conn: &ConnParams) -> Result<ConnParams> {
    let sql = "SELECT pg_catalog.current_setting('is_superuser') = 'on'";
    let row = session.client().query_one(sql, &[]).await;
    let may = row.map_err(|e| Session::failed("cannot read a setting", e))?.get(0);
    Ok(if may { conn.with_setting("lc_messages", "C") } else { conn.clone() })
}

/// Bytes of all databases: what a base backup will about hold. `None` where
/// the role may not ask.
pub async fn estimated_bytes(session: &Session) -> Option<u64> {
    let sql = "SELECT sum(pg_catalog.pg_database_size(oid))::int8 FROM pg_catalog.pg_database";
    let row = session.client().query_one(sql, &[]).await.ok()?;
    row.get::<_, Option<i64>>(0).map(i64::unsigned_abs)
}

/// Keeps the WAL that `-X fetch` reads at the end of the backup. Dropping it
/// lets go: the slot is temporary and ends with its session.
#[derive(Debug)]
pub struct WalHold {
    session: Session,
    slot: String,
}

impl WalHold {
    /// Name of the slot.
    pub fn slot(&self) -> &str {
        &self.slot
    }

    /// Whether the slot still keeps everything: `max_slot_wal_keep_size` may
    /// have invalidated it meanwhile.
    pub async fn is_whole(&self) -> Result<bool> {
        let row = self
            .session
            .client()
            .query_opt(
                "SELECT wal_status IN ('reserved', 'extended') FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
                &[&self.slot],
            )
            .await
            .map_err(|e| Session::failed("cannot look at the replication slot", e))?;
        Ok(row.and_then(|r| r.get::<_, Option<bool>>(0)).unwrap_or(false))
    }
}

/// Takes a temporary physical replication slot that reserves WAL from now on.
pub async fn hold_wal(conn: &ConnParams) -> Result<WalHold> {
    let session = conn.connect("pgseal wal").await?;
    let slot = format!("pgseal_{}", hex::encode(random_bytes::<8>()?));
    session
        .client()
        .execute("SELECT pg_catalog.pg_create_physical_replication_slot($1, true, true)", &[&slot])
        .await
        .map_err(|e| {
        Session::failed("cannot take a temporary replication slot", e)
            .hint("See max_replication_slots, and whether the role has REPLICATION.")
    })?;
    Ok(WalHold { session, slot })
}

/// `pg_basebackup` to a pipe, with the WAL it needs and `checksums` of the files
/// in its manifest.
pub fn stream(bin: &PgBin, conn: &ConnParams, private_dir: &Path, checksums: FileChecksums) -> Result<DumpStream> {
    let tool = bin
        .tool("pg_basebackup")?
        .args(["--format=tar", "--pgdata=-", "--wal-method=fetch", "--checkpoint=fast"])
        .arg(format!("--manifest-checksums={}", checksums.pg_name()))
        .args(["--label=pgseal", "--no-password", "--no-sync"])
        .envs(conn.child_env(private_dir, Purpose::Read)?)
        .stdout(Stdout::Piped);
    Ok(DumpStream { role: StreamRole::Base, database: None, tool, tap: Box::<BaseTap>::default(), tables: Vec::new() })
}
