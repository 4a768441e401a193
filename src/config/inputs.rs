//! What a configuration is made from, as values: tests need no environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result, Stage};
use crate::types::trusted::{self, Last};

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
            return match read(&path)? {
                Some(text) => Ok(Some((path, text))),
                None => Err(refused(&path, "there is no such file")
                    .hint("Check --config, or leave it out to search the usual places.")),
            };
        }
        for path in self.search_path() {
            if let Some(text) = read(&path)? {
                return Ok(Some((path, text)));
            }
        }
        Ok(None)
    }
}

/// Reads a configuration file: whoever can write it, or exchange it, decides what pgseal
/// trusts, where backups go and which programs run.
fn read(path: &Path) -> Result<Option<String>> {
    let Some(file) = trusted::open(path, Last::Link, Stage::Config)? else { return Ok(None) };
    let mut bytes = file.closed_to_writers()?.read(LIMIT)?;
    String::from_utf8(std::mem::take(&mut *bytes))
        .map(Some)
        .map_err(|_| refused(path, "the configuration is not UTF-8 text"))
}

fn refused(path: &Path, message: impl Into<String>) -> Error {
    Error::new(Code::Usage, Stage::Config, message).on(path.display().to_string())
}
