//! Who answers at the other end of a unix socket: the kernel's word first, then
//! the server's.
//!
//! A name in a directory proves nothing. What a restored copy runs may have put
//! another server's socket in the place of its own, and a check that asks the
//! wrong server passes, or changes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::ConnParams;
use crate::error::{Code, Error, Result, Stage};
use crate::process::alive;

/// Whom all sessions with one server met.
#[derive(Debug)]
pub struct Meetings {
    proven: AtomicU64,
    stranger: watch::Sender<Option<String>>,
}

impl Default for Meetings {
    fn default() -> Self {
        Self { proven: AtomicU64::new(0), stranger: watch::Sender::new(None) }
    }
}

impl Meetings {
    /// Sessions that proved to be with the right server.
    pub fn proven(&self) -> u64 {
        self.proven.load(Ordering::SeqCst)
    }

    /// The first one that was not.
    pub fn stranger(&self) -> Option<String> {
        self.stranger.borrow().clone()
    }

    /// Notes that something else than the server was met.
    pub fn met_stranger(&self, who: String) {
        self.stranger.send_if_modified(|before| {
            let first = before.is_none();
            before.get_or_insert(who);
            first
        });
    }

    /// Ends when something else was met.
    pub async fn until_stranger(&self) -> String {
        let mut seen = self.stranger.subscribe();
        let met = seen.wait_for(Option::is_some).await.map(|s| s.clone());
        // The sender is our own: it is never gone first.
        met.ok().flatten().unwrap_or_default()
    }
}

/// The one process that may answer on a socket.
#[derive(Debug)]
pub struct Peer {
    socket: PathBuf,
    pid: i32,
    started: Option<u64>,
    uid: u32,
    user: String,
    mark: Option<String>,
    system_identifier: Option<String>,
    meetings: Arc<Meetings>,
}

impl Peer {
    /// The living process `pid` of the user `uid`, called `user`, which listens
    /// on `socket`; the ids as this process sees them.
    pub fn new(socket: PathBuf, pid: i32, (uid, user): (u32, &str), meetings: Arc<Meetings>) -> Self {
        let started = alive::start_time(pid);
        Self { socket, pid, started, uid, user: user.to_owned(), mark: None, system_identifier: None, meetings }
    }

    /// It must also say that its `cluster_name` is `mark`, which no statement
    /// can change (PostgreSQL manual, "Process Title"), and that it is the
    /// cluster `system_identifier`, where that is known.
    #[must_use]
    pub fn marked(self, mark: &str, system_identifier: Option<String>) -> Self {
        Self { mark: Some(mark.to_owned()), system_identifier, ..self }
    }

    /// Path of the socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Name of the user that it runs as: libpq's `requirepeer`.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whom the sessions met.
    pub const fn meetings(&self) -> &Arc<Meetings> {
        &self.meetings
    }

    /// Connects. Nothing was sent yet; who listens there is the right process,
    /// by the credentials that the kernel noted at `listen(2)` (`unix(7)`,
    /// SO_PEERCRED).
    ///
    /// # Errors
    /// Source unreachable (20) where nobody listens; 52 where somebody else does.
    pub async fn reach(&self) -> Result<UnixStream> {
        let failed = |e: std::io::Error| {
            Error::new(Code::SourceUnreachable, Stage::Source, "cannot connect to the scratch server").because(e)
        };
        let stream = UnixStream::connect(&self.socket).await.map_err(failed)?;
        let who = stream.peer_cred().map_err(failed)?;
        if who.pid() != Some(self.pid) || who.uid() != self.uid {
            let pid = who.pid().map_or_else(|| "outside our namespace".to_owned(), |p| p.to_string());
            return Err(self.stranger(&format!("process {pid} of user id {} listens there", who.uid())));
        }
        if self.started.is_none() || alive::start_time(self.pid) != self.started {
            return Err(self.stranger(&format!("the server is gone, and its process id {} is another's", self.pid)));
        }
        Ok(stream)
    }

    /// Asks who it is. The first statement of each session.
    ///
    /// # Errors
    /// 52 where it is another one; 53 where it does not say.
    pub async fn prove(&self, client: &Client) -> Result<()> {
        let silent = |e: tokio_postgres::Error| {
            let state = e.code().map(SqlState::code);
            let text = format!("the server does not say which one it is ({})", state.unwrap_or("no SQLSTATE"));
            Error::new(Code::CouldNotRun, Stage::Scratch, text).with_sqlstate(state)
        };
        if self.mark.is_some() {
            let sql = "select pg_catalog.current_setting('cluster_name'), c.system_identifier \
                       from pg_catalog.pg_control_system() c";
            let answer = client.simple_query(sql).await.map_err(silent)?;
            let row = answer.iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { Some(row) } else { None });
            let said = |i: usize| row.and_then(|r| r.try_get(i).ok().flatten()).map(str::to_owned);
            if said(0) != self.mark {
                return Err(self.stranger("it does not carry the mark of this run"));
            }
            if self.system_identifier.is_some() && said(1) != self.system_identifier {
                return Err(self.stranger("its system identifier is another cluster's"));
            }
        }
        self.meetings.proven.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn stranger(&self, who: &str) -> Error {
        self.meetings.met_stranger(who.to_owned());
        Error::new(Code::Exposure, Stage::Scratch, format!("the scratch server's socket leads elsewhere: {who}"))
            .hint("Nothing was asked of it. Treat the backup's functions and triggers as hostile.")
    }
}

impl ConnParams {
    /// The same; a session is opened only with this very process, on its socket.
    #[must_use]
    pub fn with_peer(&self, peer: Arc<Peer>) -> Self {
        let mut new = self.clone();
        new.peer = Some(peer);
        new
    }

    /// Whether the process of [`ConnParams::with_peer`] answers: for programs,
    /// which cannot ask themselves. Nothing where none was named.
    ///
    /// # Errors
    /// As [`Peer::reach`].
    pub async fn answers(&self) -> Result<()> {
        match &self.peer {
            Some(peer) => peer.reach().await.map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_very_process_that_listens_will_do() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join(".s.PGSQL.1");
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let (me, uid) = (i32::try_from(std::process::id()).unwrap(), rustix::process::geteuid().as_raw());
        let meetings = Arc::<Meetings>::default();
        let peer = |pid, uid| Peer::new(socket.clone(), pid, (uid, "u"), Arc::clone(&meetings));
        assert!(peer(me, uid).reach().await.is_ok());
        assert_eq!(meetings.stranger(), None);
        for other in [peer(me, uid + 1), peer(1, uid), Peer { started: Some(1), ..peer(me, uid) }] {
            assert_eq!(other.reach().await.unwrap_err().code(), Code::Exposure);
        }
        let first = meetings.until_stranger().await;
        assert!(first.contains(&format!("process {me} ")), "{first}");
        let nobody = Peer::new(dir.path().join("none"), me, (uid, "u"), Arc::default());
        assert_eq!(nobody.reach().await.unwrap_err().code(), Code::SourceUnreachable);
        assert_eq!(nobody.meetings().stranger(), None);
    }
}
