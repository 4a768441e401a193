//! A store in memory, for tests of what lies above.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{Key, ObjectMeta, Page, Store, StoreError};
use crate::types::Digest;

/// Objects of one page of a listing.
const PAGE: usize = 100;

/// Keeps every promise of [`Store`] but durability.
#[derive(Debug, Default)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<String, (Bytes, Timestamp)>>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, (Bytes, Timestamp)>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces an object behind everybody's back, as an attacker would.
    pub fn tamper(&self, key: &str, bytes: impl Into<Bytes>) {
        self.objects().insert(key.to_owned(), (bytes.into(), Timestamp::now()));
    }

    /// Takes an object away behind everybody's back.
    pub fn lose(&self, key: &str) -> Option<Bytes> {
        self.objects().remove(key).map(|o| o.0)
    }

    /// All keys.
    pub fn keys(&self) -> Vec<String> {
        self.objects().keys().cloned().collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn checks_bodies(&self) -> bool {
        true
    }

    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> Result<(), StoreError> {
        if Digest::of(&body) != *digest {
            return Err(StoreError::Mangled("the body contradicts its digest".into()));
        }
        let mut objects = self.objects();
        if objects.contains_key(key.as_str()) {
            return Err(StoreError::Exists);
        }
        // A copy: the caller's buffer goes back to its pool.
        objects.insert(key.to_string(), (Bytes::copy_from_slice(&body), Timestamp::now()));
        Ok(())
    }

    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        into.clear();
        let objects = self.objects();
        let (body, _) = objects.get(key.as_str()).ok_or(StoreError::NotFound)?;
        if body.len() as u64 > limit {
            return Err(StoreError::TooLarge { limit });
        }
        into.extend_from_slice(body);
        Ok(())
    }

    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        into.clear();
        let objects = self.objects();
        let (body, _) = objects.get(key.as_str()).ok_or(StoreError::NotFound)?;
        into.extend_from_slice(&body[..body.len().min(most as usize)]);
        Ok(())
    }

    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError> {
        let objects = self.objects();
        let (body, modified) = objects.get(key.as_str()).ok_or(StoreError::NotFound)?;
        Ok(ObjectMeta { key: key.to_string(), size: body.len() as u64, modified: *modified })
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, StoreError> {
        let objects = self.objects();
        let mut hits = objects
            .iter()
            .filter(|(k, _)| k.starts_with(prefix) && after.is_none_or(|a| k.as_str() > a))
            .map(|(k, (b, t))| ObjectMeta { key: k.clone(), size: b.len() as u64, modified: *t });
        let page: Vec<ObjectMeta> = hits.by_ref().take(PAGE).collect();
        let next = if hits.next().is_some() { page.last().map(|m| m.key.clone()) } else { None };
        Ok(Page { objects: page, next })
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.objects().remove(key.as_str());
        Ok(())
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::now())
    }
}
