//! The socket of a session, of which only so much is read before the session begins.
//!
//! Until then whoever answers may be anybody, and the driver keeps what he sends:
//! parameters of the server without end, an error of a gigabyte. A real server sends a few
//! kilobytes. After that, [`super::guard`] counts.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use rustix::net::sockopt::set_socket_keepalive;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Most bytes that a server may send before the session begins: certificates,
/// parameters, notices.
pub(super) const MAX_START: u64 = 1024 * 1024;

/// Both directions of a socket.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A socket with a number of bytes that may still be read.
pub(super) struct Bounded {
    socket: Box<dyn Duplex>,
    left: Left,
}

/// How much may still be read.
#[derive(Debug, Clone)]
pub(super) struct Left(Arc<AtomicU64>);

impl Left {
    /// The session has begun: no limit any more.
    pub(super) fn lift(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    /// Whether the limit was met.
    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Bounded {
    /// Puts the limit on a socket that is connected.
    pub(super) fn new(socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> (Self, Left) {
        let left = Left(Arc::new(AtomicU64::new(MAX_START)));
        (Self { socket: Box::new(socket), left: left.clone() }, left)
    }

    /// Connects to the socket of a directory (PostgreSQL manual, `unix_socket_directories`).
    ///
    /// # Errors
    /// The system's.
    pub(super) async fn unix(dir: &Path, port: u16) -> io::Result<(Self, Left)> {
        Ok(Self::new(UnixStream::connect(dir.join(format!(".s.PGSQL.{port}"))).await?))
    }

    /// Connects to an address, or to each address of a name in turn until one answers.
    /// Where the peer is gone without a word, the system notices (libpq's `keepalives`).
    ///
    /// # Errors
    /// The system's.
    pub(super) async fn tcp(address: Option<IpAddr>, name: Option<&str>, port: u16) -> io::Result<(Self, Left)> {
        let socket = match (address, name) {
            (Some(address), _) => TcpStream::connect((address, port)).await?,
            (None, Some(name)) => TcpStream::connect((name, port)).await?,
            (None, None) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "no host is given")),
        };
        socket.set_nodelay(true)?;
        set_socket_keepalive(&socket, true)?;
        Ok(Self::new(socket))
    }
}

impl AsyncRead for Bounded {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, into))?;
        let read = (into.filled().len() - before) as u64;
        let left = self.left.0.load(Ordering::Relaxed);
        if left == u64::MAX || read < left {
            // Lifting it may come between the two; a session that began is not ended by that.
            if left != u64::MAX {
                let _ = self.left.0.compare_exchange(left, left - read, Ordering::Relaxed, Ordering::Relaxed);
            }
            return Poll::Ready(Ok(()));
        }
        self.left.0.store(0, Ordering::Relaxed);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the server sends without end")))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
