//! Listeners and a directory of ours that the copy must not reach.
//!
//! A canary proves nothing unless it can be reached at all: before it is used
//! it is reached from here, and that is taken off its count.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use crate::process::lease::{Lease, Purpose};
use crate::scratch::dir::PREFIX;

use crate::types::ids::random_bytes;

/// How long our own visit may take.
const CONTROL: Duration = Duration::from_secs(2);

/// Name of the file that is written into the directory.
const REACH: &str = "reach";

/// What the canary listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Perch {
    /// For the evidence.
    pub label: String,
    /// Host, as `psql` takes it: an address, a directory, or `@name`.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Open listeners, and a directory that everyone may write to.
#[derive(Debug)]
pub struct Canary {
    dir: PathBuf,
    perches: Vec<Perch>,
    heard: Vec<Arc<AtomicUsize>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Canary {
    /// Opens it beside the scratch directories and visits it once over each way.
    ///
    /// # Errors
    /// What kept it from being opened or reached: then nothing can be said of
    /// those who do not reach it.
    pub(super) async fn open(beside: &Path) -> Result<Self, String> {
        let random = random_bytes::<4>().map_err(|e| e.text())?;
        let dir = beside.join(format!("{PREFIX}canary-{}", hex::encode(random)));
        let said = |e: std::io::Error| format!("no canary could be opened: {e}");
        std::fs::create_dir(&dir).map_err(said)?;
        let mut canary = Self { dir: dir.clone(), perches: Vec::new(), heard: Vec::new(), tasks: Vec::new() };
        // Marked, so that a sweep finds it should we be killed.
        Lease::ours(Purpose::Scratch, &dir).and_then(|l| l.write()).map_err(|e| e.text())?;
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o1777)).map_err(said)?;
        canary.perch().await.map_err(said)?;
        canary.visit().await?;
        Ok(canary)
    }

    async fn perch(&mut self) -> std::io::Result<()> {
        let mut addresses = vec!["127.0.0.1".to_owned()];
        addresses.extend(host_address());
        for address in addresses {
            let listener = TcpListener::bind((address.as_str(), 0)).await?;
            let port = listener.local_addr()?.port();
            let heard = self.settle(&address, &address, port);
            self.tasks.push(tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    heard.fetch_add(1, Ordering::SeqCst);
                }
            }));
        }
        // libpq makes the name of a socket out of a directory and a port.
        let path = self.dir.join(".s.PGSQL.1");
        let file = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777))?;
        self.listen(file, "a socket file", &self.dir.display().to_string());
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let address = std::os::unix::net::SocketAddr::from_abstract_name(format!("{name}/.s.PGSQL.1"))?;
        let listener = std::os::unix::net::UnixListener::bind_addr(&address)?;
        listener.set_nonblocking(true)?;
        self.listen(UnixListener::from_std(listener)?, "an abstract socket", &format!("@{name}"));
        Ok(())
    }

    fn settle(&mut self, label: &str, host: &str, port: u16) -> Arc<AtomicUsize> {
        self.perches.push(Perch { label: label.to_owned(), host: host.to_owned(), port });
        let heard = Arc::<AtomicUsize>::default();
        self.heard.push(heard.clone());
        heard
    }

    fn listen(&mut self, listener: UnixListener, label: &str, host: &str) {
        let heard = self.settle(label, host, 1);
        self.tasks.push(tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                heard.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }

    /// The positive control: each perch hears us, and the directory can be written.
    async fn visit(&self) -> Result<(), String> {
        let said = |e: std::io::Error| format!("the canary cannot be reached from outside: {e}");
        for perch in &self.perches {
            if let Some(name) = perch.host.strip_prefix('@') {
                let address = std::os::unix::net::SocketAddr::from_abstract_name(format!("{name}/.s.PGSQL.1"));
                address.and_then(|a| std::os::unix::net::UnixStream::connect_addr(&a)).map_err(said)?;
            } else if perch.host.starts_with('/') {
                std::os::unix::net::UnixStream::connect(self.dir.join(".s.PGSQL.1")).map_err(said)?;
            } else {
                let connect = tokio::net::TcpStream::connect((perch.host.as_str(), perch.port));
                tokio::time::timeout(CONTROL, connect).await.map_err(|e| said(e.into()))?.map_err(said)?;
            }
        }
        std::fs::write(self.reach(), b"").and_then(|()| std::fs::remove_file(self.reach())).map_err(said)?;
        let began = Instant::now();
        while self.heard.iter().any(|h| h.load(Ordering::SeqCst) == 0) {
            if began.elapsed() > CONTROL {
                return Err("the canary does not hear who connects from outside".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.heard.iter().for_each(|h| h.store(0, Ordering::SeqCst));
        Ok(())
    }

    /// Where it listens. The socket file is one of them.
    pub fn perches(&self) -> &[Perch] {
        &self.perches
    }

    /// How many came since our own visit: to the socket file, or over the network.
    pub fn heard(&self, file: bool) -> usize {
        let of = self.perches.iter().zip(&self.heard).filter(|(p, _)| p.host.starts_with('/') == file);
        of.map(|(_, h)| h.load(Ordering::SeqCst)).sum()
    }

    /// The file that must not come into being.
    pub fn reach(&self) -> PathBuf {
        self.dir.join(REACH)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Err(e) = std::fs::remove_dir_all(&self.dir) {
            tracing::error!(path = %self.dir.display(), error = %e, "a canary's directory could not be removed");
        }
    }
}

/// The address this host would use towards others. Connecting a UDP socket
/// sends nothing (`udp(7)`); the target is of TEST-NET-1 (RFC 5737).
fn host_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_canary_hears_visitors_and_goes_without_a_trace() {
        let top = tempfile::tempdir().unwrap();
        let canary = Canary::open(top.path()).await.unwrap();
        assert!(canary.perches().len() >= 3 && canary.heard(false) + canary.heard(true) == 0);
        let tcp = &canary.perches()[0];
        drop(std::net::TcpStream::connect((tcp.host.as_str(), tcp.port)).unwrap());
        while canary.heard(false) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((canary.heard(false), canary.heard(true)), (1, 0));
        drop(canary);
        assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn without_a_place_there_is_no_canary() {
        assert!(Canary::open(Path::new("/nonexistent")).await.unwrap_err().contains("no canary"));
    }
}
