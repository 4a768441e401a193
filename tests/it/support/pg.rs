//! A real PostgreSQL server for one test: own cluster, own unix socket, gone
//! with the test.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// PostgreSQL 15 of Debian 12, or what `PGSEAL_TEST_BINDIR` names: the tests hold for every major.
pub fn bindir() -> PathBuf {
    let dir = std::env::var_os("PGSEAL_TEST_BINDIR").map_or_else(|| "/usr/lib/postgresql/15/bin".into(), PathBuf::from);
    // PostgreSQL finds its other files beside its programs: not beside a link to them.
    dir.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
}

/// Major version of [`bindir`].
pub fn major() -> u32 {
    let out = done(Command::new(bindir().join("postgres")).arg("--version"), "postgres --version");
    let text = String::from_utf8(out.stdout).unwrap();
    let version = text.split_once(") ").unwrap().1;
    version[..2].parse().unwrap()
}

/// A name that a role or database may have: from 19 on no line ends are in it.
pub fn allowed(name: &str) -> String {
    if major() < 19 { name.to_owned() } else { name.replace(['\n', '\r'], "\t") }
}

/// Before 14 no predefined role reads or writes all data: where a test needs just any
/// that does no harm, others stand for these.
pub fn predefined(sql: &str) -> String {
    if major() >= 14 {
        return sql.to_owned();
    }
    sql.replace("pg_read_all_data", "pg_signal_backend").replace("pg_write_all_data", "pg_stat_scan_tables")
}

/// A search path on which a program finds those of [`bindir`] without being told of them.
pub fn search_path() -> String {
    format!("{}:/usr/bin:/bin", bindir().display())
}

/// A running server. Dropping it stops the server and removes its files.
pub struct PgServer {
    bin: PathBuf,
    dir: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl PgServer {
    /// Makes a cluster and starts it with these settings.
    pub fn start(bin: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_with(bin, settings, &[], |_| ())
    }

    /// As [`PgServer::start`], with more arguments for initdb and a hook that
    /// may edit the data directory before the first start.
    pub fn start_with(bin: &Path, settings: &[(&str, &str)], initdb: &[&str], before: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        own(dir.path());
        let mut server = Self { bin: bin.to_owned(), dir, port: 5432, child: None };
        let mut init = server.as_owner("initdb");
        init.arg("-D").arg(server.data_dir()).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]);
        // From 18 on there are checksums unless one says otherwise.
        if major() >= 18 && !initdb.contains(&"--data-checksums") {
            init.arg("--no-data-checksums");
        }
        done(init.args(initdb), "initdb");
        before(&server.data_dir());
        server.launch(settings);
        server
    }

    /// Starts the postmaster and waits until it answers.
    fn launch(&mut self, settings: &[(&str, &str)]) {
        if let Some((_, port)) = settings.iter().find(|s| s.0 == "port") {
            self.port = port.parse().unwrap();
        }
        let log = std::fs::File::create(self.log_path()).unwrap();
        let mut command = self.as_owner("postgres");
        command.arg("-D").arg(self.data_dir());
        let socket = self.socket_dir().display().to_string();
        let base = [
            ("listen_addresses", ""),
            ("unix_socket_directories", socket.as_str()),
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("synchronous_commit", "off"),
            ("shared_buffers", "16MB"),
            ("max_wal_size", "128MB"),
            ("autovacuum", "off"),
            ("jit", "off"),
            ("logging_collector", "off"),
        ];
        for (name, value) in base.iter().chain(settings) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let give_up = Instant::now() + Duration::from_mins(1);
        loop {
            let mut ask = self.client("pg_isready", "postgres");
            if ask.stdout(Stdio::null()).status().unwrap().success() {
                return;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < give_up, "the server does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it and starts it again with these settings.
    pub fn restart(&mut self, settings: &[(&str, &str)]) {
        self.stop();
        self.launch(settings);
    }

    /// Immediate shutdown, by the process we started.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // setpriv execs, so the child is the postmaster itself.
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let give_up = Instant::now() + Duration::from_secs(20);
        while child.try_wait().is_ok_and(|s| s.is_none()) {
            if Instant::now() > give_up {
                let _ = child.kill();
                let _ = child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its directory of programs.
    pub fn bindir(&self) -> &Path {
        &self.bin
    }

    /// The cluster.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("d")
    }

    /// Directory of the unix socket.
    pub fn socket_dir(&self) -> &Path {
        self.dir.path()
    }

    /// A directory that the server's user owns, for tablespaces and the like.
    pub fn make_dir(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        own(&path);
        path
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// For pgseal's configuration; the database is `postgres`.
    pub fn conninfo(&self) -> String {
        format!("host={} port={} user=postgres dbname=postgres", self.socket_dir().display(), self.port)
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// A client program set up to connect to `db`, with nothing else in its environment.
    pub fn client(&self, program: &str, db: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("HOME", "/nonexistent")
            .env("PGHOST", self.socket_dir())
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .env("PGDATABASE", db)
            .stdin(Stdio::null());
        command
    }

    /// Runs SQL; gives what it prints, without the last line end.
    pub fn psql(&self, db: &str, sql: &str) -> String {
        self.try_psql(db, sql).unwrap_or_else(|e| panic!("psql {db}: {e}\n{sql}"))
    }

    /// Runs SQL; gives its output or what it says.
    pub fn try_psql(&self, db: &str, sql: &str) -> Result<String, String> {
        let mut psql = self.client("psql", db);
        psql.env("PGCLIENTENCODING", "UTF8");
        let out = psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]).output().unwrap();
        if out.status.success() {
            let text = String::from_utf8(out.stdout).unwrap();
            Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        } else {
            Err(String::from_utf8_lossy(&out.stderr).into_owned())
        }
    }

    /// Whether these programs bring an extension along: not every installation has contrib.
    pub fn offers(&self, extension: &str) -> bool {
        let ask = format!("select count(*) from pg_available_extensions where name = '{extension}'");
        self.psql("postgres", &ask) == "1"
    }

    /// `pg_dump` of a database as SQL, without the random `\restrict` lines.
    pub fn pg_dump_text(&self, db: &str) -> String {
        let out = done(self.client("pg_dump", db).arg("--no-sync"), "pg_dump");
        let text = String::from_utf8(out.stdout).unwrap();
        let keep = |l: &&str| !l.starts_with("\\restrict ") && !l.starts_with("\\unrestrict ");
        text.split_inclusive('\n').filter(keep).collect()
    }

    /// A program of the server, run as the cluster's owner and dying with this process.
    pub fn as_owner(&self, program: &str) -> Command {
        let mut command = Command::new("/usr/bin/setpriv");
        // The parent-death signal follows the thread that forks: `--pdeathsig`
        // is only safe because a test's server is dropped by the thread that made it.
        command.arg("--pdeathsig").arg("KILL");
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command.arg(self.bin.join(program)).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("TZ", "UTC").current_dir("/").stdin(Stdio::null());
        command
    }
}

impl Drop for PgServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs to the end; panics with stderr where it fails.
pub fn done(command: &mut Command, what: &str) -> Output {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{what}: {}", String::from_utf8_lossy(&out.stderr));
    out
}

/// A TCP port of loopback: bound, read and let go again.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A file of the server's user, mode 0600.
pub fn put(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    own(path);
}

/// Gives a file to the server's user.
pub fn own(path: &Path) {
    if rustix::process::geteuid().is_root() {
        done(Command::new("/usr/bin/chown").arg("postgres:postgres").arg(path), "chown");
    }
}
