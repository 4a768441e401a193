//! Another store as it would be had somebody changed it: reads come from below
//! but for the objects that were replaced or taken away, and nothing is written.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{Key, ObjectMeta, Page, SharedStore, Store, StoreError, list_all};
use crate::types::Digest;

/// Most objects of one listing.
const MAX_OBJECTS: usize = 2_000_000;

/// A read-only view of a store with changes. The store below stays as it is.
#[derive(Debug)]
pub struct Overlay {
    below: SharedStore,
    /// By key: the bytes that lie there now, or nothing.
    changed: BTreeMap<String, Option<Bytes>>,
    /// When the changes were made, by the clock of whoever made them.
    at: Timestamp,
}

impl Overlay {
    /// A view without any change.
    pub fn new(below: SharedStore, at: Timestamp) -> Self {
        Self { below, changed: BTreeMap::new(), at }
    }

    /// Puts `bytes` under `key`, whatever lies there.
    #[must_use]
    pub fn replace(mut self, key: &Key, bytes: impl Into<Bytes>) -> Self {
        self.changed.insert(key.to_string(), Some(bytes.into()));
        self
    }

    /// Takes the object under `key` away.
    #[must_use]
    pub fn remove(mut self, key: &Key) -> Self {
        self.changed.insert(key.to_string(), None);
        self
    }

    fn meta(&self, key: &str, bytes: &Bytes) -> ObjectMeta {
        ObjectMeta { key: key.to_owned(), size: bytes.len() as u64, modified: self.at }
    }
}

fn read_only() -> StoreError {
    StoreError::Denied("this view of the store is read only".into())
}

#[async_trait]
impl Store for Overlay {
    fn describe(&self) -> String {
        format!("{} with changes", self.below.describe())
    }

    fn checks_bodies(&self) -> bool {
        self.below.checks_bodies()
    }

    async fn put_new(&self, _: &Key, _: Bytes, _: &Digest) -> Result<(), StoreError> {
        Err(read_only())
    }

    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        match self.changed.get(key.as_str()) {
            None => self.below.get(key, limit, into).await,
            Some(None) => Err(StoreError::NotFound),
            Some(Some(bytes)) if bytes.len() as u64 > limit => Err(StoreError::TooLarge { limit }),
            Some(Some(bytes)) => {
                into.clear();
                into.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        match self.changed.get(key.as_str()) {
            None => self.below.peek(key, most, into).await,
            Some(None) => Err(StoreError::NotFound),
            Some(Some(bytes)) => {
                into.clear();
                into.extend_from_slice(&bytes[..bytes.len().min(most as usize)]);
                Ok(())
            }
        }
    }

    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError> {
        match self.changed.get(key.as_str()) {
            None => self.below.head(key).await,
            Some(None) => Err(StoreError::NotFound),
            Some(Some(bytes)) => Ok(self.meta(key.as_str(), bytes)),
        }
    }

    /// Everything in one page: a change may lie between two pages of the store below.
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, StoreError> {
        let mut all: BTreeMap<String, ObjectMeta> =
            list_all(self.below.as_ref(), prefix, MAX_OBJECTS).await?.into_iter().map(|m| (m.key.clone(), m)).collect();
        for (key, change) in self.changed.iter().filter(|(key, _)| key.starts_with(prefix)) {
            match change {
                None => all.remove(key),
                Some(bytes) => all.insert(key.clone(), self.meta(key, bytes)),
            };
        }
        let objects = all.into_values().filter(|m| after.is_none_or(|a| m.key.as_str() > a)).collect();
        Ok(Page { objects, next: None })
    }

    async fn delete(&self, _: &Key) -> Result<(), StoreError> {
        Err(read_only())
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.below.now().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::layout;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn changes_are_seen_and_the_store_below_stays() {
        let memory = Arc::new(MemoryStore::new());
        let source = "shop".parse().unwrap();
        let key = |n| layout::manifest(&source, n);
        for n in 1..=3 {
            let body = Bytes::from(vec![b'x'; n as usize]);
            memory.put_new(&key(n), body.clone(), &Digest::of(&body)).await.unwrap();
        }
        let before = memory.keys();
        let o = Overlay::new(Arc::clone(&memory) as SharedStore, Timestamp::UNIX_EPOCH)
            .replace(&key(2), &b"longer"[..])
            .replace(&key(4), &b"new"[..])
            .remove(&key(3));
        let listed: Vec<u64> = o.list("s/shop/m/", None).await.unwrap().objects.iter().map(|m| m.size).collect();
        assert_eq!(listed, [1, 6, 3]);
        let mut got = Vec::new();
        o.get(&key(2), 6, &mut got).await.unwrap();
        assert_eq!(got, b"longer");
        assert!(matches!(o.get(&key(2), 5, &mut got).await, Err(StoreError::TooLarge { limit: 5 })));
        o.peek(&key(2), 4, &mut got).await.unwrap();
        assert_eq!(got, b"long");
        assert!(matches!(o.get(&key(3), 9, &mut got).await, Err(StoreError::NotFound)));
        assert!(matches!(o.head(&key(3)).await, Err(StoreError::NotFound)));
        assert_eq!((o.head(&key(4)).await.unwrap().size, o.head(&key(1)).await.unwrap().size), (3, 1));
        let body = Bytes::from_static(b"y");
        assert!(matches!(o.put_new(&key(5), body.clone(), &Digest::of(&body)).await, Err(StoreError::Denied(_))));
        assert!(matches!(o.delete(&key(1)).await, Err(StoreError::Denied(_))));
        assert_eq!(memory.keys(), before);
    }
}
