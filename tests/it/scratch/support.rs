//! What the tests of this folder share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pgseal::process::{Running, Tool};
use pgseal::scratch::probe::{self, Outside, Probe, ProbeOutcome};
use pgseal::scratch::{Door, Instance, Jail, Origin, Preload, Scratch, Session, StartOptions, init_cluster};
use pgseal::source::Peer;

/// The server programs: PostgreSQL 15 of Debian 12, or what `PGSEAL_TEST_BINDIR` names.
pub fn bindir() -> PathBuf {
    let dir = std::env::var_os("PGSEAL_TEST_BINDIR").map_or_else(|| "/usr/lib/postgresql/15/bin".into(), PathBuf::from);
    // PostgreSQL finds its other files beside its programs: not beside a link to them.
    dir.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
}

/// A place that the scratch user reaches.
pub fn top() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let top = tempfile::Builder::new().prefix("pgs").tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    top
}

/// A marked directory with a fresh cluster in it.
pub async fn fresh(top: &Path, superuser: &str) -> Scratch {
    let jail = Jail::detect("postgres").await.unwrap();
    let scratch = Scratch::create(top, &jail, &"shop".parse().unwrap()).await.unwrap();
    init_cluster(&scratch, &bindir(), &pgseal::scratch::ClusterOptions::new(superuser)).await.unwrap();
    scratch
}

pub fn options(superuser: &str, origin: Origin) -> StartOptions {
    StartOptions {
        bindir: bindir(),
        superuser: superuser.into(),
        origin,
        deadline: Duration::from_mins(1),
        preload: Preload::default(),
    }
}

pub async fn start(scratch: &Scratch, superuser: &str) -> Instance {
    scratch.start(&options(superuser, Origin::Fresh)).await.unwrap()
}

/// Every probe of a running instance.
pub async fn probes(scratch: &Scratch, instance: &Instance, outside: &Outside) -> Vec<Probe> {
    let session = instance.connect_any().await.unwrap();
    let mut all = probe::run(instance, session.client(), scratch.jail().level, outside).await;
    all.push(probe::tools(scratch.jail(), probe::Sightings::default()).await);
    all.push(probe::peer(instance, scratch.jail().level).await);
    all
}

/// What the level reached promises is so; of the rest nothing is claimed to be.
pub fn sealed(scratch: &Scratch, probes: &[Probe]) {
    let level = scratch.jail().level;
    for p in probes {
        let promised = probe::required(level).any(|r| r.id == p.id);
        let expected = if promised { ProbeOutcome::Pass } else { ProbeOutcome::NotEvaluated };
        assert_eq!(p.outcome, expected, "{p:?}");
        assert!(promised || p.evidence.contains("does not promise"), "{p:?}");
    }
}

/// A server started without any sealing, as an ordinary one would be.
pub struct Unsealed {
    running: Running,
    dir: PathBuf,
    port: u16,
}

impl Unsealed {
    /// Starts it on `data` with `args`; its socket is in `dir`.
    pub async fn start(data: &Path, dir: &Path, port: u16, args: &[&str]) -> Self {
        std::fs::write(data.join("pg_hba.conf"), "local all all trust\nhost all all 127.0.0.1/32 trust\n").unwrap();
        let mut tool = Tool::new(bindir().join("postgres"))
            .arg("-D")
            .arg(data.as_os_str())
            .arg("-c")
            .arg(format!("unix_socket_directories={}", dir.display()))
            .arg("-c")
            .arg(format!("port={port}"));
        for a in args {
            tool = tool.arg("-c").arg(*a);
        }
        tool = unjailed(tool);
        let mut running = tool.spawn().await.unwrap();
        let give_up = std::time::Instant::now() + Duration::from_secs(30);
        while !std::fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|t| t.contains("ready")) {
            assert!(!running.has_ended(), "{}", running.stderr().text());
            assert!(std::time::Instant::now() < give_up);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { running, dir: dir.to_owned(), port }
    }

    pub async fn connect(&self) -> Session {
        self.connect_to("postgres").await
    }

    pub async fn connect_to(&self, database: &str) -> Session {
        door(&self.dir, self.port, self.running.pid().unwrap()).open(database, false).await.unwrap()
    }

    pub async fn stop(self) {
        self.running.stop(rustix::process::Signal::INT, Duration::from_secs(20)).await.unwrap();
    }
}

/// The way into a server of the scratch user's that carries no mark.
pub fn door(dir: &Path, port: u16, pid: i32) -> Door {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata(format!("/proc/{pid}")).unwrap().uid();
    let socket = dir.join(format!(".s.PGSQL.{port}"));
    Door::new(Arc::new(Peer::new(socket, pid, (uid, "postgres"), Arc::default())), "postgres", 13)
}

/// The scratch user alone, with nothing around it.
pub fn unjailed(tool: Tool) -> Tool {
    if !rustix::process::geteuid().is_root() {
        return tool;
    }
    let prefix = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"];
    tool.under(prefix.iter().map(Into::into).collect::<Vec<std::ffi::OsString>>())
}

/// Waits for `condition`, at most `patience`; whether it came.
pub async fn within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let give_up = std::time::Instant::now() + patience;
    loop {
        if condition() {
            return true;
        }
        if std::time::Instant::now() > give_up {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
