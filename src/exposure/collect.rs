//! Collects what looks find beside findings: credentials for the rotation
//! inventory, reach for the picture of who can read what.
//!
//! Part of a run where somebody wants these; checks do without one. It holds the
//! key that tags credentials, so that no check keeps a credential longer than it
//! takes to tag it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::outcome::{Credential, EntryRow, Pictures, ReachRow};
use super::secrets::Sample;
use super::server::{Server, VerifierKind};
use crate::detect::Kind;

/// Most credentials that are listed.
const MOST_CREDENTIALS: usize = 10_000;

/// What one run collects.
pub struct Collector {
    key: [u8; 32],
    now: Timestamp,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entry: Vec<EntryRow>,
    reach: BTreeMap<String, ReachRow>,
    credentials: BTreeSet<(String, String, String)>,
    /// Databases whose tables were sampled; several checks judge the same sample.
    samples: BTreeMap<String, Arc<Sample>>,
    /// What belongs to the server and not to one database, and was looked at.
    once: BTreeSet<&'static str>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector({} credentials)", self.inner().credentials.len())
    }
}

impl Collector {
    /// One that tags credentials with this host's `key`, and has seen them `now`.
    pub fn new(key: [u8; 32], now: Timestamp) -> Self {
        Self { key, now, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that credentials are tagged with.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// A credential was seen; the same one twice is one.
    pub fn credential(&self, object: &str, kind: &str, tag: &str) {
        let mut inner = self.inner();
        if inner.credentials.len() < MOST_CREDENTIALS {
            inner.credentials.insert((object.to_owned(), kind.to_owned(), tag.to_owned()));
        }
    }

    /// Stored passwords of roles, where they are known.
    pub fn verifiers(&self, server: &Server) {
        for verifier in server.verifiers.ok().into_iter().flatten() {
            let kind = match verifier.kind {
                VerifierKind::Md5 => Kind::Md5Verifier.name(),
                VerifierKind::Scram { .. } => Kind::ScramVerifier.name(),
                VerifierKind::Unknown => "verifier of an unknown form",
            };
            self.credential(&format!("password of role {}", verifier.role), kind, &verifier.tag);
        }
    }

    /// How many credentials were seen in objects whose name begins so.
    pub fn count(&self, prefix: &str) -> usize {
        self.inner().credentials.iter().filter(|c| c.0.starts_with(prefix)).count()
    }

    /// Who can enter; see [`Pictures::entry`].
    pub fn entry(&self, rows: Vec<EntryRow>) {
        self.inner().entry.extend(rows);
    }

    /// Who can do what with tables; a row that is there already learns what the new one knows.
    pub fn reach(&self, rows: Vec<ReachRow>) {
        let mut inner = self.inner();
        for row in rows {
            match inner.reach.get_mut(&row.object) {
                Some(known) => {
                    known.classes.extend(row.classes);
                    known.classes.sort();
                    known.classes.dedup();
                    known.widest_entry = known.widest_entry.take().or(row.widest_entry);
                    known.without_tls = known.without_tls.or(row.without_tls);
                }
                None => drop(inner.reach.insert(row.object.clone(), row)),
            }
        }
    }

    /// Whether this is the first time that `what` is asked for in this run: things of
    /// the whole server are looked at in one database only.
    pub fn first(&self, what: &'static str) -> bool {
        self.inner().once.insert(what)
    }

    /// The sample of a database that was taken before.
    pub(super) fn sample(&self, database: &str) -> Option<Arc<Sample>> {
        self.inner().samples.get(database).cloned()
    }

    /// Keeps the sample of a database for the checks to come.
    pub(super) fn keep_sample(&self, database: &str, sample: Arc<Sample>) {
        self.inner().samples.insert(database.to_owned(), sample);
    }

    /// All that was collected.
    pub fn into_pictures(self) -> Pictures {
        let inner = self.inner.into_inner().unwrap_or_else(PoisonError::into_inner);
        let first_seen = self.now;
        let credential = |(object, kind, tag)| Credential { object, kind, tag, first_seen };
        Pictures {
            entry: inner.entry,
            reach: inner.reach.into_values().collect(),
            credentials: inner.credentials.into_iter().map(credential).collect(),
        }
    }
}
