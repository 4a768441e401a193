//! Whole streams, forth.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::buffers::{Buffer, Pool};
use super::seal::{Sealed, Sealer};
use super::workers::Workers;
use crate::error::{Code, Error, Result, Stage};
use crate::keys::Recipients;
use crate::process::Finished;
use crate::store::{Key, SharedStore, StoreError};
use crate::types::Event;
use crate::types::event::Progress;

/// Bytes read at once; the tap sees slices of at most this size.
const SLICE: usize = 256 * 1024;

/// How a backup is written.
#[derive(Debug, Clone)]
pub struct Options {
    /// Plain bytes of a part.
    pub part_bytes: usize,
    /// zstd level.
    pub level: i32,
    /// CPU threads.
    pub workers: usize,
    /// Streams that are read at the same time.
    pub streams: usize,
    /// Uploads at the same time.
    pub uploads: usize,
    /// A source that gives nothing for this long counts as hung.
    pub idle_timeout: Duration,
}

/// Writes streams of one backup as sealed parts.
#[derive(Debug, Clone)]
pub struct Writer {
    store: SharedStore,
    options: Options,
    workers: Workers<Sealer>,
    plain: Pool,
    sealed: Pool,
    /// For reading back. Whoever holds an upload's permit must never wait for a
    /// buffer that others hold while they wait for the permit: that is why these
    /// are not taken from `sealed`.
    found: Pool,
    uploads: Arc<Semaphore>,
}

/// All parts of a stream that ended. Whether the child that wrote it also
/// *finished* is not known yet: no manifest takes this.
#[derive(Debug)]
#[must_use = "parts without their child's exit status are not a backup"]
pub struct Unproven {
    parts: Vec<Sealed>,
}

/// All parts of a stream whose child ended with exit status 0.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// In order.
    pub parts: Vec<Sealed>,
}

impl Unproven {
    /// Closes the stream with the proof that its child finished.
    pub fn close(self, _proof: &Finished) -> Receipt {
        Receipt { parts: self.parts }
    }

    /// Plain bytes of all parts.
    pub fn plain_bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.plain_bytes).sum()
    }
}

impl Receipt {
    /// Plain bytes of all parts.
    pub fn plain_bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.plain_bytes).sum()
    }
}

impl Writer {
    /// Starts the worker threads.
    pub fn start(store: SharedStore, recipients: Arc<Recipients>, options: Options) -> Result<Self> {
        let level = options.level;
        let workers = Workers::start("seal", options.workers, move || Sealer::new(Arc::clone(&recipients), level))?;
        Ok(Self {
            store,
            workers,
            plain: Pool::new(options.workers + options.streams.max(1)),
            sealed: Pool::new(options.workers + options.uploads.max(1)),
            found: Pool::new(options.uploads.max(1)),
            uploads: Arc::new(Semaphore::new(options.uploads.max(1))),
            options,
        })
    }

    /// Reads `from` to its end and stores it as parts under the keys that
    /// `key` gives (numbers from 1). `tap` sees every byte in order first.
    ///
    /// An empty stream gives no parts. On an error the parts stored so far stay
    /// behind, unreferenced.
    pub async fn stream(
        &self,
        mut from: impl AsyncRead + Unpin,
        key: impl Fn(usize) -> Key,
        mut tap: impl FnMut(&[u8]) -> Result<()>,
        progress: &Progress,
    ) -> Result<Unproven> {
        let mut tasks: JoinSet<Result<(usize, Sealed)>> = JoinSet::new();
        let mut parts: Vec<Option<Sealed>> = Vec::new();
        loop {
            let mut buffer = self.plain.take().await;
            let filled = self.fill(&mut from, &mut buffer, &mut tap, progress).await?;
            if filled == 0 {
                break;
            }
            let index = parts.len();
            parts.push(None);
            tasks.spawn(self.clone().store_part(index, key(index + 1), buffer, filled));
            // See failures early: a full disk should not cost the rest of the dump.
            while let Some(done) = tasks.try_join_next() {
                collect(&mut parts, done)?;
            }
            if filled < self.options.part_bytes {
                break;
            }
        }
        while let Some(done) = tasks.join_next().await {
            collect(&mut parts, done)?;
        }
        let parts: Option<Vec<Sealed>> = parts.into_iter().collect();
        Ok(Unproven { parts: parts.ok_or_else(|| Error::internal("a part has no receipt"))? })
    }

    /// How long a source may be silent.
    pub fn idle_timeout(&self) -> Duration {
        self.options.idle_timeout
    }

    /// Seals and stores one object that is already in memory (facts).
    pub async fn object(&self, key: Key, plain: &[u8]) -> Result<Sealed> {
        let mut buffer = self.plain.take().await;
        buffer.clear();
        buffer.extend_from_slice(plain);
        let length = buffer.len();
        self.clone().store_part(0, key, buffer, length).await.map(|(_, sealed)| sealed)
    }

    async fn fill(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        buffer: &mut Buffer,
        tap: &mut impl FnMut(&[u8]) -> Result<()>,
        progress: &Progress,
    ) -> Result<usize> {
        let size = self.options.part_bytes;
        if buffer.len() != size {
            buffer.resize(size, 0);
        }
        let mut filled = 0;
        while filled < size {
            let end = size.min(filled + SLICE);
            let read = tokio::time::timeout(self.options.idle_timeout, from.read(&mut buffer[filled..end]))
                .await
                .map_err(|_| {
                    Error::new(
                        Code::Deadline,
                        Stage::Dump,
                        format!("the source sent nothing for {} s", self.options.idle_timeout.as_secs()),
                    )
                    .hint("Look for a lock or a stalled disk on the server; raise source.*.idle_timeout if this is normal.")
                })?
                .map_err(|e| Error::new(Code::DumpFailed, Stage::Dump, "cannot read the stream").because(e))?;
            if read == 0 {
                break;
            }
            tap(&buffer[filled..filled + read])?;
            progress.event(Event::Advanced { bytes: read as u64 });
            filled += read;
        }
        Ok(filled)
    }

    async fn store_part(self, index: usize, key: Key, plain: Buffer, filled: usize) -> Result<(usize, Sealed)> {
        let mut out = self.sealed.take().await;
        let (out, sealed) = self
            .workers
            .run(move |sealer| {
                let sealed = sealer.seal(&plain[..filled], &mut out);
                drop(plain);
                (out, sealed)
            })
            .await?;
        let sealed = sealed.map_err(|e| e.on(key.as_str()))?;
        let _slot = self.uploads.acquire().await.map_err(|_| Error::internal("uploads were closed"))?;
        let body = Bytes::from_owner(out);
        let failed = |e: StoreError| match e {
            // Nobody else writes below a fresh random backup id.
            StoreError::Exists => {
                Error::new(Code::CommitConflict, Stage::Store, "the part exists already").on(key.as_str())
            }
            e => e.about(&key),
        };
        self.store.put_new(&key, body, &sealed.stored_sha256).await.map_err(failed)?;
        if !self.store.checks_bodies() {
            self.read_back(&key, &sealed).await?;
        }
        Ok((index, sealed))
    }

    /// Some S3 servers accept a body that contradicts its SHA-256 header: where
    /// the store is not known to check, read the part back and hash it.
    async fn read_back(&self, key: &Key, sealed: &Sealed) -> Result<()> {
        let mut buffer = self.found.take().await;
        self.store.get(key, sealed.stored_bytes, &mut buffer).await.map_err(|e| e.about(key))?;
        if buffer.len() as u64 == sealed.stored_bytes && crate::types::Digest::of(&buffer) == sealed.stored_sha256 {
            return Ok(());
        }
        Err(Error::new(Code::Corrupt, Stage::Store, "the store gives back other bytes than were sent")
            .on(key.as_str())
            .hint("Do not trust this store; run `pgseal store check`."))
    }
}

fn collect(
    parts: &mut [Option<Sealed>],
    done: std::result::Result<Result<(usize, Sealed)>, tokio::task::JoinError>,
) -> Result<()> {
    let (index, sealed) = done.map_err(|e| Error::internal("storing a part ended early").because(e))??;
    parts[index] = Some(sealed);
    Ok(())
}
