//! The running server.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::cluster::{self, Floors, write_config};
use super::seal::{self, Setting};
use super::{Door, Preload, Scratch, Session, failure, procfs, sanitise};
use crate::error::{Code, Error, Result, Stage};
use crate::process::{Running, Stdout};
use crate::source::Peer;
use crate::sys::plain_file;
use crate::types::ids::random_bytes;

/// How often we look whether a starting server is ready.
const LOOK: Duration = Duration::from_millis(10);

/// How long a fast shutdown may take before it becomes an immediate one.
const FAST: Duration = Duration::from_secs(30);

/// How long an immediate shutdown may take before the server is killed.
const IMMEDIATE: Duration = Duration::from_secs(5);

/// Largest `postmaster.pid` that is read, bytes.
const PID_FILE: u64 = 16 * 1024;

/// Where the data directory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `initdb`: a server that does not start is this host's fault.
    Fresh,
    /// A base backup: it may itself be broken.
    Backup,
}

/// How a server is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Directory of `postgres`, of the data directory's major.
    pub bindir: PathBuf,
    /// Role to connect as: the bootstrap superuser.
    pub superuser: String,
    /// Where the data come from.
    pub origin: Origin,
    /// How long start and recovery may take.
    pub deadline: Duration,
    /// What it loads at its start.
    pub preload: Preload,
}

/// A running scratch server. Dropping it stops it at once.
#[derive(Debug)]
pub struct Instance {
    /// What was spawned: the postmaster, or what put up the walls around it.
    running: Option<Running>,
    pid: i32,
    /// Names the postmaster for signals, even where its id was given to another.
    postmaster: Option<OwnedFd>,
    data_dir: PathBuf,
    socket_dir: PathBuf,
    port: u16,
    superuser: String,
    door: Door,
    socket: Option<(u64, u64)>,
    major: u32,
    settings: Vec<Setting>,
    bindir: PathBuf,
    start: Duration,
}

impl Scratch {
    /// Starts the server on the scratch data directory, sealed, and waits until
    /// it accepts sessions. Every sealed setting was asked of the program
    /// before.
    ///
    /// # Errors
    /// 50 where a backup's data cannot be brought up; 53 where this host cannot
    /// run it or the deadline passed.
    pub async fn start(&self, options: &StartOptions) -> Result<Instance> {
        let data = self.data_dir();
        let major = sanitise::major_of(&data)?;
        let postgres = options.bindir.join("postgres");
        check_program(self, &postgres, major).await?;
        let control = cluster::control_data(self.jail(), &options.bindir, &data).await?.unwrap_or_default();
        let floors = Floors::of(&control);
        write_config(self, major, &options.superuser, floors).await?;
        // The port only names the socket file.
        let port = 1024 + u16::from_le_bytes(random_bytes::<2>()?) % 60_000;
        let settings = options.preload.applied(seal::sealed(major, self.mark()));
        let args = self.arguments(port, &settings);
        seal::ask(self.jail(), &postgres, &args, &settings).await?;

        let began = Instant::now();
        let mut running = self.jail().tool(&postgres).args(args).spawn().await?;
        let top = running.pid().ok_or_else(|| Error::internal("a started server has no process id"))?;
        let pid = loop {
            if running.has_ended() {
                let exit = running.wait().await?;
                let mut why = failure::explain(&exit.stderr().text());
                if options.origin == Origin::Fresh {
                    why.code = Code::CouldNotRun;
                }
                return Err(why.into_error());
            }
            // The file holds the id that the server has in its own namespace.
            if let Some((inner, true)) = status(&data) {
                break procfs::descendant(top, inner).ok_or_else(|| {
                    Error::new(Code::CouldNotRun, Stage::Scratch, "another server runs on the scratch data")
                })?;
            }
            if began.elapsed() > options.deadline {
                let seconds = options.deadline.as_secs();
                return Err(Error::new(
                    Code::CouldNotRun,
                    Stage::Scratch,
                    format!("the server was not ready within {seconds} s"),
                )
                .hint("Raise source.NAME.drill.deadline; recovery of a large backup takes time."));
            }
            tokio::time::sleep(LOOK).await;
        };
        let identifier = cluster::field(&control, "Database system identifier").map(str::to_owned);
        let socket = self.admit(port)?;
        let made = id_of(&socket);
        let peer = Peer::new(socket, pid, (self.jail().uid(), self.jail().user()), Arc::clone(self.meetings()))
            .marked(self.mark(), identifier);
        Ok(Instance {
            running: Some(running),
            pid,
            postmaster: Pid::from_raw(pid).and_then(|p| pidfd_open(p, PidfdFlags::empty()).ok()),
            data_dir: data,
            socket_dir: self.socket_dir(),
            port,
            superuser: options.superuser.clone(),
            door: Door::new(Arc::new(peer), &options.superuser, major),
            socket: made,
            major,
            settings,
            bindir: options.bindir.clone(),
            start: began.elapsed(),
        })
    }

    fn arguments(&self, port: u16, settings: &[Setting]) -> Vec<OsString> {
        let conf = self.conf_dir();
        let mut args: Vec<OsString> = vec!["-D".into(), self.data_dir().into()];
        let own = [
            ("config_file", conf.join("postgresql.conf").display().to_string()),
            ("hba_file", conf.join("pg_hba.conf").display().to_string()),
            ("ident_file", conf.join("pg_ident.conf").display().to_string()),
            ("data_directory", self.data_dir().display().to_string()),
            // A list: quoted, so that a comma or blank in the path does not split it.
            ("unix_socket_directories", format!("\"{}\"", self.listen_dir().display())),
            ("unix_socket_group", String::new()),
            ("port", port.to_string()),
        ];
        args.extend(own.into_iter().flat_map(|(n, v)| [OsString::from("-c"), format!("{n}={v}").into()]));
        args.extend(seal::flags(settings));
        args
    }
}

/// The program must be there and of the data's major version.
async fn check_program(scratch: &Scratch, postgres: &Path, major: u32) -> Result<()> {
    let refuse = |what: String| {
        Error::new(Code::CouldNotRun, Stage::Scratch, what)
            .on(postgres.display().to_string())
            .hint(format!("Install the server package of PostgreSQL {major} on this host, or set tools.pg_bindir."))
    };
    if !postgres.is_file() {
        return Err(refuse("the server program is not installed".to_owned()));
    }
    let tool = scratch.jail().tool(postgres).arg("--version").stdout(Stdout::Piped);
    let (exit, out) = tool.spawn().await?.output(4096).await?;
    // "postgres (PostgreSQL) 15.18 (Debian …)", "postgres (PostgreSQL) 19devel".
    let text = String::from_utf8_lossy(&out).into_owned();
    let digits = text.split_once("(PostgreSQL) ").map_or("", |p| p.1);
    let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
    match digits.parse::<u32>() {
        Ok(found) if exit.code() == Some(0) && found == major => Ok(()),
        Ok(found) => Err(refuse(format!("the server program is of version {found}, the data of {major}"))),
        // What the loader or the walls say of it.
        Err(_) => Err(refuse(format!("the server program does not run: {}", exit.stderr().last_lines(1)))),
    }
}

/// Process id and readiness out of `postmaster.pid` (lines 1 and 8;
/// `src/include/utils/pidfile.h` of PostgreSQL).
fn status(data: &Path) -> Option<(i32, bool)> {
    let bytes = plain_file::read_below(data, "postmaster.pid", PID_FILE).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    Some((pid, lines.nth(6).is_some_and(|l| l.trim() == "ready")))
}

/// Device and inode of what lies at `path` itself.
fn id_of(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

impl Instance {
    /// Process id of the postmaster, as the host sees it.
    pub const fn pid(&self) -> i32 {
        self.pid
    }

    /// Directory of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The way into it, as the superuser.
    pub const fn door(&self) -> &Door {
        &self.door
    }

    /// Whether the socket that is connected to is the one made at the start.
    pub fn socket_is_unchanged(&self) -> bool {
        self.socket.is_some() && id_of(self.door.peer().socket()) == self.socket
    }

    /// Number in the socket's name.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Role to connect as.
    pub fn superuser(&self) -> &str {
        &self.superuser
    }

    /// Major version of the data directory.
    pub const fn major(&self) -> u32 {
        self.major
    }

    /// PGDATA.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The sealed settings it was started with.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Sends a signal to the postmaster alone, and wakes one that was stopped.
    fn signal(&self, signal: Signal) {
        for signal in [signal, Signal::CONT] {
            // A kernel before 5.3 has no such descriptors.
            let _ = match (&self.postmaster, Pid::from_raw(self.pid)) {
                (Some(fd), _) => pidfd_send_signal(fd, signal),
                (None, Some(pid)) if procfs::start_time(self.pid).is_some() => kill_process(pid, signal),
                (None, _) => Ok(()),
            };
        }
    }

    /// Directory of its programs.
    pub fn bindir(&self) -> &Path {
        &self.bindir
    }

    /// What the server logged last. It may hold names and rows: for
    /// [`failure`] alone.
    pub fn log(&self) -> String {
        self.running.as_ref().map(|r| r.stderr().text()).unwrap_or_default()
    }

    /// How long start and recovery took.
    pub const fn start_time(&self) -> Duration {
        self.start
    }

    /// A session that cannot write, as the superuser.
    ///
    /// # Errors
    /// 53 where the server does not accept it.
    pub async fn connect(&self, database: &str) -> Result<Session> {
        self.door.open(database, true).await
    }

    /// A session that may write, as the superuser.
    ///
    /// # Errors
    /// 53 where the server does not accept it.
    pub async fn connect_writable(&self, database: &str) -> Result<Session> {
        self.door.open(database, false).await
    }

    /// A session with whichever maintenance database there is.
    ///
    /// # Errors
    /// 53 where the server accepts none.
    pub async fn connect_any(&self) -> Result<Session> {
        match self.connect("postgres").await {
            Ok(session) => Ok(session),
            Err(_) => self.connect("template1").await,
        }
    }

    /// Stops it: a fast shutdown, then an immediate one, then the end.
    /// Whether the shutdown was clean is the answer.
    ///
    /// # Errors
    /// 53 where it had to be killed or did not end cleanly.
    pub async fn stop(mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let waits = [(Signal::INT, FAST), (Signal::QUIT, IMMEDIATE)];
        for (signal, patience) in waits {
            self.signal(signal);
            let asked = Instant::now();
            while !running.has_ended() && asked.elapsed() < patience {
                tokio::time::sleep(LOOK).await;
            }
            if running.has_ended() {
                break;
            }
        }
        let ended = running.has_ended();
        let exit = running.stop(Signal::KILL, IMMEDIATE).await?;
        if ended && exit.code() == Some(0) {
            return Ok(());
        }
        Err(Error::new(Code::CouldNotRun, Stage::Scratch, "the scratch server did not shut down cleanly"))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        // Children of the postmaster are in sessions of their own: only the
        // postmaster can end them all, so it is asked before it is killed.
        self.signal(Signal::QUIT);
        let asked = Instant::now();
        while procfs::start_time(self.pid).is_some() && !running.has_ended() && asked.elapsed() < IMMEDIATE {
            std::thread::sleep(LOOK);
        }
    }
}
