//! A backup that can be restored: its identity fits and its facts are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{Entry, load};
use crate::error::{Code, Error, Result, Stage};
use crate::keys::Identities;
use crate::manifest::model::{Manifest, Role, Stream};
use crate::manifest::{memory, parts};
use crate::pipeline::{PartRef, Reader};
use crate::source::Facts;
use crate::store::{Key, SharedStore};
use crate::types::Kind;

/// A backup with its facts and a reader for its parts.
#[derive(Debug)]
pub struct Opened {
    /// With all part receipts.
    pub manifest: Manifest,
    /// SHA-256 of the stored manifest.
    pub digest: crate::types::Digest,
    /// Fingerprint of the signer.
    pub signer: String,
    /// As sealed.
    pub facts: Facts,
    /// Fetches and opens parts.
    pub reader: Reader,
}

/// Which of the identities the manifest names, by short hash.
///
/// # Errors
/// No identity fits (12), before anything is downloaded.
pub fn fitting(manifest: &Manifest, identities: &Identities) -> Result<Vec<String>> {
    let have = identities.short_ids();
    let fits: Vec<String> = manifest.encryption.recipients.iter().filter(|r| have.contains(r)).cloned().collect();
    if fits.is_empty() {
        return Err(Error::new(
            Code::NoIdentity,
            Stage::Keys,
            format!(
                "no identity fits: the backup is sealed for {}, the identities are {}",
                manifest.encryption.recipients.join(", "),
                have.join(", ")
            ),
        )
        .on(manifest.backup_id.as_str())
        .hint("Set keys.identity to the identity file of one of those recipients."));
    }
    Ok(fits)
}

/// Whether facts and manifest speak of the same set: a stream that belongs to no
/// database of the facts would be left out of every restore without a word.
fn whole(manifest: &Manifest, facts: &Facts) -> std::result::Result<(), String> {
    let mut schemas: BTreeMap<&str, (usize, usize)> =
        facts.databases.iter().map(|d| (d.name.as_str(), (0, 0))).collect();
    if schemas.len() != facts.databases.len() {
        return Err("the facts name a database twice".into());
    }
    for s in &manifest.streams {
        let described = facts
            .streams
            .get(&s.reference)
            .ok_or_else(|| format!("the facts do not describe stream {}", s.reference))?;
        if matches!(s.role, Role::Globals | Role::Base) {
            continue;
        }
        let count = described
            .database
            .as_deref()
            .and_then(|d| schemas.get_mut(d))
            .ok_or_else(|| format!("stream {} is of no database of the facts", s.reference))?;
        match s.role {
            Role::Schema => count.0 += 1,
            _ => count.1 += 1,
        }
    }
    let complete = |c: &(usize, usize)| c.0 == 1 && c.1 >= 1;
    if manifest.kind == Kind::Logical && !schemas.values().all(complete) {
        return Err("a database of the facts has not its schema and data among the streams".into());
    }
    Ok(())
}

impl Opened {
    /// Opens the facts of `entry`. `streams` is how many streams will be read at once.
    pub async fn open(
        store: &SharedStore,
        entry: &Entry,
        identities: &Arc<Identities>,
        streams: usize,
    ) -> Result<Self> {
        fitting(&entry.manifest, identities)?;
        let manifest = load::with_parts(store, entry.manifest.clone()).await?;
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let reader = Reader::start(Arc::clone(store), Arc::clone(identities), workers, streams)?
            .for_parts_of(manifest.part_bytes, streams);
        let (key, part) = parts::of_facts(&manifest);
        memory::facts_fit(&part, key.as_str())?;
        let plain = reader.part(key.clone(), part).await?;
        memory::values_fit(&plain, key.as_str())?;
        let bad = |m: &str| Error::new(Code::Corrupt, Stage::Fetch, m.to_owned()).on(key.as_str());
        let facts: Facts = serde_json::from_slice(&plain).map_err(|e| bad("the facts are not readable").because(e))?;
        if facts.format != Facts::FORMAT || facts.version != 1 {
            return Err(bad("the facts have an unknown format")
                .hint("Use the version of pgseal that made this backup, or a later one."));
        }
        drop(plain);
        for s in &manifest.streams {
            if !facts.streams.contains_key(&s.reference) {
                return Err(bad("the facts do not describe every stream"));
            }
        }
        Ok(Self { manifest, digest: entry.digest, signer: entry.signer.clone(), facts, reader })
    }

    /// Whether every stream belongs to a database of the facts, and every database
    /// of a logical backup has its schema and data.
    ///
    /// # Errors
    /// 40 where facts and manifest do not speak of the same set.
    pub fn must_be_whole(&self) -> Result<()> {
        whole(&self.manifest, &self.facts)
            .map_err(|what| Error::new(Code::Corrupt, Stage::Fetch, what).on(self.manifest.facts.key.clone()))
    }

    /// Streams of one role; of one database where it is given.
    pub fn streams(&self, role: Role, database: Option<&str>) -> Vec<&Stream> {
        let of_database = |s: &&Stream| {
            database.is_none_or(|d| {
                self.facts.streams.get(&s.reference).and_then(|f| f.database.as_deref()).is_some_and(|n| n == d)
            })
        };
        self.manifest.streams.iter().filter(|s| s.role == role).filter(of_database).collect()
    }

    /// Keys and references of the parts of a stream.
    pub fn parts(&self, stream: &Stream) -> Result<Vec<(Key, PartRef)>> {
        parts::of_stream(&self.manifest, stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse::tests::sample;
    use crate::source::facts::StreamFacts;

    fn facts(text: &str) -> Facts {
        let value = serde_json::json!({
            "format": "pgseal-facts", "version": 1, "databases": [], "roles": [], "physical": null, "warnings": [],
            "server": {
                "version_num": 150_020, "version": "", "system_identifier": "1", "timeline": 1, "in_recovery": false,
                "data_checksums": true, "bootstrap_superuser": "postgres", "settings": {}, "preload_libraries": [],
                "host": "", "role": ""
            },
            "streams": {},
        });
        let mut facts: Facts = serde_json::from_value(value).unwrap();
        for (reference, database) in text.split_whitespace().filter_map(|t| t.split_once('=')) {
            let s = StreamFacts { database: Some(database.to_owned()), argv: vec![], tables: vec![] };
            facts.streams.insert(reference.to_owned(), s);
        }
        facts
    }

    fn database(name: &str) -> crate::source::facts::DatabaseFacts {
        serde_json::from_value(serde_json::json!({
            "name": name, "owner": "o", "encoding": "UTF8", "collate": "C", "ctype": "C", "locale_provider": "c",
            "locale": null, "icu_rules": null, "comment": null, "acl": null, "connection_limit": -1, "settings": [],
            "size_bytes": 0, "extensions": [], "tables": [], "sequences": [], "large_objects": 0,
            "invalid_indexes": [], "matviews": [], "object_counts": {}, "contents_known": true
        }))
        .unwrap()
    }

    #[test]
    fn every_stream_belongs_to_a_database_and_every_database_is_complete() {
        let mut m = sample(1, None);
        m.streams.push(m.streams[0].clone());
        m.streams[1].reference = "s02".into();
        m.streams[1].role = Role::Schema;
        let check = |streams: &str, names: &[&str]| {
            let mut f = facts(streams);
            f.databases = names.iter().map(|n| database(n)).collect();
            whole(&m, &f).err().unwrap_or_default()
        };
        assert_eq!(check("s01=a s02=a", &["a"]), "");
        for (streams, names, expected) in [
            ("s01=a", &["a"][..], "do not describe stream s02"),
            ("s01=a s02=b", &["a"], "stream s02 is of no database"),
            ("s01=a s02=a", &["a", "b"], "has not its schema and data"),
            ("s01=a s02=b", &["a", "b"], "has not its schema and data"),
            ("s01=a s02=a", &["a", "a"], "twice"),
        ] {
            assert!(check(streams, names).contains(expected), "{streams} {names:?}: {}", check(streams, names));
        }
    }
}
