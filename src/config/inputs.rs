//! What a configuration is made from, as values: tests need no environment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Code, Error, Result, Stage};

/// Largest configuration file: 1 MiB.
const LIMIT: u64 = 1024 * 1024;

/// A value given by a flag.
#[derive(Debug, Clone)]
pub struct Override {
    /// Key, as in `repository.url`.
    pub key: &'static str,
    /// How the flag is spelled, for messages.
    pub flag: &'static str,
    /// Its value.
    pub value: String,
}

/// Everything that decides about the configuration.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// Other flags.
    pub overrides: Vec<Override>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Whether pgseal runs as root: decides about the default state directory.
    pub root: bool,
    /// The last place looked at; `/etc/pgseal/pgseal.toml`.
    pub system_file: PathBuf,
}

impl Inputs {
    /// From the process: its environment, working directory and user.
    pub fn of_process(config: Option<PathBuf>, overrides: Vec<Override>) -> Result<Self> {
        let cwd = std::env::current_dir()
            .map_err(|e| Error::new(Code::Usage, Stage::Config, "cannot tell the working directory").because(e))?;
        // Other programs' variables may hold anything; ours are text.
        let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Ok(Self {
            config,
            overrides,
            env: env.collect(),
            cwd,
            root: rustix::process::geteuid().is_root(),
            system_file: "/etc/pgseal/pgseal.toml".into(),
        })
    }

    /// Nothing but the text of a file: no flags, no variables.
    pub fn none() -> Self {
        Self {
            config: None,
            overrides: Vec::new(),
            env: BTreeMap::new(),
            cwd: PathBuf::from("/"),
            root: false,
            system_file: PathBuf::from("/"),
        }
    }

    /// A variable that is set and not empty.
    pub(super) fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// A directory of the XDG Base Directory Specification: the variable where it
    /// is absolute (the specification ignores relative ones), or below home.
    pub(super) fn xdg(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        let set = self.var(name).map(PathBuf::from).filter(|p| p.is_absolute());
        set.or_else(|| self.var("HOME").map(|h| Path::new(h).join(below_home)).filter(|p| p.is_absolute()))
    }

    /// The places where a configuration is looked for when `--config` is not given.
    pub fn search_path(&self) -> Vec<PathBuf> {
        let mut places = vec![self.cwd.join("pgseal.toml")];
        places.extend(self.xdg("XDG_CONFIG_HOME", ".config").map(|d| d.join("pgseal/pgseal.toml")));
        places.push(self.system_file.clone());
        places
    }

    /// The file that counts and its text; `None` where there is none.
    pub(super) fn file(&self) -> Result<Option<(PathBuf, String)>> {
        if let Some(path) = &self.config {
            let path = self.cwd.join(path);
            return match read(&path, true)? {
                Some(text) => Ok(Some((path, text))),
                None => Err(refused(&path, "there is no such file")
                    .hint("Check --config, or leave it out to search the usual places.")),
            };
        }
        for path in self.search_path() {
            if let Some(text) = read(&path, false)? {
                return Ok(Some((path, text)));
            }
        }
        Ok(None)
    }
}

/// Reads a configuration file. One that was found rather than `named` must
/// belong to the caller or root: whoever can put a `pgseal.toml` into a shared
/// directory must not decide what root trusts.
fn read(path: &Path, named: bool) -> Result<Option<String>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(e) => return Err(refused(path, "cannot open the file").because(std::io::Error::from(e))),
    };
    let meta = file.metadata().map_err(|e| refused(path, "cannot examine the file").because(e))?;
    if !meta.is_file() {
        return Err(refused(path, "this is not a regular file"));
    }
    if meta.mode() & 0o002 != 0 {
        return Err(refused(path, "everybody can write the configuration")
            .hint(format!("Check its content, then close it: chmod o-w {}", path.display())));
    }
    if !named && meta.uid() != 0 && meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused(
            path,
            format!("the configuration found here belongs to another user (uid {})", meta.uid()),
        )
        .hint("If you trust it, name it with --config."));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|e| refused(path, "cannot read the file").because(e))?;
    if bytes.len() as u64 > LIMIT {
        return Err(refused(path, "the configuration is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| refused(path, "the configuration is not UTF-8 text"))
}

fn refused(path: &Path, message: impl Into<String>) -> Error {
    Error::new(Code::Usage, Stage::Config, message).on(path.display().to_string())
}
