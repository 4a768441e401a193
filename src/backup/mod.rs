//! One backup: lock, look at the chain, dump, seal, store, commit.
//!
//! ```text
//! lock ─► chain ─► probe ─► streams (parallel) ─► facts ─► signature ─► manifest = commit ─► read back ─► witness
//! ```
//!
//! Until the manifest is stored there is no backup: whatever fails before it
//! leaves unreferenced parts and every earlier backup whole.
//!
//! | file | holds |
//! |---|---|
//! | [`lock`] | one run per source and host |
//! | `behind` | whether the server is an older state than the one before |
//! | `clock` | whether a backup of now fits behind those before it |
//! | [`streams`] | a child, its tap and its parts, to a receipt |
//! | [`logical`] / [`physical`] | what is dumped |
//! | `unwritten` | what pg_dump leaves out while it ends well |
//! | `said` | what is told of a backup that was made all the same |
//! | [`commit`] | the slot, the signature, the manifest |

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::{Catalog, Reading};
use crate::config::schema;
use crate::error::{Code, Error, Result, Stage};
use crate::keys::{Recipients, Signer};
use crate::manifest::model::{Compression, Counts, Encryption, FactsRef, Manifest, Pg, StoredPart, Stream, Tool};
use crate::pipeline::{Writer, seal, writer};
use crate::process::private_dir;
use crate::source::facts::Facts;
use crate::source::{ConnParams, LeftOut, PgBin, Purpose, pinned, probe};
use crate::store::{contract, layout};
use crate::types::event::Progress;
use crate::types::ids::random_bytes;
use crate::types::{BackupId, Event, Kind, SourceName};

mod behind;
mod clock;
pub mod commit;
pub mod lock;
pub mod logical;
pub mod physical;
mod said;
pub mod streams;
mod unwritten;

use streams::Taken;

/// Largest number of parts a stream should have; parts grow beyond it.
const MANY_PARTS: u64 = 10_000;
/// Uploads at the same time.
const UPLOADS: usize = 4;

/// Everything one backup needs.
pub struct Job<'a> {
    /// The source's name.
    pub name: SourceName,
    /// Its configuration.
    pub source: &'a schema::Source,
    /// Logical or physical; the configured one unless the user asked otherwise.
    pub kind: Kind,
    /// A note for people, stored in the manifest.
    pub label: Option<String>,
    /// Store, trust, repository, state.
    pub reading: Reading,
    /// Who can open it.
    pub recipients: Arc<Recipients>,
    /// Who vouches for it.
    pub signer: Arc<Signer>,
    /// Where the PostgreSQL programs are, if configured.
    pub pg_bindir: Option<PathBuf>,
    /// Environment of the user, for libpq's variables.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// The operator accepts that the database system is another one than before.
    pub accept_new_system: bool,
    /// Progress.
    pub progress: Progress,
}

/// A committed backup.
#[derive(Debug)]
pub struct Outcome {
    /// As committed.
    pub manifest: Manifest,
    /// What was worth a warning.
    pub warnings: Vec<String>,
}

/// What a backup would do.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The source.
    pub source: SourceName,
    /// Logical or physical.
    pub kind: Kind,
    /// Server version.
    pub server: String,
    /// Directory of the client programs.
    pub programs: PathBuf,
    /// Databases with their size in bytes.
    pub databases: Vec<(String, u64)>,
    /// What it would leave out.
    pub left_out: Vec<LeftOut>,
    /// Slot it would take.
    pub next_seq: u64,
    /// Short hashes of the recipients.
    pub recipients: Vec<String>,
    /// Plain bytes of a part.
    pub part_bytes: u64,
    /// The store.
    pub store: String,
    /// Objects by which it was tried whether the store can be written, and which the
    /// credential may not delete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<String>,
}

/// What is known before the first byte is dumped.
struct Ready {
    conn: ConnParams,
    bin: PgBin,
    server: crate::source::facts::ServerFacts,
    position: Option<behind::Position>,
    databases: Vec<(String, u64)>,
    catalog: Catalog,
    next_seq: u64,
    part_bytes: u64,
    warnings: Vec<String>,
    left_out: Vec<LeftOut>,
}

impl Job<'_> {
    /// Checks everything that can be checked beforehand and says what a run would do.
    pub async fn plan(&self) -> Result<Plan> {
        let ready = self.prepare().await?;
        let run = hex::encode(random_bytes::<8>()?);
        let canaries = contract::takes_one(self.reading.store.as_ref(), &run).await?;
        Ok(Plan {
            canaries,
            source: self.name.clone(),
            kind: self.kind,
            server: ready.server.version_num.to_string(),
            programs: ready.bin.dir().to_path_buf(),
            databases: ready.databases,
            left_out: ready.left_out,
            next_seq: ready.next_seq,
            recipients: self.recipients.short_ids(),
            part_bytes: ready.part_bytes,
            store: self.reading.store.describe(),
        })
    }

    /// Makes one backup.
    pub async fn run(&self) -> Result<Outcome> {
        let _lock = lock::Lock::take(&self.reading.state_dir, &self.reading.repo, &self.name)?;
        match self.source.deadline {
            None => self.run_locked().await,
            Some(limit) => tokio::time::timeout(limit, self.run_locked()).await.unwrap_or_else(|_| {
                Err(Error::new(
                    Code::Deadline,
                    Stage::Dump,
                    format!("the backup took longer than {} s", limit.as_secs()),
                )
                .on(self.name.as_str())
                .hint("Nothing was committed. Raise source.*.deadline or look for what slowed it down."))
            }),
        }
    }

    async fn run_locked(&self) -> Result<Outcome> {
        let started_at = Timestamp::now();
        let mut ready = self.prepare().await?;
        for warning in &ready.warnings {
            self.progress.event(Event::Warning { text: warning.clone(), hint: None });
        }
        let id = BackupId::new(started_at, random_bytes()?);
        let writer = self.writer(&ready)?;
        let total = ready.databases.iter().map(|d| d.1).sum();
        self.progress.event(Event::Started { title: format!("backup {}", self.name), total: Some(total) });
        let private = private_dir()?;
        let work = streams::Work { writer: &writer, source: &self.name, id: &id, progress: &self.progress };
        let taken = match self.kind {
            Kind::Logical => logical::take(self, &ready, &work, private.path()).await,
            Kind::Physical => physical::take(&ready, &work, private.path(), self.source.manifest_checksums).await,
        };
        let taken = taken.map_err(|e| ready.conn.explained(e))?;
        self.progress.event(Event::Finished);
        ready.warnings.extend(taken.warnings.iter().cloned());
        ready.left_out.extend(taken.left_out.iter().cloned());
        self.tell(&mut ready);
        let manifest = self.draft(&ready, &id, &writer, started_at, taken).await?;
        ready.warnings.extend(clock::recheck(self, &ready.catalog, started_at).await);
        let committed = commit::commit(self, &ready.catalog, ready.next_seq, manifest).await?;
        Ok(Outcome { manifest: committed, warnings: ready.warnings })
    }

    /// Everything that can fail before the dump starts, cheapest first.
    async fn prepare(&self) -> Result<Ready> {
        commit::check_signer(self)?;
        let catalog = Catalog::load(&self.reading, &self.name).await?;
        // A history that was tampered with must not stop new backups, or whoever can
        // delete one object could stop them all. It is told, and `verify` fails.
        let mut warnings: Vec<String> =
            catalog.problems.iter().map(|p| format!("slot {}: {}", p.seq, p.text)).take(10).collect();
        if let Some(p) = catalog.problems.iter().find(|p| p.code == Code::Usage) {
            // Signed by a trusted key in a format we cannot read: following what is
            // before it would fork the chain.
            return Err(Error::new(Code::Usage, Stage::Manifest, p.text.clone())
                .on(format!("{} slot {}", self.name, p.seq))
                .hint("Use the version of pgseal that wrote it, or a later one."));
        }
        let head = catalog.head().map_or(0, |e| e.manifest.seq);
        let next_seq = catalog.free_slot(head.max(catalog.seen.last().map_or(0, |s| s.seq)));
        warnings.extend(clock::check(&catalog)?);
        warnings.extend(catalog.not_remembered.iter().cloned());

        let conn = ConnParams::resolve(&self.source.connection, self.env)?.patient(self.source.idle_timeout);
        let ready = self.ask(conn.clone(), catalog, next_seq, warnings).await;
        ready.map_err(|e| conn.explained(e))
    }

    /// What the server says before the dump starts.
    async fn ask(&self, conn: ConnParams, catalog: Catalog, next_seq: u64, mut warnings: Vec<String>) -> Result<Ready> {
        let session = conn.connect("pgseal backup").await?;
        let conn = conn.with_major(session.major());
        let server = probe::server(&session).await?;
        if let Some(head) = catalog.head()
            && head.manifest.pg.system_identifier != server.system_identifier
            && !self.accept_new_system
        {
            return Err(Error::new(
                Code::History,
                Stage::Source,
                "the server is another database system than the one backed up before",
            )
            .on(self.name.as_str())
            .hint("If the cluster was re-created or upgraded on purpose, run once with --accept-new-system."));
        }
        let position = behind::position(&session).await;
        warnings.extend(behind::check(&catalog, &server.system_identifier, position));
        let bin = PgBin::find(self.pg_bindir.as_deref(), server.version_num.major()).await?;
        let (databases, left_out) = match self.kind {
            Kind::Logical => logical::databases(self, &conn, &session).await?,
            Kind::Physical => {
                crate::source::physical::preflight(&session).await?;
                let all = probe::listed(&session).await?.into_iter().filter(|d| d.why.is_none());
                (all.map(|d| (d.name, d.bytes)).collect(), Vec::new())
            }
        };
        let largest: u64 = databases.iter().map(|d| d.1).sum();
        let part_bytes = part_size(self.source.part_bytes, largest);
        Ok(Ready { conn, bin, server, position, databases, catalog, next_seq, part_bytes, warnings, left_out })
    }

    fn writer(&self, ready: &Ready) -> Result<Writer> {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let options = writer::Options {
            part_bytes: usize::try_from(ready.part_bytes).map_err(|_| Error::internal("the part size is too large"))?,
            level: self.source.compression,
            workers,
            streams: self.source.jobs + 1,
            uploads: UPLOADS,
            idle_timeout: self.source.idle_timeout,
        };
        Writer::start(Arc::clone(&self.reading.store), Arc::clone(&self.recipients), options)
    }

    /// Seals the facts and builds the manifest, still without slot.
    async fn draft(
        &self,
        ready: &Ready,
        id: &BackupId,
        writer: &Writer,
        started_at: Timestamp,
        taken: Taken,
    ) -> Result<Manifest> {
        let facts = Facts {
            format: Facts::FORMAT.into(),
            version: 1,
            server: ready.server.clone(),
            databases: taken.databases,
            roles: taken.roles,
            memberships: Some(taken.memberships),
            settings_of_all: Some(taken.settings_of_all),
            posture: Some(taken.posture),
            streams: taken.streams.iter().map(|s| (s.reference.clone(), s.facts.clone())).collect(),
            physical: taken.physical.clone(),
            warnings: ready.warnings.clone(),
            left_out: ready.left_out.clone(),
            pinned: match self.kind {
                Kind::Logical => pinned::pinned(Purpose::Read, Some(ready.server.version_num.major()))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                Kind::Physical => BTreeMap::new(),
            },
        };
        let plain = serde_json::to_vec(&facts).map_err(|e| Error::internal("cannot write the facts").because(e))?;
        let facts_key = layout::facts(&self.name, id);
        let sealed = writer.object(facts_key.clone(), &plain).await?;

        let streams: Vec<Stream> = taken
            .streams
            .iter()
            .map(|s| Stream {
                reference: s.reference.clone(),
                role: s.role,
                parts: s.receipt.parts.len() as u64,
                plain_bytes: s.receipt.plain_bytes(),
                stored: s.receipt.parts.iter().map(|p| StoredPart(p.stored_sha256, p.stored_bytes)).collect(),
            })
            .collect();
        let counts = Counts {
            databases: facts.databases.len() as u64,
            streams: streams.len() as u64,
            parts: streams.iter().map(|s| s.parts).sum(),
        };
        let finished_at = Timestamp::now().max(started_at);
        Ok(Manifest {
            format: Manifest::FORMAT.into(),
            version: Manifest::VERSION,
            repo_id: self.reading.repo.clone(),
            source: self.name.clone(),
            seq: 0,
            prev_sha256: None,
            prev_seq: None,
            backup_id: id.clone(),
            kind: self.kind,
            label: self.label.clone(),
            started_at,
            finished_at,
            next_due: self.source.next_due.and_then(|d| finished_at.checked_add(d).ok()),
            tool: Tool {
                name: env!("CARGO_PKG_NAME").into(),
                version: env!("CARGO_PKG_VERSION").into(),
                target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            },
            producer: taken.producer,
            pg: Pg {
                version_num: ready.server.version_num,
                system_identifier: ready.server.system_identifier.clone(),
                timeline: taken.physical.as_ref().map_or(ready.server.timeline, |p| p.timeline),
                start_lsn: taken.physical.as_ref().map(|p| p.start_lsn),
                stop_lsn: taken.physical.as_ref().map(|p| p.stop_lsn),
                in_recovery: ready.server.in_recovery,
                data_checksums: ready.server.data_checksums,
            },
            encryption: Encryption { scheme: "age-v1".into(), recipients: self.recipients.short_ids() },
            compression: Compression {
                scheme: "zstd".into(),
                level: self.source.compression,
                window_log_max: seal::WINDOW_LOG_MAX,
            },
            part_bytes: ready.part_bytes,
            streams,
            facts: FactsRef {
                key: facts_key.to_string(),
                stored_bytes: sealed.stored_bytes,
                stored_sha256: sealed.stored_sha256,
                plain_bytes: sealed.plain_bytes,
            },
            counts,
            x: behind::notes(self.accept_new_system, ready.position),
        })
    }
}

/// The configured size; where `expected` bytes would then make more than
/// [`MANY_PARTS`] parts, whole MiB up to the format's limit.
fn part_size(configured: u64, expected: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    let needed = expected.div_ceil(MANY_PARTS);
    if needed <= configured {
        return configured;
    }
    (needed.div_ceil(MIB) * MIB).min(crate::manifest::parse::MAX_PART_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_with_the_database() {
        const MIB: u64 = 1024 * 1024;
        assert_eq!(part_size(16 * MIB, 0), 16 * MIB);
        assert_eq!(part_size(64 * 1024, 100 * MIB), 64 * 1024);
        assert_eq!(part_size(16 * MIB, 100 << 30), 16 * MIB);
        assert_eq!(part_size(16 * MIB, 1 << 40), 105 * MIB);
        assert_eq!(part_size(16 * MIB, 1 << 60), 256 * MIB);
        assert_eq!(part_size(65_536, 1000), 65_536);
        assert_eq!(part_size(65_536, 65_536 * 10_000), 65_536);
        assert_eq!(part_size(65_536, 65_536 * 10_000 + 1), MIB);
        assert_eq!(part_size(65_536, 1 << 30), MIB);
    }
}
