//! One stored part, from the store into a buffer, no byte more than was signed.

use super::open::PartRef;
use crate::error::{Code, Error, Result, Stage};
use crate::store::{Key, Store, StoreError};

/// Fetches a part. Its hash is not checked here: see [`PartRef::check_stored`].
pub async fn fetch(store: &dyn Store, key: &Key, part: &PartRef, into: &mut Vec<u8>) -> Result<()> {
    store.get(key, part.stored_bytes, into).await.map_err(|e| match e {
        StoreError::TooLarge { limit } => {
            Error::new(Code::Corrupt, Stage::Fetch, format!("is larger than the {limit} bytes signed")).on(key.as_str())
        }
        e => e.about(key),
    })
}
