//! Parts into a child's input, or into memory.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use rustix::fs::{MemfdFlags, memfd_create};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;

use super::Opened;
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::memory;
use crate::manifest::model::Stream;
use crate::pipeline::buffers::Buffer;
use crate::source::archive_list::{self, Listed};
use crate::types::event::Progress;

/// A stream of which the beginning may have been read.
pub struct Begun {
    head: Vec<u8>,
    rest: Pin<Box<dyn futures_util::Stream<Item = Result<Buffer>> + Send>>,
}

impl Begun {
    /// From its first byte.
    pub fn new(opened: &Opened, stream: &Stream, progress: &Progress) -> Result<Self> {
        let rest = Box::pin(opened.reader.stream(opened.parts(stream)?, Arc::clone(progress)));
        Ok(Self { head: Vec::new(), rest })
    }

    /// The table of contents of an archive; nothing of the stream is lost by this.
    pub async fn contents(&mut self) -> Result<Vec<Listed>> {
        let mut tried = 0;
        loop {
            let part = self.rest.next().await;
            let ended = part.is_none();
            if let Some(part) = part {
                // A copy: buffers that are held back would starve the other streams.
                self.head.extend_from_slice(&part?);
            }
            // Reading again only when there is twice as much keeps the work linear.
            if ended || self.head.len() >= tried * 2 {
                tried = self.head.len();
                if let Some(list) = archive_list::read(&self.head)? {
                    return Ok(list);
                }
            }
            if ended {
                return Err(Error::new(Code::Corrupt, Stage::Restore, "the archive ends within its table of contents"));
            }
        }
    }
}

/// Writes a stream into a child. A child that stops reading is no error here:
/// its exit status tells why.
pub async fn into_child(mut from: Begun, mut stdin: ChildStdin) -> Result<()> {
    if stdin.write_all(&from.head).await.is_err() {
        return Ok(());
    }
    drop(std::mem::take(&mut from.head));
    let mut parts = from.rest;
    while let Some(part) = parts.next().await {
        if stdin.write_all(&part?).await.is_err() {
            return Ok(());
        }
    }
    // Closing is what tells the child that this was all.
    let _ = stdin.shutdown().await;
    Ok(())
}

/// Reads a small stream (globals, schema) into memory that has a file
/// descriptor: nothing touches a disk, and `pg_restore` can seek in it.
///
/// # Errors
/// 44 where it is too large for that, before any of it is fetched.
pub async fn into_memory(opened: &Opened, stream: &Stream, progress: &Progress) -> Result<File> {
    let failed = |e: std::io::Error| Error::internal("cannot keep a stream in memory").because(e);
    let parts = opened.parts(stream)?;
    memory::stream_fits(stream, &parts)?;
    let mut file = File::from(memfd_create("pgseal", MemfdFlags::CLOEXEC).map_err(|e| failed(e.into()))?);
    let mut parts = std::pin::pin!(opened.reader.stream(parts, Arc::clone(progress)));
    while let Some(part) = parts.next().await {
        file.write_all(&part?).map_err(failed)?;
    }
    file.rewind().map_err(failed)?;
    Ok(file)
}
