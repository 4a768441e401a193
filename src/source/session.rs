//! One SQL session with pinned settings.

use std::fmt;

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::{Client, NoTls};

use super::conn::{ConnParams, SslMode};
use super::tls;
use crate::error::{Code, Error, Result, Stage};

/// A connected session. Dropping it ends the connection, and with it whatever
/// it holds: transaction, exported snapshot, temporary slot.
pub struct Session {
    client: Client,
    connection: JoinHandle<()>,
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

impl ConnParams {
    /// Connects.
    ///
    /// Pinned: `search_path` to `pg_catalog, pg_temp`, no timeouts,
    /// `row_security` off (a query that policies would filter fails instead),
    /// `synchronize_seqscans` off (so that COPY has heap order), and the output
    /// formats that digests of COPY text depend on.
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
        let mut config = tokio_postgres::Config::new();
        let options = self.startup_options(&[
            ("search_path", "pg_catalog,pg_temp"),
            ("row_security", "off"),
            ("client_min_messages", "error"),
            ("default_transaction_read_only", if read_only { "on" } else { "off" }),
        ]);
        config
            .port(self.port)
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name(application_name)
            .options(options)
            .connect_timeout(self.connect_timeout);
        if let Some(password) = self.password() {
            config.password(password.expose());
        }
        if let Some(addr) = self.hostaddr {
            config.hostaddr(addr);
        }
        // The driver takes the name to check a certificate for from here.
        let address = self.hostaddr.map(|a| a.to_string());
        if let Some(host) = self.host.as_ref().or(address.as_ref()) {
            config.host(host);
        }
        let unreachable = |message: &str| {
            Error::new(Code::SourceUnreachable, Stage::Source, message)
                .on(self.to_string())
                .hint("Try the same connection with psql; see pg_hba.conf and the server's log.")
        };
        let plain = self.socket_dir().is_some() || self.sslmode == SslMode::Disable;
        let tls = if plain { None } else { Some(tls::connector(self)?) };
        config.ssl_mode(match self.sslmode {
            _ if plain => DriverMode::Disable,
            SslMode::Disable => DriverMode::Disable,
            SslMode::Prefer => DriverMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => DriverMode::Require,
        });
        let connecting = async {
            match tls {
                None => config.connect(NoTls).await.map(|(client, c)| (client, tokio::spawn(drive(c)))),
                Some(tls) => config.connect(tls).await.map(|(client, c)| (client, tokio::spawn(drive(c)))),
            }
        };
        let (client, connection) = tokio::time::timeout(self.connect_timeout, connecting)
            .await
            .map_err(|_| unreachable(&format!("no answer within {} s", self.connect_timeout.as_secs())))?
            .map_err(|e| unreachable("cannot connect").because(e))?;
        let session = Session { client, connection };
        // Timeouts that only newer majors know (idle_session_timeout 14, transaction_timeout 17).
        session
            .client
            .batch_execute(
                "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
                 WHERE name IN ('idle_session_timeout', 'transaction_timeout')",
            )
            .await
            .map_err(|e| unreachable("cannot prepare the session").because(e))?;
        Ok(session)
    }
}

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
        Error::new(code, Stage::Source, message).because(cause)
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
