//! Where sealed objects lie.
//!
//! What every store promises, and the contract suite ([`contract`]) proves:
//!
//! 1. **Create only.** [`Store::put_new`] never replaces an object. Of two
//!    writers of one key exactly one succeeds, the other gets
//!    [`StoreError::Exists`].
//! 2. **All or nothing.** An object is readable under its key with all its
//!    bytes or not at all.
//! 3. **Durable.** When `put_new` returns, the object survives a power cut.
//! 4. **Read after write.** `get`, `head` and `list` see a finished put.
//! 5. **Bounded.** `get` and `peek` read at most the given number of bytes.
//!
//! The trait has no default methods: a wrapper that forgets one does not compile.
//!
//! | file | holds |
//! |---|---|
//! | [`layout`] | the only place that builds and reads keys |
//! | [`fs`] | a directory |
//! | [`s3`] | S3 and what speaks its protocol |
//! | [`s3_probe`] | what an S3 server says of a bucket, and whom it lets in |
//! | `s3_client` | the client, and how long it waits |
//! | `s3_wire` | what may leave for it: no plain http; the clock of its answers |
//! | `s3_error` | what it answers, sorted into classes |
//! | [`retry`] | repeats what may be repeated |
//! | [`fault`] | breaks on purpose, for tests |
//! | [`memory`] | in memory, for tests |
//! | [`overlay`] | another store as it would be had somebody changed it |
//! | [`open()`] | from the configured URL to a store |
//! | [`contract`] | the suite that every store must pass, also `pgseal store check` |

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use thiserror::Error;

use crate::error::{Code, Error, Stage};
use crate::types::Digest;

pub mod contract;
pub mod fault;
pub mod fs;
pub mod layout;
pub mod memory;
mod open;
pub mod overlay;
pub mod retry;
pub mod s3;
mod s3_client;
mod s3_error;
pub mod s3_probe;
mod s3_wire;
mod shared;

pub use layout::Key;
pub use open::{create, directory, open};

/// What went wrong in a store, in the classes that callers tell apart.
#[derive(Debug, Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("no such object")]
    NotFound,
    /// The key is taken (create-only put).
    #[error("the object exists already")]
    Exists,
    /// Access denied, or the credential is wrong or expired.
    #[error("access denied: {0}")]
    Denied(String),
    /// Out of space or over a quota.
    #[error("out of space: {0}")]
    NoSpace(String),
    /// The object is larger than the caller allows.
    #[error("the object is larger than the {limit} bytes allowed")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A listing, or one answer of a server, is longer than the caller allows or memory should hold.
    #[error("the store answers with more than the {limit} {what} allowed")]
    TooMuch {
        /// The limit.
        limit: u64,
        /// Of what: objects, bytes of their names, bytes of an answer.
        what: &'static str,
    },
    /// The store refused the bytes as not matching their checksum.
    #[error("the store received other bytes than were sent: {0}")]
    Mangled(String),
    /// There is no such bucket or directory.
    #[error("there is no such bucket or directory: {0}")]
    NoRepository(String),
    /// A fault that may pass: network, 5xx, throttling.
    #[error("{0}")]
    Transient(String),
    /// Everything else.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    /// Whether the same call may succeed when repeated.
    pub const fn transient(&self) -> bool {
        matches!(self, Self::Transient(_) | Self::Mangled(_))
    }

    /// The error for people, about `object`.
    pub fn about(self, object: impl fmt::Display) -> Error {
        let (code, hint) = match &self {
            Self::NotFound => (
                Code::Corrupt,
                Some(
                    "An object that the signed manifest names is gone; run `pgseal verify` to see what else is missing.",
                ),
            ),
            Self::Exists => (Code::CommitConflict, None),
            Self::Denied(_) => (
                Code::StoreDenied,
                Some("Check the credential and its policy; `pgseal store check` shows what is allowed."),
            ),
            Self::NoSpace(_) => {
                (Code::NoSpace, Some("Free space in the store or raise its quota; earlier backups are untouched."))
            }
            Self::TooLarge { .. } | Self::TooMuch { .. } => {
                (Code::Limit, Some("pgseal writes nothing of this size; find out who else can write to the store."))
            }
            Self::Mangled(_) => (Code::Corrupt, None),
            Self::NoRepository(_) => {
                (Code::RepositoryMissing, Some("Check repository.url; `pgseal init` creates a repository."))
            }
            Self::Transient(_) | Self::Other(_) => {
                (Code::StoreUnavailable, Some("Check that the store is reachable: `pgseal store check`."))
            }
        };
        let e = Error::new(code, Stage::Store, self.to_string()).on(object.to_string());
        match hint {
            Some(h) => e.hint(h),
            None => e,
        }
    }
}

/// Facts of one stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The full key below the store's root.
    pub key: String,
    /// Stored bytes.
    pub size: u64,
    /// When the store says it was last written; never the writer's clock.
    pub modified: Timestamp,
}

/// One page of a listing, sorted by key.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Objects. Keys come from outside: escape them before showing.
    pub objects: Vec<ObjectMeta>,
    /// Pass it back to go on; `None` at the end.
    pub next: Option<String>,
}

/// A place for objects. See the module's head for what it promises.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// The URL for people, without anything secret.
    fn describe(&self) -> String;

    /// Whether this kind of store itself refuses a body that contradicts its
    /// SHA-256 (a directory written by us does; some S3 servers do not). Where
    /// it does not, the caller reads back and hashes what matters.
    fn checks_bodies(&self) -> bool;

    /// Stores `body` under `key`, which must not exist. `digest` is its SHA-256.
    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> Result<(), StoreError>;

    /// Reads the whole object into `into` (cleared first). More than `limit`
    /// bytes is [`StoreError::TooLarge`], and no more than that is read.
    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError>;

    /// Reads the first bytes of the object into `into` (cleared first): as many as
    /// it has, at most `most`. What is behind them is not fetched.
    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError>;

    /// Size and time of one object.
    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError>;

    /// One page of the objects whose key starts with `prefix`, sorted by key.
    /// `after` is the `next` of the page before.
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, StoreError>;

    /// Removes an object; removing what is not there is no error.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// The store's own clock.
    async fn now(&self) -> Result<Timestamp, StoreError>;
}

/// A shared store.
pub type SharedStore = Arc<dyn Store>;

/// Pages without any object, one after another, that a listing may have.
const MAX_EMPTY_PAGES: u32 = 1000;

/// Most bytes that the names of one listing may take in memory: those of two million parts, and
/// their facts, take half of it.
const MAX_LISTED: u64 = 512 * 1024 * 1024;

/// What one listing may still take in memory.
#[derive(Debug)]
struct Room(u64);

impl Room {
    const fn new() -> Self {
        Self(MAX_LISTED)
    }

    /// Takes what a name and its facts need.
    fn take(&mut self, name: &str) -> Result<(), StoreError> {
        let needed = (name.len() + size_of::<ObjectMeta>()) as u64;
        self.0 = self.0.checked_sub(needed).ok_or(StoreError::TooMuch { limit: MAX_LISTED, what: "bytes of names" })?;
        Ok(())
    }
}

/// Lists everything under `prefix`, refusing with [`StoreError::TooMuch`] at
/// more than `limit` objects.
pub async fn list_all(store: &dyn Store, prefix: &str, limit: usize) -> Result<Vec<ObjectMeta>, StoreError> {
    let mut all = Vec::new();
    let mut room = Room::new();
    let mut after: Option<String> = None;
    let mut empty = 0;
    loop {
        let page = store.list(prefix, after.as_deref()).await?;
        empty = if page.objects.is_empty() { empty + 1 } else { 0 };
        if empty > MAX_EMPTY_PAGES {
            return Err(StoreError::Other("the listing does not advance".into()));
        }
        page.objects.iter().try_for_each(|o| room.take(&o.key))?;
        all.extend(page.objects);
        if all.len() > limit {
            return Err(StoreError::TooMuch { limit: limit as u64, what: "objects" });
        }
        match page.next {
            // A server that hands out the same token for ever must not hang us.
            Some(next) if after.as_ref() == Some(&next) => {
                return Err(StoreError::Other("the listing does not advance".into()));
            }
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}
