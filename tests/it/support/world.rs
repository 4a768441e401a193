//! A sealed world for the program: its own home, keys, repository and
//! configuration of one source, `shop`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::pg::PgServer;

/// The program under test.
pub const PGSEAL: &str = env!("CARGO_BIN_EXE_pgseal");

/// What a run said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn new(output: &Output) -> Self {
        let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
        // A shell's view: 128 + n where a signal ended it.
        let signal = || 128 + std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap();
        Self { code: output.status.code().unwrap_or_else(signal), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// stdout as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}): {self}"))
    }

    /// Fails with all that was said where the code is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Fails unless nothing was said to people.
    #[track_caller]
    pub fn silent(self) -> Self {
        assert!(self.err.is_empty(), "{self}");
        self
    }

    /// Fails unless stderr holds all of these.
    #[track_caller]
    pub fn says(self, all: &[&str]) -> Self {
        for text in all {
            assert!(self.err.contains(text), "{text:?} is missing: {self}");
        }
        self
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}

/// Keys, repository, configuration. Everything lies below [`World::path`].
pub struct World {
    dir: tempfile::TempDir,
    pub recipient: String,
    /// The `allowed_signers` line of the signing key.
    pub signer: String,
    pub connection: String,
}

impl World {
    /// A logical source on this server, with these lines in `[source.shop]`.
    pub fn new(server: &PgServer, source: &str) -> Self {
        Self::with_connection(&server.conninfo(), source)
    }

    pub fn with_connection(connection: &str, source: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("pgw").tempdir_in("/tmp").unwrap();
        for name in ["home", "tmp", "store", "scratch"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::set_permissions(dir.path().join("scratch"), std::fs::Permissions::from_mode(0o1777)).unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let mut world =
            Self { dir, recipient: String::new(), signer: String::new(), connection: connection.to_owned() };
        let file = |name: &str| world.path(name).display().to_string();
        let recipient = world.run(&["keygen", "identity", "-o", &file("identity")]).expect(0).out;
        let signer = world.run(&["keygen", "signer", "--role", "both", "-o", &file("signer")]).expect(0).out;
        (world.recipient, world.signer) = (recipient.trim().to_owned(), signer.trim().to_owned());
        world.write("allowed", &world.signer);
        world.configure(source);
        world.run(&["init"]).expect(0);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file of mode 0600.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes the configuration anew, with these lines in `[source.shop]`.
    pub fn configure(&self, source: &str) {
        self.configure_with(&format!("recipients = [\"{}\"]", self.recipient), "", source);
    }

    /// With other recipients and more lines before the source.
    pub fn configure_with(&self, recipients: &str, more: &str, source: &str) {
        let dir = self.dir.path().display();
        let connection = toml::Value::from(self.connection.as_str());
        let mut text = format!(
            "[repository]\nurl = \"file://{dir}/store\"\n\n[keys]\n{recipients}\nsigning_key = \"signer\"\n\
             allowed_signers = \"allowed\"\nidentity = \"identity\"\n\n[state]\ndir = \"{dir}/state\"\n\n\
             [scratch]\ndir = \"{dir}/scratch\"\n\n"
        );
        if self.bin_dir().is_dir() {
            writeln!(text, "[tools]\npg_bindir = \"{}\"\n", self.bin_dir().display()).unwrap();
        }
        if !source.contains(".exposure]") {
            // The tests' servers trust local users; what that exposes has tests of its own.
            writeln!(text, "[source.shop.exposure]\nfail_on = \"critical\"\n").unwrap();
        }
        write!(text, "{more}\n[source.shop]\nconnection = {connection}\njobs = 2\n{source}").unwrap();
        self.write("pgseal.toml", &text);
    }

    fn bin_dir(&self) -> PathBuf {
        self.path("bin")
    }

    /// Makes `tools.pg_bindir` a directory whose programs are the server's own,
    /// but `program` runs `script` instead wherever its arguments match the
    /// shell pattern `when`. The script may use `$real`, and `$@`.
    pub fn fake(&self, server: &PgServer, source: &str, program: &str, when: &str, script: &str) {
        let _ = std::fs::remove_dir_all(self.bin_dir());
        std::fs::create_dir(self.bin_dir()).unwrap();
        for entry in std::fs::read_dir(server.bindir()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let real = server.bindir().join(&name).display().to_string();
            let body =
                if name == program { format!("case \"$*\" in {when}) {script} ;; esac\n") } else { String::new() };
            let text = format!(
                "#!/bin/sh\nreal={real}\n[ \"$1\" = --version ] && exec $real --version\n{body}exec $real \"$@\"\n"
            );
            let path = self.bin_dir().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        self.configure(source);
    }

    /// Back to the real programs.
    pub fn real(&self, source: &str) {
        let _ = std::fs::remove_dir_all(self.bin_dir());
        self.configure(source);
    }

    /// `pgseal` with nothing in its environment but a home, a search path and a
    /// directory for temporary files.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PGSEAL);
        command
            .env_clear()
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("PATH", crate::support::pg::search_path())
            .env("LC_ALL", "C.UTF-8")
            .env("COLUMNS", "100")
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Said {
        Said::new(&self.command(args).output().unwrap())
    }

    /// Starts it with both outputs piped.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Backs up; gives the id.
    #[track_caller]
    pub fn backup(&self) -> String {
        self.run(&["backup", "shop"]).expect(0).out.trim().to_owned()
    }

    /// Committed manifests of the store.
    pub fn manifests(&self) -> Vec<String> {
        self.objects().into_iter().filter(|k| k.contains("/m/") && k.ends_with(".json")).collect()
    }

    /// Every file of the store, in order.
    pub fn objects(&self) -> Vec<String> {
        let root = self.path("store");
        files(&root).into_keys().map(|p| p.strip_prefix(&root).unwrap().display().to_string()).collect()
    }

    /// Temporary files that were left behind.
    pub fn temporary(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.path("tmp")).unwrap().map(|e| e.unwrap().path()).collect()
    }

    /// Processes that work for this world: children have the path of its
    /// temporary directory in their environment, fakes its programs in their arguments.
    pub fn children(&self) -> Vec<i32> {
        let tmp = self.path("tmp").display().to_string();
        let bin = self.bin_dir().display().to_string();
        processes(|argv, env| argv.contains(&bin) || env.contains(&format!("PGPASSFILE={tmp}")))
    }

    /// What holds after a run that failed: `manifests` are all there are, no
    /// process and no temporary file is left.
    #[track_caller]
    pub fn nothing_came_of_it(&self, manifests: &[String], what: &str) {
        assert_eq!(self.manifests(), manifests, "{what}: something was committed");
        until(&format!("{what}: children live on"), || self.children().is_empty());
        assert_eq!(self.temporary(), [""; 0].map(PathBuf::from), "{what}: temporary files stayed");
    }
}

/// All files below `root` with their bytes' length.
pub fn files(root: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
            } else {
                found.insert(entry.path(), entry.metadata().unwrap().len());
            }
        }
    }
    found
}

/// Processes whose arguments and environment are wanted; zombies have neither.
pub fn processes(wanted: impl Fn(&str, &str) -> bool) -> Vec<i32> {
    let read = |pid: i32, what: &str| {
        String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default()).into_owned()
    };
    let pids = std::fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|e| e.unwrap().file_name().to_str().and_then(|n| n.parse::<i32>().ok()));
    pids.filter(|p| wanted(&read(*p, "cmdline"), &read(*p, "environ"))).collect()
}

/// Waits for a condition, a minute at most.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < give_up, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process that we started.
pub fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}
