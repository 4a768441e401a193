//! A repository made by hand, without a server: quick to make, to break and to
//! make again. What is sealed and signed is real; only the rows are random bytes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use pgseal::catalog::{Catalog, Entry, Reading, Selector};
use pgseal::keys::{Identities, Namespace, Recipients, Signer};
use pgseal::manifest::model::{
    Compression, Counts, Encryption, FactsRef, Manifest, Pg, Role, StoredPart, Stream, Tool,
};
use pgseal::manifest::{parse, parts};
use pgseal::pipeline::Writer;
use pgseal::pipeline::writer::Options;
use pgseal::restore::Opened;
use pgseal::source::Facts;
use pgseal::source::facts::{ServerFacts, StreamFacts};
use pgseal::store::layout;
use pgseal::store::memory::MemoryStore;
use pgseal::types::{BackupId, Digest, Kind, PgVersion, Silent, SourceName};
use pgseal::verify::{self, Depth, SourceOutcome};
use pgseal::{Code, Error, Result};

use crate::tamper::in_memory::{Repository, write};

pub struct World {
    pub dir: tempfile::TempDir,
    pub memory: Arc<MemoryStore>,
    pub reading: Reading,
    pub recipients: Arc<Recipients>,
    pub identities: Arc<Identities>,
    pub signer: Arc<Signer>,
    pub public: String,
    pub name: SourceName,
    pub part_bytes: u64,
}

/// A backup as it was stored.
#[derive(Clone)]
pub struct Made {
    pub manifest: Manifest,
    pub digest: Digest,
    pub plain: Vec<u8>,
}

impl Made {
    pub fn slot(&self) -> (u64, Digest) {
        (self.manifest.seq, self.digest)
    }

    pub fn key(&self) -> String {
        layout::manifest(&self.manifest.source, self.manifest.seq).to_string()
    }

    pub fn sig(&self) -> String {
        layout::manifest_sig(&self.manifest.source, self.manifest.seq, &self.digest).to_string()
    }

    pub fn part(&self, number: usize) -> String {
        layout::part(&self.manifest.source, &self.manifest.backup_id, "s01", number).to_string()
    }

    pub fn facts(&self) -> String {
        layout::facts(&self.manifest.source, &self.manifest.backup_id).to_string()
    }

    pub fn parts_list(&self) -> String {
        layout::parts_list(&self.manifest.source, &self.manifest.backup_id).to_string()
    }
}

/// Random bytes: what does not compress has a stored size that depends on its length only.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
}

pub fn server_facts() -> ServerFacts {
    ServerFacts {
        version_num: PgVersion(150_020),
        version: "15.20".into(),
        system_identifier: "7423456789012345678".into(),
        timeline: 1,
        in_recovery: false,
        data_checksums: true,
        bootstrap_superuser: "postgres".into(),
        settings: std::collections::BTreeMap::default(),
        preload_libraries: vec![],
        host: "h".into(),
        role: "r".into(),
    }
}

impl World {
    pub fn new() -> Self {
        let Repository { dir, memory, reading, recipients, identities, signer, public } = Repository::new();
        Self {
            memory,
            reading,
            recipients,
            identities,
            signer,
            public,
            name: "shop".parse().unwrap(),
            part_bytes: 150_000,
            dir,
        }
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        write(self.dir.path(), name, text)
    }

    /// A key pair and its public line.
    pub fn stranger(&self) -> (Signer, String) {
        let (private, public) = Signer::generate("stranger").unwrap();
        (Signer::load(&self.file("stranger", &private)).unwrap(), public)
    }

    /// The same world with nothing in its store.
    pub fn with_objects(&self, objects: &[(String, Vec<u8>)]) {
        for key in self.memory.keys() {
            self.memory.lose(&key);
        }
        for (key, bytes) in objects {
            self.memory.tamper(key, bytes.clone());
        }
    }

    pub fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for key in self.memory.keys() {
            all.push((key.clone(), self.bytes(&key)));
        }
        all
    }

    pub fn bytes(&self, key: &str) -> Vec<u8> {
        let bytes = self.memory.lose(key).unwrap_or_else(|| panic!("{key} is not there"));
        self.memory.tamper(key, bytes.clone());
        bytes.to_vec()
    }

    pub fn forget_witness(&self) {
        let _ = std::fs::remove_dir_all(self.reading.state_dir.join("witness"));
    }

    /// Seals `plain` and drafts its manifest for a slot.
    pub async fn draft(&self, seq: u64, prev: Option<(u64, Digest)>, plain: &[u8]) -> Manifest {
        let now = jiff::Timestamp::now();
        let id = BackupId::new(now, pgseal::types::ids::random_bytes().unwrap());
        let options = Options {
            part_bytes: self.part_bytes as usize,
            level: 3,
            workers: 1,
            streams: 1,
            uploads: 1,
            idle_timeout: Duration::from_secs(30),
        };
        let writer = Writer::start(self.reading.store.clone(), Arc::clone(&self.recipients), options).unwrap();
        let mut stored = Vec::new();
        for (i, part) in plain.chunks(self.part_bytes as usize).enumerate() {
            let sealed = writer.object(layout::part(&self.name, &id, "s01", i + 1), part).await.unwrap();
            stored.push(StoredPart(sealed.stored_sha256, sealed.stored_bytes));
        }
        let stream = StreamFacts { database: Some("shop".into()), argv: vec![], tables: vec![] };
        let facts = Facts {
            format: Facts::FORMAT.into(),
            version: 1,
            server: server_facts(),
            databases: vec![],
            roles: vec![],
            memberships: None,
            settings_of_all: None,
            posture: None,
            streams: [("s01".to_owned(), stream)].into(),
            physical: None,
            warnings: vec![],
            left_out: Vec::new(),
            pinned: std::collections::BTreeMap::new(),
        };
        let key = layout::facts(&self.name, &id);
        let sealed = writer.object(key.clone(), &serde_json::to_vec(&facts).unwrap()).await.unwrap();
        Manifest {
            format: Manifest::FORMAT.into(),
            version: 1,
            repo_id: self.reading.repo.clone(),
            source: self.name.clone(),
            seq,
            prev_sha256: prev.map(|p| p.1),
            prev_seq: prev.map(|p| p.0),
            backup_id: id,
            kind: Kind::Logical,
            label: None,
            started_at: now,
            finished_at: now,
            next_due: None,
            tool: Tool { name: "pgseal".into(), version: "0".into(), target: "t".into() },
            producer: std::collections::BTreeMap::default(),
            pg: Pg {
                version_num: PgVersion(150_020),
                system_identifier: "7423456789012345678".into(),
                timeline: 1,
                start_lsn: None,
                stop_lsn: None,
                in_recovery: false,
                data_checksums: true,
            },
            encryption: Encryption { scheme: "age-v1".into(), recipients: self.recipients.short_ids() },
            compression: Compression { scheme: "zstd".into(), level: 3, window_log_max: 27 },
            part_bytes: self.part_bytes,
            counts: Counts { databases: 1, streams: 1, parts: stored.len() as u64 },
            streams: vec![Stream {
                reference: "s01".into(),
                role: Role::Data,
                parts: stored.len() as u64,
                plain_bytes: plain.len() as u64,
                stored,
            }],
            facts: FactsRef {
                key: key.to_string(),
                stored_bytes: sealed.stored_bytes,
                stored_sha256: sealed.stored_sha256,
                plain_bytes: sealed.plain_bytes,
            },
            x: serde_json::Map::new(),
        }
    }

    /// Signs a manifest and puts it into its slot.
    pub fn put(&self, mut manifest: Manifest, plain: &[u8]) -> Made {
        if let Some(bytes) = parts::split_off(&mut manifest).unwrap() {
            self.memory.tamper(layout::parts_list(&manifest.source, &manifest.backup_id).as_str(), bytes);
        }
        let bytes = parse::to_bytes(&manifest).unwrap();
        let made = Made { digest: Digest::of(&bytes), manifest, plain: plain.to_vec() };
        let armor = self.signer.sign(Namespace::Manifest, &bytes).unwrap();
        self.memory.tamper(&made.key(), bytes);
        self.memory.tamper(&made.sig(), armor.into_bytes());
        made
    }

    /// A chain of `n` backups of `len` bytes each.
    pub async fn chain(&self, n: u64, len: usize) -> Vec<Made> {
        let mut made: Vec<Made> = Vec::new();
        for seq in 1..=n {
            let plain = noise(len, seq);
            let manifest = self.draft(seq, made.last().map(Made::slot), &plain).await;
            made.push(self.put(manifest, &plain));
        }
        made
    }

    pub async fn try_verify(&self, depth: &Depth) -> Result<SourceOutcome> {
        let progress = Arc::new(Silent) as pgseal::types::event::Progress;
        verify::source(&self.reading, &self.name, |_| true, depth, &progress).await
    }

    pub async fn verify(&self, depth: &Depth) -> SourceOutcome {
        self.try_verify(depth).await.unwrap()
    }

    pub fn presence() -> Depth {
        Depth::default()
    }

    pub fn deep() -> Depth {
        Depth { deep: true, ..Depth::default() }
    }

    pub fn open_depth(&self) -> Depth {
        Depth { deep: false, identities: Some(Arc::clone(&self.identities)), sample_percent: None }
    }

    pub async fn latest(&self) -> Result<Entry> {
        let catalog = Catalog::load(&self.reading, &self.name).await?;
        let selector: Selector = "shop@latest".parse().unwrap();
        selector.find(&[catalog], &[]).cloned()
    }

    /// What would reach pg_restore, and the error that ended it.
    pub async fn deliver(&self, entry: &Entry) -> (Vec<u8>, Option<Error>) {
        let mut out = Vec::new();
        let opened = match Opened::open(&self.reading.store, entry, &self.identities, 1).await {
            Ok(opened) => opened,
            Err(e) => return (out, Some(e)),
        };
        for stream in &opened.manifest.streams {
            let parts = opened.parts(stream).unwrap();
            let mut parts = std::pin::pin!(opened.reader.stream(parts, Arc::new(Silent)));
            while let Some(part) = parts.next().await {
                match part {
                    Ok(bytes) => out.extend_from_slice(&bytes),
                    Err(e) => return (out, Some(e)),
                }
            }
        }
        (out, None)
    }
}

/// Objects that the findings name, with their codes.
pub fn named(outcome: &SourceOutcome) -> Vec<(String, Code)> {
    let errors = outcome.backups.iter().flat_map(|b| &b.errors);
    errors.map(|e| (e.object().unwrap_or_default().to_owned(), e.code())).collect()
}

pub fn problems(outcome: &SourceOutcome) -> Vec<(u64, Code)> {
    outcome.problems.iter().map(|p| (p.seq, p.code)).collect()
}
