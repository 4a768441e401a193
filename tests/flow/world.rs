//! A repository in memory, keys, and one source.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pgseal::Result;
use pgseal::backup::{self, Job};
use pgseal::catalog::{Catalog, Entry, Reading};
use pgseal::config::schema::{Databases, Drill, Isolation, Source};
use pgseal::keys::{Identities, Recipients, Signer, Trust};
use pgseal::restore::{LogicalTarget, Opened, PhysicalTarget, globals};
use pgseal::source::{ConnParams, PgBin};
use pgseal::store::SharedStore;
use pgseal::store::memory::MemoryStore;
use pgseal::types::{Kind, Silent, SourceName};
use pgseal::verify::{self, Depth, SourceOutcome};

use crate::pg::{self, PgServer};

pub struct World {
    pub dir: tempfile::TempDir,
    pub memory: Arc<MemoryStore>,
    pub reading: Reading,
    pub recipients: Arc<Recipients>,
    pub identities: Arc<Identities>,
    pub signer: Arc<Signer>,
    pub source: Source,
    pub name: SourceName,
}

impl World {
    /// A repository for a source that is `server`.
    pub fn new(server: &PgServer, kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            let mut file = std::fs::File::create(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.set_permissions(std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        let (secret, recipient) = Identities::generate();
        let identity = write("identity", &secret);
        let (private, public) = Signer::generate("test").unwrap();
        let key = write("signer", &private);
        let allowed = write("allowed", &format!("shop namespaces=\"manifest@pgseal,report@pgseal\" {public}\n"));
        let memory = Arc::new(MemoryStore::new());
        let reading = Reading {
            store: Arc::clone(&memory) as SharedStore,
            trust: Arc::new(Trust::load(&allowed, None).unwrap()),
            repo: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            state_dir: dir.path().join("state"),
        };
        Self {
            memory,
            reading,
            recipients: Arc::new(Recipients::parse(&[recipient]).unwrap()),
            identities: Arc::new(Identities::from_file(&identity).unwrap()),
            signer: Arc::new(Signer::load(&key).unwrap()),
            source: Source {
                kind,
                connection: server.conninfo(),
                databases: Databases::All,
                jobs: 2,
                compression: 3,
                part_bytes: 256 * 1024,
                role_passwords: true,
                next_due: None,
                idle_timeout: Duration::from_mins(1),
                deadline: None,
                lock_wait: Duration::from_secs(10),
                retention: None,
                drill: Drill {
                    min_isolation: Isolation::I2,
                    max_restore: None,
                    deadline: None,
                    sql: vec![],
                    canary: None,
                },
            },
            name: "shop".parse().unwrap(),
            dir,
        }
    }

    pub async fn backup(&self) -> Result<backup::Outcome> {
        self.backup_with(None).await
    }

    /// With the PostgreSQL programs of another directory.
    pub async fn backup_with(&self, pg_bindir: Option<PathBuf>) -> Result<backup::Outcome> {
        let env = |_: &str| None;
        Job {
            name: self.name.clone(),
            source: &self.source,
            kind: self.source.kind,
            label: None,
            reading: self.reading.clone(),
            recipients: Arc::clone(&self.recipients),
            signer: Arc::clone(&self.signer),
            pg_bindir,
            env: &env,
            accept_new_system: false,
            progress: Arc::new(Silent),
        }
        .run()
        .await
    }

    pub async fn catalog(&self) -> Catalog {
        Catalog::load(&self.reading, &self.name).await.unwrap()
    }

    pub async fn head(&self) -> Entry {
        self.catalog().await.head().unwrap().clone()
    }

    pub async fn verify(&self, depth: Depth) -> SourceOutcome {
        let progress = Arc::new(Silent) as pgseal::types::event::Progress;
        verify::source(&self.reading, &self.name, |_| true, &depth, &progress).await.unwrap()
    }

    pub fn with_identity(&self) -> Depth {
        Depth { deep: true, identities: Some(Arc::clone(&self.identities)), sample_percent: None }
    }

    pub async fn open(&self) -> Opened {
        Opened::open(&self.reading.store, &self.head().await, &self.identities, 4).await.unwrap()
    }

    /// Restores the newest backup's databases under other names on `server`.
    pub async fn restore_logical(&self, server: &PgServer, databases: &[(&str, &str)]) -> Result<()> {
        let opened = self.open().await;
        let conn = ConnParams::resolve(&server.conninfo(), &|_| None).unwrap();
        let bin = PgBin::find(Some(&pg::bindir()), 15).unwrap();
        let target = LogicalTarget {
            conn: &conn,
            bin: &bin,
            under: Vec::new(),
            private: self.dir.path(),
            jobs: 2,
            databases: databases.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            tables: Vec::new(),
            globals: Some(globals::Existing::Keep),
            owners: true,
            scratch: false,
            progress: Arc::new(Silent),
        };
        target.restore(&opened).await.map(drop)
    }

    pub async fn restore_physical(&self, dir: PathBuf) -> Result<()> {
        let opened = self.open().await;
        let target = PhysicalTarget { dir, durable: true, owner: None, progress: Arc::new(Silent) };
        target.restore(&opened).await.map(drop)
    }
}
