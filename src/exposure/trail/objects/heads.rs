//! The first bytes of the objects: read once, judged at once, not kept.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::age_header::{self, AgeHeader};
use super::strays;
use crate::error::Result;
use crate::exposure::contents::{self, Contents, ENOUGH};
use crate::exposure::trail::Trail;
use crate::store::{Key, StoreError};

/// Objects whose first bytes are read. Of a larger store the oldest are left
/// out, and no check that needs them passes.
pub const MOST: usize = 200_000;

/// Requests at the same time.
const PARALLEL: usize = 16;

/// What the first bytes of an object say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// What it is, whom it is sealed for where it is an age file, and the kind
    /// of secret key in these bytes.
    Read {
        /// What it is.
        contents: Contents,
        /// Whom it is sealed for, or why that cannot be told; of age files only.
        sealed: Option<std::result::Result<AgeHeader, &'static str>>,
        /// The kind of secret key that these bytes hold.
        key: Option<&'static str>,
    },
    /// It could not be read, and why.
    Closed(String),
    /// It was not read: there are too many.
    Left,
}

/// Reads them all, the newest first where there are too many.
pub(in crate::exposure::trail) async fn read(trail: &Trail<'_>) -> Result<Vec<Head>> {
    let objects = &trail.objects;
    let store = trail.reading.store.as_ref();
    let oldest = {
        let mut times: Vec<_> = objects.iter().map(|o| o.modified).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.get(MOST).copied()
    };
    stream::iter(objects.iter().cloned())
        .map(|o| async move {
            if oldest.is_some_and(|limit| o.modified <= limit) {
                return Ok(Head::Left);
            }
            let Ok(key) = Key::parse(&o.key) else { return Ok(foreign(trail, &o.key).await) };
            let mut bytes = Vec::new();
            match store.peek(&key, ENOUGH, &mut bytes).await {
                Ok(()) => Ok(judge(&bytes)),
                // Gone meanwhile, or not ours to read: this one object's matter.
                Err(e @ (StoreError::NotFound | StoreError::Denied(_))) => Ok(Head::Closed(e.to_string())),
                Err(e) => Err(e.about(&key)),
            }
        })
        .buffered(PARALLEL)
        .try_collect()
        .await
}

/// One whose name is none that pgseal gives, read by other means than the store's.
async fn foreign(trail: &Trail<'_>, name: &str) -> Head {
    let read = match (&trail.directory, &trail.bucket) {
        (Some(root), _) => strays::peek(root, name, ENOUGH).map_err(|e| e.to_string()),
        (None, Some(bucket)) => bucket.peek(name, ENOUGH).await.map_err(|e| e.to_string()),
        (None, None) => Err("its name is none that pgseal gives".into()),
    };
    read.map_or_else(Head::Closed, |bytes| judge(&bytes))
}

fn judge(bytes: &[u8]) -> Head {
    let contents = contents::recognise(bytes);
    let sealed = (contents == Contents::Age).then(|| age_header::read(bytes));
    Head::Read { contents, sealed, key: contents::secret_key(bytes) }
}
