//! Our own house: configuration, keys, jobs and leftovers on this host.
//!
//! Only what this user may see is seen. What could not be looked at stands in the
//! result as open, and no check passes over it; what a check does not look at by
//! its title, it does not claim.
//!
//! | folder | checks |
//! |---|---|
//! | [`secrets`] | EXP-TOOL-001 to 003, EXP-KEY-002, 005, 006: secrets on this host |
//! | [`program`] | EXP-TOOL-005, 006, EXP-TLS-005, EXP-VER-003, 004: how pgseal is run, and with what |
//! | [`leftovers`] | EXP-LEFT-001 to 004: what drills and people left behind |
//!
//! | file | holds |
//! |---|---|
//! | [`jobs`] | cron tables, units, profiles, histories |
//! | [`line`] | a secret in a line of text |
//! | [`modes`] | who may read or write a file |
//! | [`processes`] | what `/proc` shows |
//! | [`walk`] | the files of a few directories, bounded |
//!
//! Not here: whether a key has a passphrase (a job that runs at night has none to
//! give; the file's mode is what guards it), and the umask of units (pgseal sets
//! the mode of each file that it writes).

pub mod jobs;
pub mod leftovers;
mod line;
mod modes;
pub mod processes;
pub mod program;
pub mod secrets;
mod walk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::jobs::Jobs;
use self::processes::Processes;
use self::program::clients::Client;
use super::look::Check;
use super::policy::Policy;
use crate::config::{Config, Loaded};
use crate::source::ConnParams;
use crate::types::{Known, SourceName};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    secrets::arguments::CHECK,
    secrets::variables::CHECK,
    secrets::files::CHECK,
    program::installed::CHECK,
    program::reports::CHECK,
    secrets::keys::CHECK,
    secrets::pinned::CHECK,
    secrets::identity::CHECK,
    leftovers::instances::CHECK,
    leftovers::directories::CHECK,
    leftovers::dumps::CHECK,
    leftovers::disk::CHECK,
    program::connections::CHECK,
    program::clients::CHECK,
    program::table::CHECK,
];

/// This host and the configuration of pgseal on it.
#[derive(Debug)]
pub struct House<'a> {
    /// What the operator declared.
    pub policy: &'a Policy,
    /// The configuration.
    pub config: &'a Config,
    /// The file it was read from, where there is one.
    pub config_file: Option<&'a Path>,
    /// The environment of this process.
    pub env: &'a BTreeMap<String, String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its program.
    pub program: Option<PathBuf>,
    /// Whom it runs as.
    pub uid: u32,
    /// The home of that user.
    pub home: Option<PathBuf>,
    /// Where the system's files are: `/`.
    pub root: PathBuf,
    /// Directories in which copies and dumps are looked for.
    pub places: Vec<PathBuf>,
    /// Directories in which drill reports lie.
    pub report_dirs: Vec<PathBuf>,
    /// What runs pgseal.
    pub jobs: Jobs,
    /// What runs now.
    pub processes: Processes,
    /// The PostgreSQL programs that pgseal would run.
    pub clients: Known<Vec<Client>>,
    /// Now.
    pub now: Timestamp,
}

impl<'a> House<'a> {
    /// What this host tells: files are listed and PostgreSQL's programs are asked
    /// for their version. `env` is the environment of this process.
    pub async fn gather(
        loaded: &'a Loaded,
        env: &'a BTreeMap<String, String>,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Self {
        let set = |name: &str| env.get(name).filter(|v| !v.is_empty()).map(PathBuf::from).filter(|p| p.is_absolute());
        let home = set("HOME");
        let temp = set("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"));
        let mut places = vec![loaded.config.scratch.dir.clone(), temp, "/tmp".into(), "/var/tmp".into()];
        places.extend(home.clone());
        places.sort();
        places.dedup();
        let root = PathBuf::from("/");
        Self {
            policy,
            config: &loaded.config,
            config_file: loaded.file.as_deref(),
            env,
            arguments: std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect(),
            program: std::env::current_exe().ok(),
            uid: rustix::process::geteuid().as_raw(),
            jobs: Jobs::read(&root, home.as_deref()),
            processes: processes::list(),
            home,
            root,
            places,
            report_dirs: Vec::new(),
            clients: program::clients::find(loaded.config.pg_bindir.as_deref()).await,
            now,
        }
    }

    /// Every source's connection, resolved as a backup would.
    fn connections(&self) -> impl Iterator<Item = (&SourceName, crate::error::Result<ConnParams>)> {
        let env = |name: &str| self.env.get(name).cloned();
        self.config.sources.iter().map(move |(name, s)| (name, ConnParams::resolve(&s.connection, &env)))
    }

    /// Whether this host writes backups: it has a key to sign them with.
    fn writes(&self) -> bool {
        self.config.keys.signing_key.is_some() && !self.config.sources.is_empty()
    }
}

/// Whether a server is on this very host: a socket, or loopback.
fn is_local(params: &ConnParams) -> bool {
    if let Some(addr) = params.hostaddr {
        return addr.is_loopback();
    }
    match params.host.as_deref() {
        None | Some("" | "localhost") => true,
        Some(host) if host.starts_with('/') || host.starts_with('@') => true,
        Some(host) => host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback()),
    }
}

/// `file /etc/pgseal/signer`: the form of files in findings.
fn file(path: &Path) -> String {
    format!("file {}", path.display())
}
