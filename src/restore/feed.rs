//! Parts into a child's input, or into memory.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::Arc;

use futures_util::StreamExt as _;
use rustix::fs::{MemfdFlags, memfd_create};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;

use super::Opened;
use crate::error::{Error, Result};
use crate::manifest::model::Stream;
use crate::types::event::Progress;

/// Writes a stream into a child. A child that stops reading is no error here:
/// its exit status tells why.
pub async fn into_child(opened: &Opened, stream: &Stream, mut stdin: ChildStdin, progress: &Progress) -> Result<()> {
    let mut parts = std::pin::pin!(opened.reader.stream(opened.parts(stream)?, Arc::clone(progress)));
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
pub async fn into_memory(opened: &Opened, stream: &Stream, progress: &Progress) -> Result<File> {
    let failed = |e: std::io::Error| Error::internal("cannot keep a stream in memory").because(e);
    let mut file = File::from(memfd_create("pgseal", MemfdFlags::CLOEXEC).map_err(|e| failed(e.into()))?);
    let mut parts = std::pin::pin!(opened.reader.stream(opened.parts(stream)?, Arc::clone(progress)));
    while let Some(part) = parts.next().await {
        file.write_all(&part?).map_err(failed)?;
    }
    file.rewind().map_err(failed)?;
    Ok(file)
}
