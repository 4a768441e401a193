//! Sessions with a scratch instance, over its private socket.
//!
//! Not those of [`crate::source`]: there an error is the source's (20, 22) and
//! shows the server's words; here it is 53 and shows no word of the copy's, and
//! what the copy's roles and databases want loaded is not loaded.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use crate::error::{Code, Error, Result, Stage};
use crate::restore::MISSING_LIBRARY;
use crate::source::{Peer, Purpose, pinned};
use crate::types::text::quote_ident;

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

/// What keeps the source's event triggers silent in a session. From 17 on a
/// setting of their own, which `ALTER DATABASE … SET event_triggers = on` of the
/// copy would take back, and a login trigger then run before our first statement.
/// Before, those that are enabled as usual do not fire for a replica (PostgreSQL
/// manual, "ALTER EVENT TRIGGER"); for the others see [`silence_event_triggers`].
pub(crate) const fn no_event_triggers(major: u32) -> (&'static str, &'static str) {
    if major >= 17 { ("event_triggers", "off") } else { ("session_replication_role", "replica") }
}

/// Silences what fires for a replica, too, until the transaction ends: disabled
/// within it, and enabled again as it was before by `ROLLBACK` or by the
/// statements that this gives. For a superuser who is about to make something
/// in a copy.
///
/// # Errors
/// 53 where the server refuses.
pub async fn silence_event_triggers(client: &Client) -> Result<Vec<String>> {
    let refused = |e: tokio_postgres::Error| failed(Code::CouldNotRun, &e);
    let sql = "select evtname::text, evtenabled::text from pg_catalog.pg_event_trigger where evtenabled in ('A', 'R')";
    let mut again = Vec::new();
    for row in client.query(sql, &[]).await.map_err(refused)? {
        let name = quote_ident(row.try_get(0).map_err(refused)?);
        let how = if row.try_get::<_, &str>(1).map_err(refused)? == "A" { "always" } else { "replica" };
        client.batch_execute(&format!("alter event trigger {name} disable")).await.map_err(refused)?;
        again.push(format!("alter event trigger {name} enable {how}"));
    }
    Ok(again)
}

/// The way into one server: its socket, the process that must answer there, and
/// the role to be.
#[derive(Debug, Clone)]
pub struct Door {
    peer: Arc<Peer>,
    role: String,
    major: u32,
}

impl Door {
    /// The way into the server `peer` of major version `major`, as `role`.
    pub fn new(peer: Arc<Peer>, role: impl Into<String>, major: u32) -> Self {
        Self { peer, role: role.into(), major }
    }

    /// The same, as another role.
    #[must_use]
    pub fn as_role(&self, role: &str) -> Self {
        Self { role: role.to_owned(), ..self.clone() }
    }

    /// The server behind it.
    pub const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Opens a session. With `read_only`, transactions cannot write. Nothing is
    /// sent before the kernel has said that the right process listens, and
    /// nothing is asked before that has named itself.
    ///
    /// # Errors
    /// 52 where another server answers; 53 where it does not accept the session;
    /// its text is not in the error.
    pub async fn open(&self, database: &str, read_only: bool) -> Result<Session> {
        Session::open(self, database, read_only).await
    }
}

/// A session; closed when dropped.
#[derive(Debug)]
pub struct Session {
    client: Client,
    task: JoinHandle<()>,
}

impl Session {
    async fn open(door: &Door, database: &str, read_only: bool) -> Result<Self> {
        let mode =
            [("default_transaction_read_only", if read_only { "on" } else { "off" }), no_event_triggers(door.major)];
        let options = pinned::options(pinned::pinned(Purpose::Read, Some(door.major)).chain(OPTIONS).chain(mode));
        let mut config = Config::new();
        config.user(&door.role).dbname(database).application_name("pgseal").options(&options);
        let opening = async {
            let stream = door.peer.reach().await.map_err(|e| match e.code() {
                Code::SourceUnreachable => e.with_code(Code::CouldNotRun),
                _ => e,
            })?;
            let connected = config.connect_raw(stream, NoTls).await;
            let (client, connection) = connected.map_err(|e| failed(Code::CouldNotRun, &e).on(database))?;
            // Its end is seen by every later query.
            let task = tokio::spawn(async move {
                let _ = connection.await;
            });
            let session = Self { client, task };
            door.peer.prove(&session.client).await?;
            session.client.batch_execute(LATER).await.map_err(|e| failed(Code::CouldNotRun, &e).on(database))?;
            Ok(session)
        };
        tokio::time::timeout(CONNECT, opening).await.map_err(|_| {
            Error::new(Code::CouldNotRun, Stage::Scratch, "the scratch server does not answer").on(database)
        })?
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
            .with_sqlstate(telling(&e))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins a transaction, to be rolled back, in which a relation has no indexes but `keep`,
/// and no statistics of expressions. Whatever is planned over it, the planner evaluates
/// parts of these, which is its owner's code with a superuser's rights.
pub fn alone(relation: u32, keep: u32) -> [String; 4] {
    [
        "begin read write".to_owned(),
        "set local constraint_exclusion = off".to_owned(),
        format!(
            "update pg_catalog.pg_index set indisvalid = false where indrelid = {relation} and indexrelid <> {keep}"
        ),
        format!("delete from pg_catalog.pg_statistic_ext where stxrelid = {relation}"),
    ]
}

/// An error of the server, reduced to its SQLSTATE: messages may quote rows
/// (`Key (email)=(…) already exists`).
pub fn failed(code: Code, e: &tokio_postgres::Error) -> Error {
    Error::new(code, Stage::Scratch, reduced(e)).with_sqlstate(telling(e))
}

/// The SQLSTATE, where it says what is wrong: a library or locale that this host lacks
/// shares it with a damaged copy, a role that may not log in with one that is not there.
fn telling(e: &tokio_postgres::Error) -> Option<&str> {
    let state = e.code()?.code();
    (!lacks_library(e) && !lacks_locale(e) && !may_not_log_in(e)).then_some(state)
}

/// Whether the server lacks a library that the copy's types or functions need:
/// a fault of this host.
pub(crate) fn lacks_library(e: &tokio_postgres::Error) -> bool {
    e.as_db_error().is_some_and(|d| speaks_of_library(d.message()))
}

/// The same, of a message.
pub(crate) fn speaks_of_library(message: &str) -> bool {
    MISSING_LIBRARY.iter().any(|begin| message.starts_with(begin))
}

/// Whether the role may not log in (28000, as where it is not there).
fn may_not_log_in(e: &tokio_postgres::Error) -> bool {
    e.as_db_error().is_some_and(|d| d.message().ends_with("\" is not permitted to log in"))
}

fn lacks_locale(e: &tokio_postgres::Error) -> bool {
    e.as_db_error().is_some_and(|d| d.message() == NO_LOCALE)
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

/// How the server refuses a session where its host lacks the database's locale
/// (`CheckMyDatabase()` in PostgreSQL's postinit.c, an internal error by its SQLSTATE).
const NO_LOCALE: &str = "database locale is incompatible with operating system";

/// What may be said of a server's error: its SQLSTATE, or that there was none.
pub fn reduced(e: &tokio_postgres::Error) -> String {
    match e.code() {
        Some(_) if lacks_locale(e) => {
            "a locale of the backup is not installed on this host (locale-gen makes it)".to_owned()
        }
        Some(_) if may_not_log_in(e) => "no superuser of the backup may log in (NOLOGIN)".to_owned(),
        Some(state) => format!("the server refused with SQLSTATE {}{}", state.code(), meaning(state.code())),
        None if e.is_closed() => "the server closed the connection".to_owned(),
        None => "the connection failed".to_owned(),
    }
}
