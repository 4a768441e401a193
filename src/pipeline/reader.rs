//! Whole streams, back: parts are fetched and opened ahead, delivered in order.

use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt as _};

use super::buffers::{Buffer, Pool};
use super::open::{Opener, PartRef};
use super::workers::Workers;
use crate::error::Result;
use crate::keys::Identities;
use crate::store::{Key, SharedStore};
use crate::types::Event;
use crate::types::event::Progress;

/// Plain bytes that are fetched ahead where one part is not more by itself.
const MAX_AHEAD: u64 = 512 * 1024 * 1024;

/// Fetches, checks and opens parts.
#[derive(Debug, Clone)]
pub struct Reader {
    store: SharedStore,
    workers: Workers<Opener>,
    ahead: usize,
    stored: Pool,
    plain: Pool,
}

impl Reader {
    /// With `workers` CPU threads. At most `2 × (workers + 2)` buffers of the
    /// part size are alive for each stream read at the same time (`streams`).
    pub fn start(store: SharedStore, identities: Arc<Identities>, workers: usize, streams: usize) -> Result<Self> {
        let ahead = workers + 2;
        let workers = Workers::start("open", workers, move || Opener::new(Arc::clone(&identities)))?;
        let buffers = ahead * streams.max(1);
        Ok(Self { store, workers, ahead, stored: Pool::new(buffers), plain: Pool::new(buffers + streams.max(1)) })
    }

    /// The same for parts of `bytes` plain bytes, of which fewer are fetched ahead where they
    /// are large: a signer may write parts of 256 MiB that are stored in a few kilobytes.
    #[must_use]
    pub fn for_parts_of(self, bytes: u64, streams: usize) -> Self {
        let streams = streams.max(1);
        let fit = usize::try_from(MAX_AHEAD / bytes.max(1)).unwrap_or(usize::MAX) / streams;
        let ahead = self.ahead.min(fit.max(1));
        let buffers = ahead * streams;
        Self { ahead, stored: Pool::new(buffers), plain: Pool::new(buffers + streams), ..self }
    }

    /// The plain bytes of `parts`, in order. Stops at the first error.
    pub fn stream(
        &self,
        parts: Vec<(Key, PartRef)>,
        progress: Progress,
    ) -> impl Stream<Item = Result<Buffer>> + Send + use<> {
        let this = self.clone();
        let ahead = self.ahead;
        stream::iter(parts)
            .map(move |(key, part)| {
                let this = this.clone();
                let progress = Arc::clone(&progress);
                async move {
                    let buffer = this.part(key, part).await?;
                    progress.event(Event::Advanced { bytes: part.stored_bytes });
                    Ok(buffer)
                }
            })
            .buffered(ahead)
    }

    /// One part.
    pub async fn part(&self, key: Key, part: PartRef) -> Result<Buffer> {
        let mut stored = self.stored.take().await;
        let mut plain = self.plain.take().await;
        super::fetch(self.store.as_ref(), &key, &part, &mut stored).await?;
        let (plain, opened) = self
            .workers
            .run(move |opener| {
                let opened = opener.open(&part, &stored, key.as_str(), &mut plain);
                (plain, opened)
            })
            .await?;
        opened?;
        Ok(plain)
    }
}
