//! Listeners and a directory that the copy must not reach.
//!
//! A canary proves nothing unless it can be reached at all: before it is used
//! it is reached from here, and that is taken off its count.
//!
//! Nobody else is to be able to raise its alarm, or to use it: the directory is
//! the server's user's alone, everything of ours is in it before he gets it, and
//! a visitor counts only if he knows a secret of this canary.

use std::io::Write as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use crate::process::lease::{Lease, Purpose};
use crate::scratch::dir::PREFIX;

use crate::types::ids::random_bytes;

/// How long our own visit may take.
const CONTROL: Duration = Duration::from_secs(2);

/// How long a visitor may take to say what he knows, and how many bytes of it are read.
const HEAR: Duration = Duration::from_secs(5);
const SAID: u64 = 4096;

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

/// Open listeners, and a directory that the server's user may write to.
#[derive(Debug)]
pub struct Canary {
    dir: PathBuf,
    reach: PathBuf,
    secret: String,
    perches: Vec<Perch>,
    heard: Vec<Arc<AtomicUsize>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Canary {
    /// Opens it beside the scratch directories, visits it once over each way,
    /// and gives it to the owner of `data`, who runs the server.
    ///
    /// # Errors
    /// What kept it from being opened or reached: then nothing can be said of
    /// those who do not reach it.
    pub(super) async fn open(beside: &Path, data: &Path) -> Result<Self, String> {
        let random = || random_bytes::<16>().map(hex::encode).map_err(|e| e.text());
        let said = |e: std::io::Error| format!("no canary could be opened: {e}");
        let server = std::fs::symlink_metadata(data).map_err(said)?;
        // Short: the path of a socket has an end.
        let dir = beside.join(format!("{PREFIX}canary-{}", &random()?[..8]));
        std::fs::DirBuilder::new().mode(0o700).create(&dir).map_err(said)?;
        let (reach, secret) = (dir.join(format!("reach-{}", random()?)), random()?);
        let mut canary =
            Self { dir: dir.clone(), reach, secret, perches: Vec::new(), heard: Vec::new(), tasks: Vec::new() };
        // Marked, so that a sweep finds it should we be killed.
        Lease::ours(Purpose::Scratch, &dir).and_then(|l| l.write()).map_err(|e| e.text())?;
        canary.perch().await.map_err(said)?;
        canary.visit().await?;
        if server.uid() != rustix::process::geteuid().as_raw() {
            std::os::unix::fs::lchown(&dir, Some(server.uid()), Some(server.gid())).map_err(said)?;
        }
        Ok(canary)
    }

    async fn perch(&mut self) -> std::io::Result<()> {
        let mut addresses = vec!["127.0.0.1".to_owned()];
        addresses.extend(host_address());
        for address in addresses {
            let listener = TcpListener::bind((address.as_str(), 0)).await?;
            let port = listener.local_addr()?.port();
            let heard = self.settle(&address, &address, port);
            let secret = self.secret.clone();
            self.tasks.push(tokio::spawn(async move {
                while let Ok((visitor, _)) = listener.accept().await {
                    tokio::spawn(hear(visitor, secret.clone(), heard.clone()));
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
        let secret = self.secret.clone();
        self.tasks.push(tokio::spawn(async move {
            while let Ok((visitor, _)) = listener.accept().await {
                tokio::spawn(hear(visitor, secret.clone(), heard.clone()));
            }
        }));
    }

    /// The positive control: each perch hears us, and the directory can be written.
    async fn visit(&self) -> Result<(), String> {
        let said = |e: std::io::Error| format!("the canary cannot be reached from outside: {e}");
        let secret = self.secret.as_bytes();
        for perch in &self.perches {
            if let Some(name) = perch.host.strip_prefix('@') {
                let address = std::os::unix::net::SocketAddr::from_abstract_name(format!("{name}/.s.PGSQL.1"));
                let visit = address.and_then(|a| std::os::unix::net::UnixStream::connect_addr(&a));
                visit.and_then(|mut v| v.write_all(secret)).map_err(said)?;
            } else if perch.host.starts_with('/') {
                let visit = std::os::unix::net::UnixStream::connect(self.dir.join(".s.PGSQL.1"));
                visit.and_then(|mut v| v.write_all(secret)).map_err(said)?;
            } else {
                let connect = tokio::net::TcpStream::connect((perch.host.as_str(), perch.port));
                let visit = tokio::time::timeout(CONTROL, connect).await.map_err(|e| said(e.into()))?;
                let visit = visit.and_then(tokio::net::TcpStream::into_std);
                visit.and_then(|mut v| v.write_all(secret)).map_err(said)?;
            }
        }
        let written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.reach());
        written.and_then(|_| std::fs::remove_file(self.reach())).map_err(said)?;
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
        self.reach.clone()
    }

    /// What a visitor must say to be counted.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// Counts a visitor who says the secret.
async fn hear(visitor: impl AsyncRead + Unpin, secret: String, heard: Arc<AtomicUsize>) {
    let mut said = Vec::new();
    let mut visitor = visitor.take(SAID);
    let knows = async {
        loop {
            match visitor.read_buf(&mut said).await {
                Ok(n) if n > 0 => {}
                _ => return false,
            }
            if memchr::memmem::find(&said, secret.as_bytes()).is_some() {
                return true;
            }
        }
    };
    if tokio::time::timeout(HEAR, knows).await == Ok(true) {
        heard.fetch_add(1, Ordering::SeqCst);
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
    use std::os::unix::process::CommandExt as _;

    #[tokio::test]
    async fn a_canary_hears_who_knows_its_secret_and_goes_without_a_trace() {
        let top = tempfile::tempdir().unwrap();
        let canary = Canary::open(top.path(), top.path()).await.unwrap();
        assert!(canary.perches().len() >= 3 && canary.heard(false) + canary.heard(true) == 0);
        let tcp = &canary.perches()[0];
        // Anybody on the host can connect; that is no way out of a copy.
        let stranger = std::net::TcpStream::connect((tcp.host.as_str(), tcp.port)).unwrap();
        let mut visitor = std::net::TcpStream::connect((tcp.host.as_str(), tcp.port)).unwrap();
        visitor.write_all(format!("database\0{}", canary.secret()).as_bytes()).unwrap();
        while canary.heard(false) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((canary.heard(false), canary.heard(true)), (1, 0));
        drop((stranger, canary));
        assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn no_other_user_can_plant_a_link_in_it_or_raise_its_alarm() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let top = tempfile::tempdir().unwrap();
        std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
        let data = top.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::os::unix::fs::lchown(&data, Some(4711), Some(4711)).unwrap();
        let canary = Canary::open(top.path(), &data).await.unwrap();
        let tries = |uid: u32| {
            let script = "ln -s /etc/passwd $0 || echo no; [ -e $1 ] && echo seen; true";
            let mut sh = std::process::Command::new("/bin/sh");
            sh.args(["-c", script]).arg(canary.reach()).arg(canary.dir.join(".s.PGSQL.1")).uid(uid).gid(uid);
            String::from_utf8(sh.output().unwrap().stdout).unwrap()
        };
        assert_eq!(tries(65534), "no\n", "another user");
        assert!(!canary.reach().exists());
        assert_eq!(tries(4711), "seen\n", "who runs the server: it is his to write to");
        assert!(std::fs::symlink_metadata(canary.reach()).unwrap().is_symlink());
    }

    #[tokio::test]
    async fn without_a_place_there_is_no_canary() {
        for (beside, data) in [("/nonexistent", "/"), ("/tmp", "/nonexistent")] {
            let why = Canary::open(Path::new(beside), Path::new(data)).await.unwrap_err();
            assert!(why.contains("no canary"), "{why}");
        }
    }
}
