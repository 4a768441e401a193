//! Configuration, keys and a store in a directory, for one server.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgseal::keys::{Identities, Signer};
use pgseal::scratch::procfs;
use serde_json::Value;

use crate::drill::pg::PgServer;

/// What a run said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub struct World {
    pub dir: tempfile::TempDir,
    recipient: String,
    connection: String,
    /// Runs pgseal as this user instead of root.
    user: Option<&'static str>,
    /// Programs of the system that pgseal does not find.
    lacks: std::cell::Cell<&'static [&'static str]>,
}

impl World {
    pub fn new(server: &PgServer) -> Self {
        Self::new_as(server, None)
    }

    pub fn new_as(server: &PgServer, user: Option<&'static str>) -> Self {
        // A short path below directories that the scratch user may pass.
        let dir = tempfile::Builder::new().prefix("pgd").tempdir_in("/var/tmp").unwrap();
        let mode = |p: &Path, m| std::fs::set_permissions(p, std::fs::Permissions::from_mode(m)).unwrap();
        mode(dir.path(), 0o755);
        for (name, m) in [("keys", 0o700), ("state", 0o700), ("tmp", 0o700), ("scratch", 0o1777)] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            mode(&dir.path().join(name), m);
        }
        let (identity, recipient) = Identities::generate();
        let (private, public) = Signer::generate("drill-test").unwrap();
        let allowed = format!("shop,cluster namespaces=\"manifest@pgseal,report@pgseal,repo@pgseal\" {public}\n");
        let files = [("identity", identity.as_str()), ("signer", private.as_str()), ("allowed", allowed.as_str())];
        for (name, text) in files {
            std::fs::write(dir.path().join("keys").join(name), text).unwrap();
            mode(&dir.path().join("keys").join(name), 0o600);
        }
        let world = Self { dir, recipient, connection: server.conninfo(), user, lacks: std::cell::Cell::default() };
        world.configure("", "");
        world.ok(&["init"]);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the configuration: `top` holds more sections, `shop` goes to both
    /// sources' drill sections.
    pub fn configure(&self, top: &str, drill: &str) {
        let at = |name: &str| self.path(name).display().to_string();
        let mut text = format!(
            "[repository]\nurl = \"file://{}\"\n[keys]\nrecipients = [\"{}\"]\nsigning_key = \"{}\"\n\
             allowed_signers = \"{}\"\n",
            at("store"),
            self.recipient,
            at("keys/signer"),
            at("keys/allowed")
        );
        for (section, default) in [
            ("identity = ", format!("identity = \"{}\"\n", at("keys/identity"))),
            // The names of the tests' own databases are what is asserted.
            ("[report]", "[report]\nredact = \"none\"\n".to_owned()),
            ("[state]", format!("[state]\ndir = \"{}\"\n", at("state"))),
            ("[scratch]", format!("[scratch]\ndir = \"{}\"\n", at("scratch"))),
            ("[tools]", format!("[tools]\npg_bindir = \"{}\"\n", crate::drill::pg::bindir().display())),
        ] {
            if !top.contains(section) {
                text += &default;
            }
        }
        text += top;
        for (name, kind, more) in
            [("shop", "logical", "databases = \"all\"\njobs = 2\n"), ("cluster", "physical", "jobs = 2\n")]
        {
            let mut drill = drill.replace("NAME", name);
            if !drill.contains(".exposure]") {
                // The tests' servers trust local users; what that exposes has tests of its own.
                let _ = write!(drill, "\n[source.{name}.exposure]\nfail_on = \"critical\"\n{}", self.outlived());
            }
            let _ = write!(
                text,
                "\n[source.{name}]\nkind = \"{kind}\"\nconnection = \"{}\"\n{more}{drill}\n",
                self.connection
            );
        }
        std::fs::write(self.path("pgseal.toml"), text).unwrap();
        if let Some(user) = self.user {
            let chown = Command::new("chown").arg("-R").arg(user).arg(self.dir.path()).status().unwrap();
            assert!(chown.success());
        }
    }

    /// That nobody mends PostgreSQL 13 any more is critical, and no matter of these tests.
    fn outlived(&self) -> String {
        if crate::drill::pg::major() > 13 {
            return String::new();
        }
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 20);
        let waiver = format!(
            "[[waiver]]\ncheck = \"EXP-VER-001\"\nmatch = {{ object = \"server\" }}\nreason = \"tested as long as it can be had\"\n\
             owner = \"the tests\"\nexpires = {}\n",
            until.strftime("%F")
        );
        let path = self.path("outlived.toml");
        std::fs::write(&path, waiver).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        format!("declarations = [\"{}\"]\n", path.display())
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_pgseal");
        // In a mount namespace of its own, where the programs are no programs.
        let hide = "for p in $0; do mount --bind /dev/null $p || exit 99; done; exec \"$@\"";
        let lacks = self.lacks.get().join(" ");
        let mut words: Vec<String> = Vec::new();
        if !lacks.is_empty() {
            words.extend(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", hide, &lacks].map(str::to_owned));
        }
        if let Some(user) = self.user {
            words.push("/usr/bin/setpriv".to_owned());
            words.extend([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
        }
        words.push(program.to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.path("tmp")).env("TMPDIR", self.path("tmp"));
        command.env("NO_COLOR", "1").current_dir(self.dir.path()).stdin(Stdio::null());
        command.arg("--config").arg(self.path("pgseal.toml")).args(args);
        command
    }

    /// From now on without these programs.
    pub fn lacks(&self, programs: &'static [&'static str]) {
        self.lacks.set(programs);
    }

    pub fn pgseal(&self, args: &[&str]) -> Said {
        Self::said(&mut self.command(args))
    }

    pub fn said(command: &mut Command) -> Said {
        let out = command.output().unwrap();
        Said {
            code: out.status.code().unwrap_or(-1),
            out: String::from_utf8(out.stdout).unwrap(),
            err: String::from_utf8(out.stderr).unwrap(),
        }
    }

    /// Configures PostgreSQL's programs, of which the one called `name` runs first what
    /// `script` gives for its path.
    pub fn wrapped(&self, name: &str, script: impl Fn(&str) -> String) -> String {
        let dir = self.path("bin");
        std::fs::create_dir_all(&dir).unwrap();
        for entry in std::fs::read_dir(crate::drill::pg::bindir()).unwrap() {
            let real = entry.unwrap().path();
            let (path, real) = (dir.join(real.file_name().unwrap()), real.display().to_string());
            let first = if path.ends_with(name) { script(&real) } else { String::new() };
            std::fs::write(&path, format!("#!/bin/sh\n{first}\nexec {real} \"$@\"\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        format!("[tools]\npg_bindir = \"{}\"\n", dir.display())
    }

    /// Replaces text of the configuration.
    pub fn edit(&self, from: &str, to: &str) {
        let path = self.path("pgseal.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}: {text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    pub fn ok(&self, args: &[&str]) -> Said {
        let said = self.pgseal(args);
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        said
    }

    /// Drills `what` and gives the exit code and the report; everything it made must be gone.
    pub fn drill(&self, what: &str) -> (i32, Value) {
        let said = self.pgseal(&["drill", what, "--json"]);
        let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        assert!(report.get("verdict").is_some(), "{said:?}");
        assert_eq!(report["exit_code"], said.code, "{said:?}");
        self.nothing_left();
        (said.code, report)
    }

    /// No directory, no process, no mount, no temporary file.
    pub fn nothing_left(&self) {
        let left = |name: &str| -> Vec<PathBuf> {
            std::fs::read_dir(self.path(name)).unwrap().map(|e| e.unwrap().path()).collect()
        };
        assert_eq!(left("scratch"), Vec::<PathBuf>::new());
        assert_eq!(left("tmp"), Vec::<PathBuf>::new());
        assert_eq!(procfs::working_below(&self.path("scratch")), Vec::<i32>::new());
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&self.path("scratch").display().to_string()), "{mounts}");
    }
}

/// Verdict, proof level.
pub fn verdict(report: &Value) -> (&str, &str) {
    (report["verdict"].as_str().unwrap(), report["proof_level"].as_str().unwrap())
}

/// Outcome of a check.
pub fn outcome<'a>(report: &'a Value, id: &str) -> &'a str {
    check(report, id)["outcome"].as_str().unwrap()
}

pub fn check<'a>(report: &'a Value, id: &str) -> &'a Value {
    let all = report["checks"].as_array().unwrap();
    all.iter().find(|c| c["id"] == id).unwrap_or_else(|| panic!("no {id}: {report:#}"))
}

/// How many checks looked at the restored copy; those of the history and the keys need none.
pub fn checks_of_the_copy(report: &Value) -> usize {
    let all = report["checks"].as_array().unwrap();
    let beside = |id: &str| id.starts_with("CHAIN-") || id.starts_with("KEY-");
    all.iter().filter(|c| !beside(c["id"].as_str().unwrap())).count()
}

/// Waits for `condition`, at most `seconds`.
pub fn within(seconds: u64, mut condition: impl FnMut() -> bool) -> bool {
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    while !condition() {
        if std::time::Instant::now() > give_up {
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    true
}
