//! The backups themselves: the store, its objects, manifests and recipients.
//!
//! What lies in the store is listed once, and the first bytes of each object are
//! read once; checks judge that. What only an S3 server can tell is asked of it,
//! and an answer that it does not give is "not evaluated", never a pass.
//!
//! | folder | checks |
//! |---|---|
//! | [`objects`] | EXP-BKP-001 to 003: what lies in the store, and whom it is sealed for |
//! | [`history`] | EXP-MAN-001, 002, EXP-BKP-004, 005, 010: the signed history |
//! | [`store`] | EXP-STO-001 to 010, EXP-BKP-006: who can do what to it |
//! | [`keys`] | EXP-KEY-001, 003, 004: keys in it, and recipients |

pub mod history;
pub mod keys;
pub mod objects;
pub mod store;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use tokio::sync::OnceCell;

use self::objects::heads::Head;
use super::look::{Blind, Check, Looking};
use super::policy::Policy;
use super::seen::Seen;
use crate::catalog::{Catalog, Entry, Proof, Reading, proof};
use crate::config::Config;
use crate::config::schema::{Databases, Repository, Retention};
use crate::error::Result;
use crate::keys::Recipients;
use crate::source::Facts;
use crate::store::s3_probe::Bucket;
use crate::store::{ObjectMeta, StoreError, directory, layout, list_all};
use crate::types::{Known, SourceName};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    store::public::STRANGERS,
    store::public::SETTINGS,
    store::rules::CHECK,
    store::endpoint::CHECK,
    store::locks::VERSIONS,
    store::locks::LOCKS,
    store::writer::CHECK,
    store::lifecycle::CHECK,
    store::records::CHECK,
    store::directory::CHECK,
    objects::plaintext::CHECK,
    objects::sealed_for::CHECK,
    objects::unlisted::CHECK,
    history::chain::CHAIN,
    history::retention::CHECK,
    store::copies::CHECK,
    history::gaps::CHECK,
    history::chain::SIGNED,
    history::metadata::CHECK,
    keys::lying::CHECK,
    keys::proven::CHECK,
    keys::rotation::CHECK,
];

/// Most objects of a store that are listed.
const MAX_OBJECTS: usize = 2_000_000;

/// A store and what is known of the backups of one source in it.
#[derive(Debug)]
pub struct Trail<'a> {
    /// What the operator declared.
    pub policy: &'a Policy,
    /// The store, and whom we believe.
    pub reading: &'a Reading,
    /// The source.
    pub source: &'a SourceName,
    /// `[repository]`.
    pub repository: &'a Repository,
    /// Short ids of the recipients that are configured here; empty on hosts that only read.
    pub recipients: Vec<String>,
    /// `[source.NAME.retention]`.
    pub retention: Option<&'a Retention>,
    /// Names of databases that the configuration tells.
    pub databases: Vec<String>,
    /// Whether this host writes backups: it has a signing key.
    pub writes: bool,
    /// The store's own clock.
    pub now: Timestamp,
    /// The signed history.
    pub catalog: Catalog,
    /// Every object of the store, of other sources too.
    pub objects: Vec<ObjectMeta>,
    /// What signed drill reports say of each backup.
    pub proofs: Known<Vec<Proof>>,
    /// When each recipient was last proven to open a backup, by its short id.
    pub proven: Known<BTreeMap<String, Timestamp>>,
    /// The sealed facts of the newest backup, where an identity opened them.
    pub facts: Known<Facts>,
    /// The directory that the store is, where it is one.
    pub directory: Option<PathBuf>,
    /// The bucket that the store is, where it is one.
    pub bucket: Option<Bucket>,
    heads: OnceCell<Vec<Head>>,
}

impl<'a> Trail<'a> {
    /// Lists the store and reads the history of `source`. `bucket` is the store's,
    /// where it is one. [`Trail::proven`] and [`Trail::facts`] are the caller's to
    /// fill in.
    ///
    /// # Errors
    /// Where the store cannot be listed: nothing can be said of it then.
    pub async fn gather(
        config: &'a Config,
        source: &'a SourceName,
        reading: &'a Reading,
        bucket: Option<Bucket>,
        policy: &'a Policy,
    ) -> Result<Self> {
        let mut objects = list_all(reading.store.as_ref(), "", MAX_OBJECTS).await.map_err(|e| e.about("the store"))?;
        let directory = directory(&config.repository.url);
        if let Some(root) = &directory {
            let strays = objects::strays::find(root, MAX_OBJECTS);
            objects.extend(strays.map_err(|e| StoreError::Other(e.to_string()).about(root.display()))?);
        }
        let mut catalog = Catalog::load(reading, source).await?;
        let proofs = match proof::load(reading, source).await {
            Ok((proofs, _)) => {
                catalog.hear(&proofs);
                Known::Yes(proofs)
            }
            Err(e) => Known::no(format!("the drill reports cannot be read: {e}")),
        };
        let now = reading.store.now().await.map_err(|e| e.about("the store's clock"))?;
        let settings = config.sources.get(source);
        let databases = match settings.map(|s| &s.databases) {
            Some(Databases::Named(names)) => names.clone(),
            _ => Vec::new(),
        };
        Ok(Self {
            policy,
            reading,
            source,
            repository: &config.repository,
            recipients: Recipients::parse(&config.keys.recipients).map(|r| r.short_ids()).unwrap_or_default(),
            retention: settings.and_then(|s| s.retention.as_ref()),
            databases,
            writes: config.keys.signing_key.is_some(),
            now,
            catalog,
            objects,
            proofs,
            proven: Known::no("the drill reports were not read"),
            facts: Known::no("no identity is here that opens them"),
            directory,
            bucket,
            heads: OnceCell::new(),
        })
    }

    /// The first bytes of objects, as [`Head`]s, in the order of [`Trail::objects`].
    /// They are read once.
    ///
    /// # Errors
    /// Where the store stops answering.
    pub async fn heads(&self) -> std::result::Result<&[Head], Blind> {
        let heads = self.heads.get_or_try_init(|| objects::heads::read(self));
        heads.await.map(Vec::as_slice).map_err(Blind::Failed)
    }

    /// Objects of the source, and of nobody: those of other sources are theirs to look at.
    pub fn ours(&self, key: &str) -> bool {
        key.starts_with(&layout::source_prefix(self.source)) || !key.starts_with("s/")
    }

    /// The newest backup with a good signature.
    pub fn newest(&self) -> Option<&Entry> {
        self.catalog.head()
    }

    /// The bucket, or why there is none to be asked.
    ///
    /// # Errors
    /// What a check of buckets sees where there is none.
    fn bucket(&self) -> std::result::Result<&Bucket, Seen> {
        match (&self.bucket, &self.directory) {
            (Some(bucket), _) => Ok(bucket),
            (None, Some(_)) => Err(Seen::not_applicable("the store is a directory")),
            (None, None) => Err(Seen::not_evaluated("the bucket was not asked")),
        }
    }
}

/// What a check says that waits for nothing.
fn ready<'a>(seen: Seen) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(seen)))
}

/// `backup 20261122T030000Z-…`: the form of backups in findings.
fn backup(entry: &Entry) -> String {
    format!("backup {}", entry.manifest.backup_id)
}

/// What the newest backup is called in findings: it is another one every night,
/// and what is wrong with it stays the same.
const NEWEST: &str = "newest backup";

/// `object s/shop/…`: the form of objects in findings.
fn object(key: &str) -> String {
    format!("object {key}")
}
