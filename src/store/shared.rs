//! A shared store is a store: wrappers take one that somebody else holds too.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{Key, ObjectMeta, Page, Store, StoreError};
use crate::types::Digest;

#[async_trait]
impl<S: Store + ?Sized> Store for Arc<S> {
    fn describe(&self) -> String {
        (**self).describe()
    }

    fn checks_bodies(&self) -> bool {
        (**self).checks_bodies()
    }

    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> Result<(), StoreError> {
        (**self).put_new(key, body, digest).await
    }

    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        (**self).get(key, limit, into).await
    }

    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        (**self).peek(key, most, into).await
    }

    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError> {
        (**self).head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, StoreError> {
        (**self).list(prefix, after).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        (**self).delete(key).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        (**self).now().await
    }
}
