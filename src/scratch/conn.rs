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

/// How long opening a session may take.
const CONNECT: Duration = Duration::from_secs(20);

/// Settings of every session, given at its start: `ALTER ROLE … SET` and
/// `ALTER DATABASE … SET` of the backup outrank the server's command line but
/// not these. The preload settings keep such an entry from loading a library;
/// the output settings are those under which content digests were taken. Locks
/// are not waited for without end: a prepared transaction of the source comes
/// back with those it held.
const OPTIONS: &str = "-c search_path=pg_catalog -c session_preload_libraries= -c local_preload_libraries= \
     -c row_security=off -c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=3 \
     -c bytea_output=hex -c xmlbinary=base64 -c quote_all_identifiers=off -c synchronize_seqscans=off -c statement_timeout=0 -c lock_timeout=10s \
     -c idle_in_transaction_session_timeout=0 -c default_transaction_isolation=read\\ committed -c lc_messages=C";

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
        let options = format!("{OPTIONS} -c default_transaction_read_only={}", if read_only { "on" } else { "off" });
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
        // Its end is seen by every later query.
        let task = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { client, task })
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
