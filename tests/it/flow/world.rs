//! A repository in memory, keys, and one source.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pgseal::Result;
use pgseal::backup::{self, Job};
use pgseal::catalog::{Catalog, Entry, Reading};
use pgseal::config::schema::{Databases, Drill, Isolation, Source};
use pgseal::keys::{Identities, Recipients, Signer};
use pgseal::restore::carried::Standby;
use pgseal::restore::{LogicalTarget, Opened, PhysicalTarget, Said, globals};
use pgseal::source::{ConnParams, PgBin};
use pgseal::store::memory::MemoryStore;
use pgseal::types::{Kind, Silent, SourceName};
use pgseal::verify::{self, Depth, SourceOutcome};

use crate::flow::in_memory::Repository;
use crate::flow::pg::{self, PgServer};

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
        let Repository { dir, memory, reading, recipients, identities, signer, public: _ } = Repository::new();
        Self {
            memory,
            reading,
            recipients,
            identities,
            signer,
            source: Source {
                kind,
                connection: server.conninfo(),
                databases: Databases::All,
                jobs: 2,
                compression: 3,
                manifest_checksums: pgseal::config::schema::FileChecksums::default(),
                part_bytes: 256 * 1024,
                role_passwords: true,
                next_due: None,
                idle_timeout: Duration::from_mins(1),
                deadline: None,
                count_rows_to: 1 << 30,
                lock_wait: Duration::from_secs(10),
                retention: None,
                drill: Drill {
                    min_isolation: Some(Isolation::I2),
                    preload: Vec::new(),
                    max_restore: None,
                    max_rpo: None,
                    max_slowdown: 2.0,
                    deadline: None,
                    sql: vec![],
                    canary: None,
                },
                exposure: pgseal::config::schema::Exposure::default(),
            },
            name: "shop".parse().unwrap(),
            dir,
        }
    }

    pub async fn backup(&self) -> Result<backup::Outcome> {
        self.backup_with(Some(pg::bindir())).await
    }

    /// With the PostgreSQL programs of another directory.
    pub async fn backup_with(&self, pg_bindir: Option<PathBuf>) -> Result<backup::Outcome> {
        let env = |_: &str| None;
        let job = Job {
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
        };
        Box::pin(job.run()).await
    }

    pub async fn catalog(&self) -> Catalog {
        Catalog::load(&self.reading, &self.name).await.unwrap()
    }

    pub async fn head(&self) -> Entry {
        self.catalog().await.head().unwrap().clone()
    }

    pub async fn verify(&self, depth: Depth) -> SourceOutcome {
        let progress = Arc::new(Silent) as pgseal::types::event::Progress;
        Box::pin(verify::source(&self.reading, &self.name, |_| true, &depth, &progress)).await.unwrap()
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
        let bin = PgBin::find(Some(&pg::bindir()), pg::major()).await.unwrap();
        let target = LogicalTarget {
            conn: &conn,
            bin: &bin,
            under: pgseal::process::Under::default(),
            private: self.dir.path(),
            jobs: 2,
            databases: databases.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            tables: Vec::new(),
            globals: Some(globals::Existing::Keep),
            owners: true,
            scratch: false,
            keep_going: false,
            said: Said::default(),
            progress: Arc::new(Silent),
        };
        target.restore(&opened).await.map(drop)
    }

    pub async fn restore_physical(&self, dir: PathBuf) -> Result<()> {
        let opened = self.open().await;
        let target =
            PhysicalTarget { dir, durable: true, owner: None, standby: Standby::Alone, progress: Arc::new(Silent) };
        target.restore(&opened).await.map(drop)
    }
}
