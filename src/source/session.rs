//! One SQL session with pinned settings.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, NoTls};

use super::breach::Breach;
use super::conn::{ConnParams, SslMode};
use super::dial::{Bounded, Left};
use super::guard::{Guarded, GuardedTls};
use super::pinned::{self, LOSSY, Purpose};
use super::tls;
use crate::error::{Code, Error, Result, Stage};

/// A connected session. Dropping it ends the connection, and with it whatever
/// it holds: transaction, exported snapshot, temporary slot.
pub struct Session {
    client: Client,
    connection: JoinHandle<()>,
    major: u32,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Set once the session stands, as pg_dump does: a login event trigger of the
/// database (17 and newer) finds its own names, sees the rows it may see, and
/// may write. The call is qualified in full, so that nothing in a schema of the
/// database's own `search_path` can take its place.
const AFTERWARDS: [(&str, &str); 3] =
    [("search_path", "pg_catalog,pg_temp"), ("row_security", "off"), ("client_min_messages", "error")];

/// How long preparing a session may take where no other limit is set.
const PREPARED_WITHIN: Duration = Duration::from_mins(15);

impl ConnParams {
    /// Connects.
    ///
    /// Pinned is what [`super::pinned`] lists for reading, and from then on
    /// `search_path` to `pg_catalog, pg_temp` and `row_security` to off (a query
    /// that policies would filter fails instead).
    ///
    /// # Errors
    /// Source unreachable (20), with the server's or the system's words.
    pub async fn connect(&self, application_name: &str) -> Result<Session> {
        self.open(application_name, false).await
    }

    /// Connects with `default_transaction_read_only` on.
    pub async fn connect_read_only(&self, application_name: &str) -> Result<Session> {
        self.open(application_name, true).await
    }

    async fn open(&self, application_name: &str, read_only: bool) -> Result<Session> {
        let (session, left) = self.enter(application_name).await?;
        match self.ready(&session, &left, read_only).await {
            Ok(()) => return Ok(session),
            Err((e, gone)) if self.major.is_some() || !gone => return Err(e),
            Err(_) => (),
        }
        // Ended before its first statement: the database may end idle sessions at
        // once, which only a setting that older majors refuse prevents.
        let (session, left) = self.with_major(session.major).enter(application_name).await?;
        self.ready(&session, &left, read_only).await.map_err(|(e, _)| e)?;
        Ok(session)
    }

    /// Prepares a session; only then may the server send more than [`super::dial::MAX_START`].
    /// An error comes with whether the server ended it.
    async fn ready(&self, session: &Session, left: &Left, read_only: bool) -> Result<(), (Error, bool)> {
        let limit = self.rules.patience.unwrap_or(PREPARED_WITHIN);
        let done = tokio::time::timeout(limit, session.prepare(read_only)).await;
        let e = match done {
            Ok(Ok(())) => {
                left.lift();
                return Ok(());
            }
            Err(_) => return Err((Breach::Silent(limit).error().on(self.to_string()), false)),
            Ok(Err(e)) => e,
        };
        if let Some(e) = self.broken(left) {
            return Err((e, false));
        }
        let gone = gone(&e);
        Err((self.unreachable("cannot prepare the session").because(e), gone))
    }

    /// Why we left, if we did.
    fn broken(&self, left: &Left) -> Option<Error> {
        if left.is_spent() {
            let what = "the server sends without end before the session begins";
            let e = Error::new(Code::Limit, Stage::Source, what).on(self.to_string());
            return Some(e.hint("Whatever answers there is no PostgreSQL server: check host and port."));
        }
        self.rules.take().map(|breach| breach.error().on(self.to_string()))
    }

    fn unreachable(&self, message: &str) -> Error {
        Error::new(Code::SourceUnreachable, Stage::Source, message)
            .on(self.to_string())
            .hint("Try the same connection with psql; see pg_hba.conf and the server's log.")
    }

    fn cannot_connect(&self, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
        self.unreachable("cannot connect").because(cause)
    }

    async fn enter(&self, application_name: &str) -> Result<(Session, Left)> {
        let mut config = tokio_postgres::Config::new();
        config
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name(application_name)
            .options(self.startup_options(Purpose::Read));
        if let Some(password) = self.password() {
            config.password(password.expose());
        }
        let plain = self.socket_dir().is_some() || self.sslmode == SslMode::Disable;
        let mut tls = if plain { None } else { Some(tls::connector(self)?) };
        config.ssl_mode(match self.sslmode {
            _ if plain => DriverMode::Disable,
            SslMode::Disable => DriverMode::Disable,
            SslMode::Prefer => DriverMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => DriverMode::Require,
        });
        let connecting = async {
            let (socket, left) = match (&self.peer, self.socket_dir()) {
                (Some(peer), _) => Bounded::new(peer.reach().await?),
                (None, Some(dir)) => Bounded::unix(dir, self.port).await.map_err(|e| self.cannot_connect(e))?,
                (None, None) => Bounded::tcp(self.hostaddr, self.host.as_deref(), self.port)
                    .await
                    .map_err(|e| self.cannot_connect(e))?,
            };
            let socket = Guarded::new(socket, self.rules.clone(), tls.is_some());
            let failed = |e| self.broken(&left).unwrap_or_else(|| self.cannot_connect(e));
            let session = match &mut tls {
                None => {
                    let (client, connection) = config.connect_raw(socket, NoTls).await.map_err(&failed)?;
                    started(client, connection)
                }
                Some(tls) => {
                    // The name that the server's certificate is checked for.
                    let address = self.hostaddr.map(|a| a.to_string());
                    let name = self.host.as_ref().or(address.as_ref()).map_or("", String::as_str);
                    let tls = MakeTlsConnect::<Guarded<Bounded>>::make_tls_connect(tls, name);
                    let tls = GuardedTls(tls.map_err(|e| self.cannot_connect(e))?, self.rules.clone());
                    let (client, connection) = config.connect_raw(socket, tls).await.map_err(&failed)?;
                    started(client, connection)
                }
            };
            if let Some(peer) = &self.peer {
                peer.prove(&session.client).await?;
            }
            Ok((session, left))
        };
        tokio::time::timeout(self.connect_timeout, connecting)
            .await
            .map_err(|_| self.unreachable(&format!("no answer within {} s", self.connect_timeout.as_secs())))?
    }
}

fn started<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Session
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let major = pinned::major(connection.parameter("server_version"));
    Session { client, connection: tokio::spawn(drive(connection)), major }
}

/// Whether the server ended the session.
fn gone(e: &tokio_postgres::Error) -> bool {
    e.is_closed() || e.as_db_error().is_none() || e.code() == Some(&SqlState::from_code(IDLE_SESSION_TIMEOUT))
}

/// PostgreSQL manual, "PostgreSQL Error Codes".
const IDLE_SESSION_TIMEOUT: &str = "57P05";

/// Carries the messages until the client is gone or the connection breaks;
/// a break surfaces as an error of the query that waits.
async fn drive<C: Future<Output = Result<(), tokio_postgres::Error>>>(connection: C) {
    if let Err(e) = connection.await {
        tracing::debug!(error = %crate::types::shown(&e.to_string()), "connection ended");
    }
}

impl Session {
    /// The driver's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Major version of the server, as it told when the session began.
    pub const fn major(&self) -> u32 {
        self.major
    }

    async fn prepare(&self, read_only: bool) -> Result<(), tokio_postgres::Error> {
        let calls: Vec<String> = AFTERWARDS
            .iter()
            .copied()
            // Survived so far, the session could still be ended while it waits for its next statement.
            .chain(pinned::later(Purpose::Read, self.major))
            .chain(read_only.then_some(("default_transaction_read_only", "on")))
            .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', false)"))
            .collect();
        self.client.batch_execute(&format!("SELECT {}", calls.join(", "))).await?;
        // Only some minors know it. A database may forbid views to everybody. At the source, as
        // in pg_dump, no view may take the place of a table (CVE-2024-7348).
        let kinds = if read_only { "view, foreign-table" } else { "" };
        let views = format!(
            "SELECT set_config(name, '{kinds}', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'"
        );
        self.client.batch_execute(&views).await
    }

    /// Gives what the children of this session's role and database must pin
    /// besides, so that a damaged page is an error and not a page without rows.
    ///
    /// # Errors
    /// Source unusable (22) where such a setting is on and the role may not set it.
    pub async fn refuse_lossy_reads(&self) -> Result<Vec<(&'static str, &'static str)>> {
        let mut more = Vec::new();
        for (name, safe) in LOSSY {
            let row = self.client.query_one("SELECT current_setting($1)", &[&name]).await;
            let value: String = row.map_err(|e| Self::failed("cannot read a setting", e))?.get(0);
            if value == safe {
                continue;
            }
            self.client.batch_execute(&format!("SET {name} = {safe}")).await.map_err(|e| {
                let what = format!("{name} is {value}: rows of damaged pages would be missing without a word");
                Error::new(Code::SourceUnusable, Stage::Source, what).because(e).hint(format!(
                    "Reset {name} in postgresql.conf and for the role and the database (\\drds in psql)."
                ))
            })?;
            more.push((name, safe));
        }
        Ok(more)
    }

    /// Sends and receives text in the database's own encoding from here on, as
    /// pg_dump does, so that COPY text has the dump's bytes. Names in other
    /// encodings than UTF-8 cannot be read by this session any more.
    pub async fn use_database_encoding(&self) -> Result<()> {
        self.client
            .batch_execute(
                "SELECT pg_catalog.set_config('client_encoding', pg_catalog.pg_encoding_to_char(encoding), false) \
                 FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
            )
            .await
            .map_err(|e| Self::failed("cannot set the encoding", e))
    }

    /// An error of a query on the source: the server was reached, but could not be used.
    pub fn failed(message: &str, cause: tokio_postgres::Error) -> Error {
        let code = if cause.is_closed() || cause.as_db_error().is_none() {
            Code::SourceUnreachable
        } else {
            Code::SourceUnusable
        };
        // character_not_in_repertoire: in a database of SQL_ASCII names are any bytes.
        let no_utf8 = cause.code() == Some(&tokio_postgres::error::SqlState::CHARACTER_NOT_IN_REPERTOIRE);
        let e = Error::new(code, Stage::Source, message).because(cause);
        if !no_utf8 {
            return e;
        }
        e.hint(
            "The database has a name (of a table, column, function, …) that is not UTF-8, as only SQL_ASCII allows. \
             Rename it (ALTER … RENAME TO …), or take a physical backup: kind = \"physical\".",
        )
    }
}

impl super::Ask for Session {
    fn client(&self) -> &Client {
        &self.client
    }

    fn refused(&self, what: &str, e: tokio_postgres::Error) -> Error {
        Self::failed(&format!("cannot read {what}"), e)
    }
}
