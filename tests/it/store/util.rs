//! What the tests of this binary share.

use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use bytes::Bytes;
use pgseal::store::fs::FileStore;
use pgseal::store::s3::Options;
use pgseal::store::{Key, Store, StoreError};
use pgseal::types::Digest;
use pgseal::types::event::{Event, Observer};

pub fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

pub async fn put(store: &dyn Store, at: &str, body: &'static [u8]) -> Result<(), StoreError> {
    store.put_new(&key(at), Bytes::from_static(body), &Digest::of(body)).await
}

pub async fn get(store: &dyn Store, at: &str) -> Result<Vec<u8>, StoreError> {
    let mut into = Vec::new();
    store.get(&key(at), 1 << 20, &mut into).await.map(|()| into)
}

pub async fn list(store: &dyn Store, prefix: &str) -> Vec<String> {
    pgseal::store::list_all(store, prefix, 100_000).await.unwrap().into_iter().map(|o| o.key).collect()
}

pub fn directory() -> (tempfile::TempDir, FileStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    (dir, store)
}

pub fn with_credential(key: &str, secret: &str) -> Options {
    Options { credentials: Some(credential(key, secret)), ..Options::default() }
}

pub fn credential(key: &str, secret: &str) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new(key, secret, None, None, "test"))
}

/// Keeps what it is told.
#[derive(Default, Clone, Debug)]
pub struct Kept(Arc<Mutex<Vec<Event>>>);

impl Kept {
    pub fn retries(&self) -> Vec<(&'static str, u32)> {
        let events = self.0.lock().unwrap();
        events
            .iter()
            .filter_map(|e| match e {
                Event::Retry { operation, attempt, .. } => Some((*operation, *attempt)),
                _ => None,
            })
            .collect()
    }
}

impl Observer for Kept {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}
