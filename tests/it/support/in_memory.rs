//! Keys, and a repository in memory that they belong to, for the source `shop`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgseal::catalog::Reading;
use pgseal::keys::{Identities, Recipients, Signer, Trust};
use pgseal::store::SharedStore;
use pgseal::store::memory::MemoryStore;

pub struct Repository {
    /// Holds the keys and the state.
    pub dir: tempfile::TempDir,
    pub memory: Arc<MemoryStore>,
    pub reading: Reading,
    pub recipients: Arc<Recipients>,
    pub identities: Arc<Identities>,
    pub signer: Arc<Signer>,
    /// The signer's public line.
    pub public: String,
}

impl Repository {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (secret, recipient) = Identities::generate();
        let (private, public) = Signer::generate("test").unwrap();
        let identity = write(dir.path(), "identity", &secret);
        let key = write(dir.path(), "signer", &private);
        let line = format!("shop namespaces=\"manifest@pgseal,report@pgseal\" {public}\n");
        let allowed = write(dir.path(), "allowed", &line);
        let memory = Arc::new(MemoryStore::new());
        Self {
            reading: Reading {
                store: Arc::clone(&memory) as SharedStore,
                trust: Arc::new(Trust::load(&allowed, None).unwrap()),
                repo: "0123456789abcdef0123456789abcdef".parse().unwrap(),
                state_dir: dir.path().join("state"),
            },
            memory,
            recipients: Arc::new(Recipients::parse(&[recipient]).unwrap()),
            identities: Arc::new(Identities::from_file(&identity).unwrap()),
            signer: Arc::new(Signer::load(&key).unwrap()),
            public,
            dir,
        }
    }
}

/// A file of mode 0600.
pub fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}
