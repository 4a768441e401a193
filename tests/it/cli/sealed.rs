//! A sealed environment: own home, no inherited variable, fixed width.

use std::path::PathBuf;
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

pub struct Sealed {
    dir: TempDir,
}

/// What a run said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Sealed {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["home", "work"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// Variables of every run, and the directory it starts in.
    pub fn variables(&self) -> [(&'static str, String); 6] {
        let text = |name: &str| self.path(name).display().to_string();
        [
            ("HOME", text("home")),
            ("XDG_STATE_HOME", text("state")),
            ("XDG_CONFIG_HOME", text("config")),
            ("PATH", "/usr/bin:/bin".into()),
            ("COLUMNS", "100".into()),
            ("LC_ALL", "C.UTF-8".into()),
        ]
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("pgseal").unwrap();
        command.env_clear().envs(self.variables()).current_dir(self.path("work")).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Said {
        self.said(self.command(args).output().unwrap())
    }

    pub fn said(&self, output: Output) -> Said {
        let hide =
            |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&self.path("").display().to_string(), "/T/");
        Said { code: output.status.code().unwrap_or(-1), out: hide(output.stdout), err: hide(output.stderr) }
    }
}

/// Filters for what differs from run to run.
pub fn golden(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"\b[0-9a-f]{32}\b", "[REPO_ID]");
    settings.add_filter(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", "[TIME]");
    settings.add_filter(r"age1[0-9a-z]{58}", "[RECIPIENT]");
    settings.add_filter(r"AAAAC3NzaC1lZDI1NTE5[A-Za-z0-9+/]{48}", "[KEY]");
    settings.bind(check);
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}
