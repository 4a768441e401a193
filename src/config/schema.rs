//! The configuration as the rest of pgseal sees it: complete, checked, with
//! defaults filled in. How it is read, layered and explained is the business
//! of the neighbouring files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Code, Error, Result, Stage};
use crate::types::{Kind, Redaction, Severity, SourceName};

pub use super::user_checks::{Canary, Expected, Question, SqlCheck, Token};

/// All of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[repository]`.
    pub repository: Repository,
    /// `[keys]`.
    pub keys: Keys,
    /// `tools.pg_bindir`: where the PostgreSQL programs are; found by major where unset.
    pub pg_bindir: Option<PathBuf>,
    /// `state.dir`: locks, witness.
    pub state_dir: PathBuf,
    /// `limits.memory`: most memory of pgseal itself in bytes; default half of the host's, at
    /// least 1 GiB ([`crate::sys::limit_memory`]).
    pub memory: Option<u64>,
    /// `[scratch]`.
    pub scratch: Scratch,
    /// `report.redact`: names of the database in drill reports; default `names`,
    /// which is pseudonyms.
    pub redact: Redaction,
    /// `[source.NAME]`.
    pub sources: BTreeMap<SourceName, Source>,
}

impl Config {
    /// The source of this name.
    pub fn source(&self, name: &str) -> Result<&Source> {
        let found = self.sources.iter().find(|(n, _)| n.as_str() == name);
        found.map(|(_, s)| s).ok_or_else(|| {
            let e = Error::new(Code::Usage, Stage::Config, "there is no such source in the configuration")
                .on(name.to_owned());
            let names: Vec<&str> = self.sources.keys().map(SourceName::as_str).collect();
            match super::origin::nearest(name, names.iter().copied()) {
                Some(near) => e.hint(format!("Did you mean {near:?}?")),
                None if names.is_empty() => e.hint("The configuration has no source; add a [source.NAME] section."),
                None => e.hint(format!("Configured are: {}.", names.join(", "))),
            }
        })
    }
}

/// Where backups go.
#[derive(Debug, Clone)]
pub struct Repository {
    /// `file:///path` or `s3://bucket/prefix`; empty where not configured.
    pub url: String,
    /// How long one call to the store is repeated after errors that may pass; default 5 min.
    pub retry_for: Duration,
    /// Settings of S3 stores.
    pub s3: S3,
}

impl Default for Repository {
    fn default() -> Self {
        Self { url: String::new(), retry_for: Duration::from_mins(5), s3: S3::default() }
    }
}

/// `repository.s3`.
#[derive(Debug, Clone, Default)]
pub struct S3 {
    /// `https://…`; AWS where unset.
    pub endpoint: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Bucket in the path instead of the host name.
    pub path_style: bool,
    /// A profile of the AWS configuration files.
    pub profile: Option<String>,
    /// `auto`: the SDK's default checksums; `when-required`: for servers that refuse them.
    pub checksums: Checksums,
    /// Object lock of every put.
    pub object_lock: Option<ObjectLock>,
    /// Allows `http://` to other hosts than loopback.
    pub allow_plain_http: bool,
}

/// `repository.s3.checksums`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checksums {
    /// As the SDK does it.
    #[default]
    Auto,
    /// Only where the protocol demands them.
    WhenRequired,
}

/// `repository.s3.object_lock`, `compliance:35d` or `governance:35d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLock {
    /// Compliance (nobody may delete) or governance (a privilege may).
    pub compliance: bool,
    /// How long from the put.
    pub keep: Duration,
}

/// `[keys]`.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// age recipients, `age1…`; public.
    pub recipients: Vec<String>,
    /// OpenSSH Ed25519 private key of this host.
    pub signing_key: Option<PathBuf>,
    /// Pinned signers.
    pub allowed_signers: Option<PathBuf>,
    /// Revoked keys, one per line, as `ssh-keygen -Y verify -r` reads them.
    pub revoked_keys: Option<PathBuf>,
    /// age identity file; only on restore and drill hosts.
    pub identity: Option<PathBuf>,
    /// OpenSSH Ed25519 key that signs drill reports; default `signing_key`.
    pub report_key: Option<PathBuf>,
}

/// `[scratch]`.
#[derive(Debug, Clone)]
pub struct Scratch {
    /// Where scratch instances live; default `/var/tmp`.
    pub dir: PathBuf,
    /// Who runs them when pgseal is root; default `postgres`.
    pub user: String,
    /// Address space of each process in bytes; default half of the host's
    /// memory, at least 1 GiB.
    pub max_memory: Option<u64>,
    /// Processes of an instance that has a user namespace of its own; default 1024.
    pub max_processes: u64,
    /// Bytes that one drill may take on disk; default all but `keep_free`.
    pub max_disk: Option<u64>,
    /// Bytes of the file system that stay free; default a twentieth of it, 1 GiB at most.
    pub keep_free: Option<u64>,
}

/// `[source.NAME]`.
#[derive(Debug, Clone)]
pub struct Source {
    /// Logical or physical.
    pub kind: Kind,
    /// libpq URI or conninfo without a password; empty means `PG*` variables.
    pub connection: String,
    /// Which databases (logical).
    pub databases: Databases,
    /// Parallel dump streams per database, and parallel restore; default the number of cores.
    pub jobs: usize,
    /// zstd level, 1 to 19; default 3.
    pub compression: i32,
    /// Plain bytes of a part; default 8 MiB.
    pub part_bytes: u64,
    /// What a base backup's own manifest holds of each file (physical); default SHA-256.
    pub manifest_checksums: FileChecksums,
    /// Whether globals hold password verifiers; default true.
    pub role_passwords: bool,
    /// A hint in the manifest: the next backup comes within this time.
    pub next_due: Option<Duration>,
    /// The child may be silent for this long before it counts as hung; default 15 min.
    pub idle_timeout: Duration,
    /// The whole run may take this long; default none.
    pub deadline: Option<Duration>,
    /// How long pg_dump waits for a table lock; default 60 s.
    pub lock_wait: Duration,
    /// Tables of up to this many bytes have their rows counted by the server, beside
    /// the dump; larger ones by a sample of rows (logical); default 1 GiB.
    pub count_rows_to: u64,
    /// `[source.NAME.retention]`; nothing is ever pruned where unset.
    pub retention: Option<Retention>,
    /// `[source.NAME.drill]`.
    pub drill: Drill,
    /// `[source.NAME.exposure]`.
    pub exposure: Exposure,
}

/// `[source.NAME.retention]`: a backup is kept when any rule keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// Every backup younger than this.
    pub keep_within: Option<Duration>,
    /// The newest this many.
    pub keep_last: Option<u32>,
    /// The newest of each of this many days.
    pub keep_daily: Option<u32>,
    /// The newest of each of this many weeks.
    pub keep_weekly: Option<u32>,
    /// The newest of each of this many months.
    pub keep_monthly: Option<u32>,
    /// The newest of each of this many years.
    pub keep_yearly: Option<u32>,
    /// The newest this many that a drill has proven.
    pub keep_proven: Option<u32>,
}

/// `source.NAME.manifest_checksums`: what the server computes of each file
/// (PostgreSQL manual, "pg_basebackup", `--manifest-checksums`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileChecksums {
    /// `sha256`. Whoever has the restored files and the signed hash of the
    /// manifest alone can prove each file.
    #[default]
    Sha256,
    /// `crc32c`: for a server whose CPU is short. Finds accidents; against forgery
    /// stand the signed hashes of the parts, as for every backup.
    Crc32c,
}

impl FileChecksums {
    /// As pg_basebackup names it.
    pub const fn pg_name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256",
            Self::Crc32c => "CRC32C",
        }
    }
}

/// `source.NAME.databases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Databases {
    /// All that accept connections and are not templates.
    All,
    /// The one of the connection.
    Connected,
    /// These.
    Named(Vec<String>),
}

/// `[source.NAME.drill]`.
#[derive(Debug, Clone)]
pub struct Drill {
    /// Least isolation; below it the drill ends as "could not run". `None` is
    /// `auto`: I3 on the database's own host, I2 elsewhere.
    pub min_isolation: Option<Isolation>,
    /// Budget for fetch, restore and start; slower is a finding.
    pub max_restore: Option<Duration>,
    /// How old the newest backup's snapshot may be when it is drilled; older is a
    /// finding.
    pub max_rpo: Option<Duration>,
    /// How many times as long as in the last good drill of the same kind a restore
    /// may take; more is a warning. Default 2.
    pub max_slowdown: f64,
    /// The whole drill may take this long. `None` is `auto`: 6 hours, and a second for
    /// each 2 MiB of the backup.
    pub deadline: Option<Duration>,
    /// Libraries of this host's own packages that the sealed server loads at its
    /// start (`shared_preload_libraries`); none by default.
    pub preload: Vec<String>,
    /// The user's own checks.
    pub sql: Vec<SqlCheck>,
    /// A token that must be in the copy.
    pub canary: Option<Canary>,
}

/// `[source.NAME.exposure]`: what is done with what is exposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// Open findings of this severity or worse end a run with 52; default high.
    pub fail_on: Severity,
    /// Checks, by id or as `EXP-HBA-*`, that must be evaluated wherever they can be
    /// decided: 53 where one of them was not.
    pub required: Vec<String>,
    /// Files with waivers and declared intent; what a later one says of intent
    /// stands over what an earlier one says.
    pub declarations: Vec<PathBuf>,
    /// Names of columns that tell tenants apart, as whole names without `_id`, `_uuid`.
    pub tenant_columns: Vec<String>,
    /// Whether obvious passwords are tried on a copy's verifiers; default true.
    pub guess_passwords: bool,
}

impl Default for Exposure {
    fn default() -> Self {
        let words =
            ["tenant", "org", "organisation", "organization", "account", "customer", "company", "workspace", "team"];
        Self {
            fail_on: Severity::High,
            required: Vec::new(),
            declarations: Vec::new(),
            tenant_columns: words.map(str::to_owned).to_vec(),
            guess_passwords: true,
        }
    }
}

/// How far a scratch instance is sealed off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Nothing.
    I0,
    /// Own sealed configuration, socket only.
    I1,
    /// And an empty network namespace.
    I2,
    /// And own mount, pid and ipc namespaces: no file of the host but programs.
    I3,
    /// A separate host. It can be asked for, but is never claimed: it cannot be
    /// proven from inside.
    I4,
}

impl Isolation {
    /// `I2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I0 => "I0",
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I4 => "I4",
        }
    }
}
