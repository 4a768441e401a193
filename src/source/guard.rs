//! What a server may send, and for how long it may be silent.
//!
//! The driver believes every length it is told and waits for ever. So the messages are
//! counted as they pass, here, below the driver and above TLS, where no query can forget
//! it (PostgreSQL manual, "Message Formats"): a message of a length that PostgreSQL never
//! sends, parameters and notices without end, rows without end, and an answer of which
//! nothing comes any more end the connection. A session that waits for nothing may be idle
//! as long as it likes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::breach::{Breach, Rules};

/// Longest row: what PostgreSQL can allocate for one.
const LONGEST_ROW: u64 = 1 << 30;

/// Longest other message.
const LONGEST: u64 = 16 << 20;

/// Most bytes of parameters, notices and notifications in one session.
const MAX_CHATTER: u64 = 16 << 20;

/// Most bytes of rows in one answer; `COPY` may have more.
const MAX_ROWS: u64 = 16 << 30;

/// Cuts a stream into messages.
#[derive(Debug, Default)]
struct Cutter {
    head: [u8; 5],
    have: usize,
    body: u64,
}

/// Where a message begins or ends.
enum Mark {
    Begin(u8, u64),
    End(u8),
}

impl Cutter {
    fn cut(&mut self, mut bytes: &[u8], mut mark: impl FnMut(Mark) -> Result<(), Breach>) -> Result<(), Breach> {
        while !bytes.is_empty() {
            if self.have < 5 {
                self.head[self.have] = bytes[0];
                self.have += 1;
                bytes = &bytes[1..];
                // Startup packets have no type: the first byte of their length is 0.
                if self.have == 1 && self.head[0] == 0 {
                    self.head = [0; 5];
                    self.have = 2;
                }
                if self.have < 5 {
                    continue;
                }
                let [tag, length @ ..] = self.head;
                let length = u64::from(u32::from_be_bytes(length));
                mark(Mark::Begin(tag, length))?;
                self.body = length.saturating_sub(4);
            } else {
                let taken = usize::try_from(self.body).unwrap_or(usize::MAX).min(bytes.len());
                self.body -= taken as u64;
                bytes = &bytes[taken..];
            }
            if self.have == 5 && self.body == 0 {
                self.have = 0;
                mark(Mark::End(self.head[0]))?;
            }
        }
        Ok(())
    }
}

/// What is known of the bytes on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Messages.
    Messages,
    /// The answer to the request for TLS comes first (manual, "SSL Session Encryption").
    Asked,
    /// TLS: somebody above looks.
    Sealed,
}

/// The state of one connection.
#[derive(Debug)]
struct Guard {
    rules: Rules,
    mode: Mode,
    received: Cutter,
    sent: Cutter,
    /// Answers that are still to come; each ends with ReadyForQuery.
    awaited: u64,
    chatter: u64,
    rows: u64,
    timer: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl Guard {
    fn new(rules: Rules, mode: Mode) -> Self {
        let (received, sent) = (Cutter::default(), Cutter::default());
        Self { rules, mode, received, sent, awaited: 0, chatter: 0, rows: 0, timer: None, armed: false }
    }

    fn broken(&self, breach: Breach) -> io::Error {
        self.rules.note(breach);
        let kind = if let Breach::Silent(_) = breach { io::ErrorKind::TimedOut } else { io::ErrorKind::InvalidData };
        io::Error::new(kind, breach.error().text())
    }

    fn receive(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if let (Mode::Asked, Some((answer, rest))) = (self.mode, bytes.split_first()) {
            self.mode = if *answer == b'S' { Mode::Sealed } else { Mode::Messages };
            bytes = rest;
        }
        if self.mode != Mode::Messages {
            return Ok(());
        }
        let Self { received, awaited, chatter, rows, armed, .. } = self;
        let cut = received.cut(bytes, |mark| match mark {
            Mark::Begin(b'D' | b'd', length) if length > LONGEST_ROW => Err(Breach::Long(length)),
            Mark::Begin(b'D', length) => {
                *armed = false;
                *rows += length;
                if *rows > MAX_ROWS { Err(Breach::Rows) } else { Ok(()) }
            }
            Mark::Begin(b'd', _) => {
                *armed = false;
                Ok(())
            }
            Mark::Begin(_, length) if length > LONGEST => Err(Breach::Long(length)),
            // These come at any time: they are no part of the answer that is waited for.
            Mark::Begin(b'S' | b'N' | b'A', length) => {
                *chatter += length;
                if *chatter > MAX_CHATTER { Err(Breach::Chatter) } else { Ok(()) }
            }
            Mark::Begin(..) => {
                *armed = false;
                Ok(())
            }
            Mark::End(b'Z') => {
                *awaited = awaited.saturating_sub(1);
                *rows = 0;
                Ok(())
            }
            Mark::End(_) => Ok(()),
        });
        // In the middle of a row.
        if self.received.have == 5 && matches!(self.received.head[0], b'D' | b'd') {
            self.armed = false;
        }
        cut.map_err(|breach| self.broken(breach))
    }

    /// Counts what was asked: each query and each Sync has an answer.
    fn send(&mut self, bytes: &[u8], context: &mut Context<'_>) {
        if self.mode == Mode::Sealed {
            return;
        }
        let Self { sent, awaited, armed, .. } = self;
        let counted = sent.cut(bytes, |mark| {
            if let Mark::Begin(b'Q' | b'S', _) = mark {
                *awaited += 1;
                *armed = false;
            }
            Ok(())
        });
        debug_assert!(counted.is_ok(), "our own messages are never a breach");
        // Wakes the task when the time is over; what it then reads tells.
        let _ = self.wait(context);
    }

    /// The time runs from the first moment at which nothing was there: whoever is
    /// slow to take what the server sent does not count against the server.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(limit) = self.rules.patience.filter(|_| self.awaited > 0 && self.mode != Mode::Sealed) else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.armed {
            timer.as_mut().reset(Instant::now() + limit);
            self.armed = true;
        }
        timer.as_mut().poll(context).map(|()| Err(self.broken(Breach::Silent(limit))))
    }
}

/// A socket, or TLS on one, that keeps to the rules.
pub(super) struct Guarded<S> {
    socket: S,
    guard: Guard,
}

impl<S> Guarded<S> {
    /// A connected socket; `asks_for_tls` where the driver does so first.
    pub(super) fn new(socket: S, rules: Rules, asks_for_tls: bool) -> Self {
        let mode = if asks_for_tls { Mode::Asked } else { Mode::Messages };
        Self { socket, guard: Guard::new(rules, mode) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.socket).poll_read(context, into) {
            Poll::Ready(Ok(())) => Poll::Ready(self.guard.receive(&into.filled()[before..])),
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            Poll::Pending => self.guard.wait(context),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.socket).poll_write(context, bytes);
        if let Poll::Ready(Ok(n)) = sent {
            self.guard.send(&bytes[..n], context);
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Guarded<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.socket.channel_binding()
    }
}

/// TLS whose inside keeps to the rules.
pub(super) struct GuardedTls<T>(pub(super) T, pub(super) Rules);

type Connecting<S, E> = Pin<Box<dyn Future<Output = Result<Guarded<S>, E>> + Send>>;

impl<S, T> TlsConnect<S> for GuardedTls<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
{
    type Stream = Guarded<T::Stream>;
    type Error = T::Error;
    type Future = Connecting<T::Stream, T::Error>;

    fn connect(self, stream: S) -> Self::Future {
        let Self(tls, rules) = self;
        let connecting = tls.connect(stream);
        Box::pin(async move { Ok(Guarded::new(connecting.await?, rules, false)) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message(tag: u8, length: u32) -> Vec<u8> {
        [&[tag][..], &length.to_be_bytes()].concat()
    }

    fn guard() -> Guard {
        Guard::new(Rules::patient(Duration::from_secs(9)), Mode::Messages)
    }

    #[test]
    fn lengths_that_postgresql_never_sends_are_a_breach_at_once() {
        for (tag, length, good) in [
            (b'D', 1 << 30, true),
            (b'd', 1 << 30, true),
            (b'D', (1 << 30) + 1, false),
            (b'd', u32::MAX, false),
            (b'E', 16 << 20, true),
            (b'E', (16 << 20) + 1, false),
            (b'S', (16 << 20) + 1, false),
            (b'T', 0x7fff_ffff, false),
        ] {
            let mut guard = guard();
            let given = guard.receive(&message(tag, length));
            assert_eq!(given.is_ok(), good, "{} {length}", char::from(tag));
            let breach = (!good).then_some(Breach::Long(u64::from(length)));
            assert_eq!(guard.rules.take(), breach);
        }
    }

    #[test]
    fn chatter_counts_for_a_session_and_rows_for_an_answer() {
        let notice = [message(b'N', 1 << 20), vec![0; (1 << 20) - 4]].concat();
        let ready = [message(b'Z', 5), b"I".to_vec()].concat();
        let mut guard = guard();
        for _ in 0..16 {
            guard.receive(&notice).unwrap();
            guard.receive(&ready).unwrap();
        }
        guard.receive(&notice).unwrap_err();
        assert_eq!(guard.rules.take(), Some(Breach::Chatter));
        // Rows of half a gibibyte, of which the body is not looked at.
        let mut guard = self::guard();
        let row = |guard: &mut Guard| {
            let head = guard.receive(&message(b'D', 1 << 29));
            guard.received.body = 0;
            guard.received.have = 0;
            head
        };
        for _ in 0..2 {
            (0..32).for_each(|_| row(&mut guard).unwrap());
            guard.receive(&ready).unwrap();
        }
        (0..32).for_each(|_| row(&mut guard).unwrap());
        row(&mut guard).unwrap_err();
        assert_eq!(guard.rules.take(), Some(Breach::Rows));
    }

    #[test]
    fn answers_are_counted_however_the_bytes_are_cut() {
        let startup = [&8_u32.to_be_bytes()[..], b"abcd"].concat();
        let asked = [startup, message(b'P', 4), message(b'S', 4), message(b'Q', 9), vec![b'S'; 5]].concat();
        let answer = [message(b'C', 6), b"SZ".to_vec(), message(b'Z', 5)].concat();
        for size in 1..asked.len() {
            let mut guard = Guard::new(Rules::default(), Mode::Messages);
            let mut context = Context::from_waker(std::task::Waker::noop());
            asked.chunks(size).for_each(|c| guard.send(c, &mut context));
            assert_eq!(guard.awaited, 2, "{size}");
            answer.chunks(size).for_each(|c| guard.receive(c).unwrap());
            assert_eq!(guard.awaited, 2, "the message has not ended yet");
            guard.receive(b"I").unwrap();
            assert_eq!(guard.awaited, 1);
        }
    }

    #[test]
    fn after_tls_was_agreed_nothing_is_read_as_messages() {
        let mut guard = Guard::new(Rules::default(), Mode::Asked);
        guard.receive(b"S").unwrap();
        guard.receive(&message(b'D', u32::MAX)).unwrap();
        let mut guard = Guard::new(Rules::default(), Mode::Asked);
        guard.receive(&[&b"N"[..], &message(b'D', u32::MAX)].concat()).unwrap_err();
    }
}
