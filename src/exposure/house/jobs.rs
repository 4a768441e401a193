//! What runs pgseal: cron tables, systemd units, the profiles and histories of
//! the user's shells.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Largest file that is read.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// Files of one directory that are looked at.
const MOST_FILES: usize = 2_000;

/// Where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A cron table or a script that cron runs.
    Cron,
    /// A systemd unit, or a file with variables that one names.
    Unit,
    /// What a shell reads when it starts.
    Profile,
    /// What was typed.
    History,
}

/// One text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub origin: Origin,
    /// What it says; only lines that name pgseal or PostgreSQL's programs, or set
    /// variables, are judged.
    pub text: String,
}

/// All texts, and what could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Jobs {
    /// Read.
    pub texts: Vec<Text>,
    /// Not read, and why.
    pub closed: Vec<String>,
}

const PROFILES: &[&str] =
    &[".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshrc", ".zprofile", ".pam_environment"];
const HISTORIES: &[&str] = &[".bash_history", ".zsh_history", ".sh_history", ".psql_history"];

/// What makes a unit or a script one of ours.
const OURS: &[&str] = &["pgseal", "pg_dump", "pg_basebackup", "pg_restore", "psql"];

impl Jobs {
    /// Below `root` (`/`) and the user's home.
    pub fn read(root: &Path, home: Option<&Path>) -> Self {
        let mut jobs = Self::default();
        jobs.file(&root.join("etc/crontab"), Origin::Cron, false);
        for dir in ["etc/cron.d", "etc/cron.hourly", "etc/cron.daily", "etc/cron.weekly", "etc/cron.monthly"] {
            jobs.directory(&root.join(dir), Origin::Cron, "", true);
        }
        for dir in ["var/spool/cron/crontabs", "var/spool/cron"] {
            jobs.directory(&root.join(dir), Origin::Cron, "", false);
        }
        let mut units = vec![
            root.join("etc/systemd/system"),
            root.join("usr/lib/systemd/system"),
            root.join("usr/local/lib/systemd/system"),
        ];
        units.extend(home.map(|h| h.join(".config/systemd/user")));
        for dir in units {
            jobs.units(&dir, root);
        }
        if let Some(home) = home {
            for name in PROFILES {
                jobs.file(&home.join(name), Origin::Profile, false);
            }
            for name in HISTORIES {
                jobs.file(&home.join(name), Origin::History, false);
            }
        }
        jobs
    }

    /// Texts of cron and systemd that run pgseal.
    pub fn running_pgseal(&self) -> impl Iterator<Item = &Text> {
        self.texts.iter().filter(|t| matches!(t.origin, Origin::Cron | Origin::Unit) && t.text.contains("pgseal"))
    }

    fn file(&mut self, path: &Path, origin: Origin, only_ours: bool) -> Option<String> {
        match read(path) {
            Ok(Some(text)) if !only_ours || OURS.iter().any(|o| text.contains(o)) => {
                self.texts.push(Text { path: path.to_owned(), origin, text: text.clone() });
                Some(text)
            }
            Ok(_) => None,
            Err(e) => {
                self.closed.push(format!("{} cannot be read: {e}", path.display()));
                None
            }
        }
    }

    /// The files of a directory whose names end so; gives back those that were taken.
    fn directory(&mut self, dir: &Path, origin: Origin, ending: &str, only_ours: bool) -> Vec<(PathBuf, String)> {
        let mut taken = Vec::new();
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return taken,
            Err(e) => {
                self.closed.push(format!("{} cannot be listed: {e}", dir.display()));
                return taken;
            }
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).take(MOST_FILES + 1).collect();
        if paths.len() > MOST_FILES {
            self.closed.push(format!("{} has more than {MOST_FILES} files", dir.display()));
        }
        paths.sort();
        for path in paths {
            if path.is_file() && path.to_string_lossy().ends_with(ending) {
                taken.extend(self.file(&path, origin, only_ours).map(|text| (path, text)));
            }
        }
        taken
    }

    /// Services, what is dropped in for them, and the files whose variables they take.
    fn units(&mut self, dir: &Path, root: &Path) {
        let mut taken = self.directory(dir, Origin::Unit, ".service", true);
        for item in std::fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_FILES) {
            let path = item.path();
            if path.is_dir() && path.to_string_lossy().ends_with(".service.d") {
                // A drop-in sets variables without naming the program.
                let about_us = path.to_string_lossy().contains("pgseal");
                taken.extend(self.directory(&path, Origin::Unit, ".conf", !about_us));
            }
        }
        let files =
            taken.iter().flat_map(|(_, text)| text.lines()).filter_map(|l| l.trim().strip_prefix("EnvironmentFile="));
        let files: Vec<PathBuf> = files
            .map(|f| root.join(f.trim_start_matches('-').trim_start_matches('/')))
            .filter(|f| !f.to_string_lossy().contains('%'))
            .collect();
        for path in files {
            self.file(&path, Origin::Unit, false);
        }
    }
}

/// The text of a plain file; `None` where there is none, or it is no text.
fn read(path: &Path) -> io::Result<Option<String>> {
    use rustix::fs::{Mode, OFlags};
    let file = match rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it is larger than {MOST_BYTES} bytes")));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}
