//! Asks for all of it.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::{Posture, access, people, settings};
use crate::source::Ask;
use crate::types::Known;

/// Nothing that is asked for here is worth waiting longer for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Rows that one answer may have.
const MOST_ROWS: usize = 50_000;

/// What a server says of itself now, as far as the session's role may see it.
///
/// One read-only transaction, in which nothing is created and nothing waits for
/// long. It begins anew where a refusal ended it; the session must be in none. Never
/// fails: what cannot be read is [`Known::No`].
pub async fn read(session: &impl Ask) -> Posture {
    let reading = match Reading::begin(session).await {
        Ok(reading) => reading,
        Err(why) => return Posture { taken_at: Timestamp::now(), ..Posture::unread(&why) },
    };
    let access = access::read(&reading).await;
    let posture = Posture {
        taken_at: reading.me.now,
        settings: known(settings::all(&reading).await),
        hba: access.hba,
        ident: access.ident,
        hba_loaded: access.loaded,
        role_settings: known(settings::of_roles(&reading).await),
        parameter_grants: known(settings::grants(&reading).await),
        databases: known(people::databases(&reading).await),
        sessions: known(people::sessions(&reading).await),
        replication: known(people::replication(&reading).await),
        available_extensions: known(people::extensions(&reading).await),
        holdings: known(people::holdings(&reading).await),
    };
    reading.end().await;
    posture
}

/// A value, or why there is none.
pub(super) fn known<T>(read: Result<T, String>) -> Known<T> {
    read.map_or_else(Known::No, Known::Yes)
}

/// The session's role and what it may.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Me {
    /// By the server's clock.
    pub(super) now: Timestamp,
    /// Major version of the server.
    pub(super) major: u32,
    /// Whether the session came over a unix socket.
    pub(super) socket: bool,
    /// Process that serves the session.
    pub(super) backend: i32,
    /// How the process calls its session: role and database.
    pub(super) title: String,
    /// May see everybody's sessions.
    pub(super) all_stats: bool,
    /// May read the server's files (and not only those in its data directory).
    pub(super) files: bool,
    /// May call `pg_read_binary_file`.
    pub(super) read_file: bool,
    /// May call `pg_stat_file`.
    pub(super) stat_file: bool,
    /// May call `pg_ls_dir`.
    pub(super) list_dir: bool,
    /// May call `pg_hba_file_rules`.
    pub(super) rules: bool,
    /// May call `pg_ident_file_mappings` (15+).
    pub(super) mappings: bool,
}

/// Microseconds since 1970, of a time in SQL.
pub(super) fn micros(time: impl Display) -> String {
    format!("(extract(epoch FROM {time}) * 1000000)::int8")
}

/// The time of [`micros`].
pub(super) fn time(micros: Option<i64>) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros?).ok()
}

/// The transaction.
pub(super) struct Reading<'a, A> {
    session: &'a A,
    pub(super) me: Me,
}

impl<'a, A: Ask> Reading<'a, A> {
    async fn begin(session: &'a A) -> Result<Self, String> {
        begin(session).await.map_err(|e| reason("the server", &e))?;
        let may = |function: &str| format!("has_function_privilege('{function}', 'EXECUTE')");
        let sql = format!(
            "SELECT {now}, current_setting('server_version_num')::int4, inet_server_addr() IS NULL, pg_backend_pid(), \
                    session_user::text || ' ' || current_database()::text, \
                    pg_has_role('pg_read_all_stats', 'USAGE'), \
                    pg_has_role('pg_read_server_files', 'USAGE'), {read}, {stat}, {list}, {rules}, \
                    CASE WHEN to_regprocedure('pg_ident_file_mappings()') IS NULL THEN false ELSE {mappings} END",
            now = micros("clock_timestamp()"),
            read = may("pg_read_binary_file(text,bigint,bigint,boolean)"),
            stat = may("pg_stat_file(text,boolean)"),
            list = may("pg_ls_dir(text,boolean,boolean)"),
            rules = may("pg_hba_file_rules()"),
            mappings = may("pg_ident_file_mappings()"),
        );
        let row = session.client().query_one(&sql, &[]).await.map_err(|e| reason("the server", &e));
        let row = match row {
            Ok(row) => row,
            Err(why) => {
                rollback(session).await;
                return Err(why);
            }
        };
        let me = Me {
            now: time(row.get(0)).unwrap_or_else(Timestamp::now),
            major: row.get::<_, i32>(1).unsigned_abs() / 10_000,
            socket: row.get(2),
            backend: row.get(3),
            title: row.get(4),
            all_stats: row.get(5),
            files: row.get(6),
            read_file: row.get(7),
            stat_file: row.get(8),
            list_dir: row.get(9),
            rules: row.get(10),
            mappings: row.get(11),
        };
        Ok(Self { session, me })
    }

    /// The rows of `sql`; why not, where it is refused, takes too long or has too many.
    pub(super) async fn rows(&self, what: &str, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, String> {
        let limited = format!("SELECT * FROM ({sql}) q LIMIT {}", MOST_ROWS + 1);
        match self.session.client().query(&limited, params).await {
            Ok(rows) if rows.len() > MOST_ROWS => Err(format!("there are more than {MOST_ROWS} of {what}")),
            Ok(rows) => Ok(rows),
            Err(e) => {
                rollback(self.session).await;
                let why = reason(what, &e);
                begin(self.session).await.map_err(|e| reason(what, &e))?;
                Err(why)
            }
        }
    }

    /// The first row of `sql`.
    pub(super) async fn row(&self, what: &str, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, String> {
        let rows = self.rows(what, sql, params).await?;
        rows.into_iter().next().ok_or_else(|| format!("the server told nothing of {what}"))
    }

    async fn end(self) {
        rollback(self.session).await;
    }
}

async fn begin(session: &impl Ask) -> Result<(), tokio_postgres::Error> {
    let milliseconds = TIMEOUT.as_millis();
    let sql = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = {milliseconds}"
    );
    session.client().batch_execute(&sql).await
}

/// Where even this fails the connection is gone, and whatever comes next says so.
async fn rollback(session: &impl Ask) {
    if let Err(e) = session.client().batch_execute("ROLLBACK").await {
        tracing::debug!(error = %crate::types::shown(&e.to_string()), "cannot end the reading of the posture");
    }
}

/// Why, in our words: the server's may hold anything.
fn reason(what: &str, e: &tokio_postgres::Error) -> String {
    match e.code() {
        None => format!("the connection broke while {what} was read"),
        Some(c) if *c == SqlState::INSUFFICIENT_PRIVILEGE => format!("the role may not read {what}"),
        Some(c) if *c == SqlState::QUERY_CANCELED || *c == SqlState::LOCK_NOT_AVAILABLE => {
            format!("reading {what} took longer than {} s", TIMEOUT.as_secs())
        }
        Some(c) => format!("the server could not read {what} (SQLSTATE {})", crate::types::shown(c.code())),
    }
}
