//! A store in memory, keys, and a way to write and read one stream.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use pgseal::Result;
use pgseal::keys::{Identities, Recipients};
use pgseal::pipeline::writer::Options;
use pgseal::pipeline::{PartRef, Reader, Unproven, Writer};
use pgseal::process::{Stdout, Tool};
use pgseal::store::memory::MemoryStore;
use pgseal::store::{Key, SharedStore, layout};
use pgseal::types::event::Progress;
use pgseal::types::{BackupId, Silent, SourceName};

pub struct World {
    pub memory: Arc<MemoryStore>,
    pub recipients: Arc<Recipients>,
    pub identities: Arc<Identities>,
    pub identity_file: tempfile::TempPath,
    pub progress: Progress,
}

/// An identity file as pgseal writes it, and its recipient.
pub fn identity() -> (tempfile::TempPath, String) {
    use std::io::Write as _;
    let (secret, recipient) = Identities::generate();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(secret.as_bytes()).unwrap();
    (file.into_temp_path(), recipient)
}

impl World {
    pub fn new() -> Self {
        let (identity_file, recipient) = identity();
        Self {
            memory: Arc::new(MemoryStore::new()),
            recipients: Arc::new(Recipients::parse(&[recipient]).unwrap()),
            identities: Arc::new(Identities::from_file(&identity_file).unwrap()),
            identity_file,
            progress: Arc::new(Silent),
        }
    }

    pub fn store(&self) -> SharedStore {
        Arc::clone(&self.memory) as SharedStore
    }

    pub fn key(number: usize) -> Key {
        let source: SourceName = "shop".parse().unwrap();
        let id: BackupId = "20261123T030000Z-0123456789abcdef".parse().unwrap();
        layout::part(&source, &id, "s01", number)
    }

    pub fn writer(&self, part_bytes: usize) -> Writer {
        let options =
            Options { part_bytes, level: 3, workers: 2, streams: 1, uploads: 2, idle_timeout: Duration::from_secs(30) };
        Writer::start(self.store(), Arc::clone(&self.recipients), options).unwrap()
    }

    pub async fn write(&self, bytes: &[u8], part_bytes: usize) -> Result<Unproven> {
        self.writer(part_bytes).stream(bytes, Self::key, |_| Ok(()), &self.progress).await
    }

    /// Writes `bytes` and gives the references that a manifest would hold.
    pub async fn sealed(&self, bytes: &[u8], part_bytes: usize) -> Vec<(Key, PartRef)> {
        let unproven = self.write(bytes, part_bytes).await.unwrap();
        let proof = Tool::new("/bin/true").stdout(Stdout::Null).spawn().await.unwrap().wait().await.unwrap();
        let proof = proof.success(pgseal::Code::DumpFailed, pgseal::Stage::Dump).unwrap();
        let receipt = unproven.close(&proof);
        assert_eq!(receipt.plain_bytes(), bytes.len() as u64);
        let reference = |p: &pgseal::pipeline::Sealed| PartRef {
            stored_sha256: p.stored_sha256,
            stored_bytes: p.stored_bytes,
            plain_bytes: p.plain_bytes,
        };
        receipt.parts.iter().enumerate().map(|(i, p)| (Self::key(i + 1), reference(p))).collect()
    }

    pub async fn read(&self, parts: Vec<(Key, PartRef)>) -> Result<Vec<u8>> {
        self.read_with(parts, &self.identities).await
    }

    pub async fn read_with(&self, parts: Vec<(Key, PartRef)>, identities: &Arc<Identities>) -> Result<Vec<u8>> {
        let reader = Reader::start(self.store(), Arc::clone(identities), 2, 1)?;
        let mut stream = std::pin::pin!(reader.stream(parts, Arc::clone(&self.progress)));
        let mut out = Vec::new();
        while let Some(part) = stream.next().await {
            out.extend_from_slice(&part?);
        }
        Ok(out)
    }
}

/// Bytes that compress a little, different for each seed.
pub fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| rng.u8(b'a'..=b'p')).collect()
}
