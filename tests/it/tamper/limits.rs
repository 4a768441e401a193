//! Listings end.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use pgseal::Code;
use pgseal::store::memory::MemoryStore;
use pgseal::store::{Key, ObjectMeta, Page, Store, StoreError, list_all};
use pgseal::types::Digest;

/// A listing that never ends: a new token each time, with or without objects.
#[derive(Debug, Default)]
struct Endless {
    objects: bool,
    same_token: bool,
    pages: AtomicU64,
}

#[async_trait]
impl Store for Endless {
    fn describe(&self) -> String {
        "endless".into()
    }

    fn checks_bodies(&self) -> bool {
        false
    }

    async fn put_new(&self, _: &Key, _: Bytes, _: &Digest) -> Result<(), StoreError> {
        Err(StoreError::NotFound)
    }

    async fn get(&self, _: &Key, _: u64, _: &mut Vec<u8>) -> Result<(), StoreError> {
        Err(StoreError::NotFound)
    }

    async fn peek(&self, _: &Key, _: u64, _: &mut Vec<u8>) -> Result<(), StoreError> {
        Err(StoreError::NotFound)
    }

    async fn head(&self, _: &Key) -> Result<ObjectMeta, StoreError> {
        Err(StoreError::NotFound)
    }

    async fn list(&self, prefix: &str, _: Option<&str>) -> Result<Page, StoreError> {
        let n = self.pages.fetch_add(1, Ordering::Relaxed);
        let meta = ObjectMeta { key: format!("{prefix}{n}"), size: 1, modified: jiff::Timestamp::UNIX_EPOCH };
        let objects = if self.objects { vec![meta] } else { vec![] };
        Ok(Page { objects, next: Some(if self.same_token { "t".into() } else { n.to_string() }) })
    }

    async fn delete(&self, _: &Key) -> Result<(), StoreError> {
        Ok(())
    }

    async fn now(&self) -> Result<jiff::Timestamp, StoreError> {
        Err(StoreError::NotFound)
    }
}

#[tokio::test]
async fn a_listing_without_end_is_given_up() {
    let error = list_all(&Endless { objects: true, ..Endless::default() }, "m/", 500).await.unwrap_err();
    assert_eq!(error.about("m/").code(), Code::Limit);
    for (objects, same_token) in [(false, false), (false, true), (true, true)] {
        let store = Endless { objects, same_token, ..Endless::default() };
        let error = list_all(&store, "m/", 5000).await.unwrap_err();
        assert!(error.to_string().contains("does not advance"), "{error}");
        assert!(store.pages.load(Ordering::Relaxed) <= 1001);
    }
}

#[tokio::test]
async fn the_limit_is_the_largest_number_that_passes() {
    let memory = MemoryStore::new();
    for i in 0..250 {
        memory.tamper(&format!("m/{i}"), b"x".to_vec());
    }
    assert_eq!(list_all(&memory, "m/", 250).await.unwrap().len(), 250);
    assert!(matches!(list_all(&memory, "m/", 249).await, Err(StoreError::TooMuch { limit: 249, .. })));
}
