//! Sessions with a scratch instance, over its private socket.
//!
//! Not those of [`crate::source`]: there an error is the source's (20, 22) and
//! shows the server's words; here it is 53 and shows no word of the copy's, and
//! what the copy's roles and databases want loaded is not loaded.

use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use crate::error::{Code, Error, Result, Stage};
use crate::source::{Purpose, pinned};

/// How long opening a session may take.
const CONNECT: Duration = Duration::from_secs(20);

/// Given at the start of every session besides what [`crate::source::pinned`] lists
/// for reading: `ALTER ROLE … SET` and `ALTER DATABASE … SET` of the backup outrank
/// the server's command line but not these. The preload settings keep such an entry
/// from loading a library. Locks are not waited for without end: a prepared
/// transaction of the source comes back with those it held.
const OPTIONS: [(&str, &str); 6] = [
    ("search_path", "pg_catalog,pg_temp"),
    ("session_preload_libraries", ""),
    ("local_preload_libraries", ""),
    ("row_security", "off"),
    ("lock_timeout", "10s"),
    ("lc_messages", "C"),
];

/// What only newer majors, or only some minors, know.
const LATER: &str = "SELECT set_config(name, CASE vartype WHEN 'integer' THEN '0' ELSE '' END, false) FROM pg_settings \
     WHERE name IN ('idle_session_timeout', 'transaction_timeout', 'restrict_nonsystem_relation_kind')";

/// A session; closed when dropped.
#[derive(Debug)]
pub struct Session {
    client: Client,
    task: JoinHandle<()>,
}

impl Session {
    /// Opens a session. With `read_only`, transactions cannot write.
    ///
    /// # Errors
    /// 53 where the server does not accept it; its text is not in the error.
    pub async fn open(socket_dir: &Path, port: u16, user: &str, database: &str, read_only: bool) -> Result<Self> {
        let place = (socket_dir, port, user, database, read_only);
        let (session, major) = Self::enter(place, None).await?;
        if session.client.batch_execute(LATER).await.is_ok() {
            return Ok(session);
        }
        // The database may end idle sessions at once, which only a setting that older
        // majors refuse prevents.
        let (session, _) = Self::enter(place, Some(major)).await?;
        session.client.batch_execute(LATER).await.map_err(|e| failed(Code::CouldNotRun, &e).on(database))?;
        Ok(session)
    }

    async fn enter(
        (socket_dir, port, user, database, read_only): (&Path, u16, &str, &str, bool),
        major: Option<u32>,
    ) -> Result<(Self, u32)> {
        let mode = [("default_transaction_read_only", if read_only { "on" } else { "off" })];
        let options = pinned::options(pinned::pinned(Purpose::Read, major).chain(OPTIONS).chain(mode));
        let mut config = Config::new();
        config
            .host_path(socket_dir)
            .port(port)
            .user(user)
            .dbname(database)
            .application_name("pgseal")
            .connect_timeout(CONNECT)
            .options(&options);
        let (client, connection) = tokio::time::timeout(CONNECT, config.connect(NoTls))
            .await
            .map_err(|_| {
                Error::new(Code::CouldNotRun, Stage::Scratch, "the scratch server does not answer").on(database)
            })?
            .map_err(|e| failed(Code::CouldNotRun, &e).on(database))?;
        let major = pinned::major(connection.parameter("server_version"));
        // Its end is seen by every later query.
        let task = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok((Self { client, task }, major))
    }

    /// The client.
    pub const fn client(&self) -> &Client {
        &self.client
    }
}

impl crate::source::Ask for Session {
    fn client(&self) -> &Client {
        &self.client
    }

    fn refused(&self, what: &str, e: tokio_postgres::Error) -> Error {
        Error::new(Code::CouldNotRun, Stage::Checks, format!("cannot read {what}: {}", reduced(&e)))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An error of the server, reduced to its SQLSTATE: messages may quote rows
/// (`Key (email)=(…) already exists`).
pub fn failed(code: Code, e: &tokio_postgres::Error) -> Error {
    Error::new(code, Stage::Scratch, reduced(e))
}

/// What this host lacks, where that is what a state says (PostgreSQL manual,
/// "PostgreSQL Error Codes", class 53).
fn meaning(state: &str) -> &'static str {
    match state {
        "53100" => " (out of space; see scratch.max_disk)",
        "53200" => " (out of memory; see scratch.max_memory)",
        "53300" => " (too many connections; use fewer jobs)",
        _ => "",
    }
}

/// What may be said of a server's error: its SQLSTATE, or that there was none.
pub fn reduced(e: &tokio_postgres::Error) -> String {
    match e.code() {
        Some(state) => format!("the server refused with SQLSTATE {}{}", state.code(), meaning(state.code())),
        None if e.is_closed() => "the server closed the connection".to_owned(),
        None => "the connection failed".to_owned(),
    }
}
