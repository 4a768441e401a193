//! A program to run, with everything it gets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::Signal;
use tokio::process::Command;

use super::{Running, Under};
use crate::error::{Code, Error, Result, Stage};

/// What a child reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin {
    /// `/dev/null`.
    Null,
    /// A pipe that the caller writes.
    Piped,
}

/// Where a child's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// `/dev/null`.
    Null,
    /// A pipe that the caller reads.
    Piped,
}

/// A program, its arguments and its whole environment.
#[derive(Debug, Clone)]
pub struct Tool {
    name: String,
    program: PathBuf,
    under: Under,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    stdin: Stdin,
    input: Option<Arc<File>>,
    stdout: Stdout,
    directory: Option<PathBuf>,
    death_signal: Signal,
    stderr_kept: usize,
}

impl Tool {
    /// `program` is an absolute path; its file name is what messages call it.
    /// The environment starts with a fixed `PATH`, `LC_ALL=C` and `TZ=UTC`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let env =
            [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")];
        Self {
            name,
            program,
            under: Under::default(),
            args: Vec::new(),
            env: env.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            stdin: Stdin::Null,
            input: None,
            stdout: Stdout::Null,
            directory: None,
            death_signal: Signal::KILL,
            stderr_kept: super::stderr::KEPT,
        }
    }

    /// Adds an argument. Never a secret, never a name that a database user chose
    /// where the program would read it as a connection string.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the child's environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets several variables.
    #[must_use]
    pub fn envs<K: Into<OsString>, V: Into<OsString>>(mut self, vars: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env.extend(vars.into_iter().map(|(k, v)| (k.into(), v.into())));
        self
    }

    /// Runs the program under another one. One that forks instead of exec
    /// (`bwrap … --`) must take what it forked down with it.
    #[must_use]
    pub fn under(mut self, under: impl Into<Under>) -> Self {
        self.under = under.into();
        self
    }

    /// What the child reads; default nothing.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Gives the child this open file as its standard input. A program that needs
    /// a name for it (parallel `pg_restore` does) is given `/proc/self/fd/0`.
    #[must_use]
    pub fn input(mut self, file: Arc<File>) -> Self {
        self.input = Some(file);
        self
    }

    /// Where its output goes; default nowhere.
    #[must_use]
    pub fn stdout(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
        self
    }

    /// Working directory; default `/`.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The signal it gets when pgseal dies; default SIGKILL.
    #[must_use]
    pub fn on_parent_death(mut self, signal: Signal) -> Self {
        self.death_signal = signal;
        self
    }

    /// How many bytes of the end of its stderr are kept; default 16 KiB.
    #[must_use]
    pub fn keep_stderr(mut self, bytes: usize) -> Self {
        self.stderr_kept = bytes;
        self
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Program and arguments as text, for the record. No secret is in them.
    pub fn argv(&self) -> Vec<String> {
        std::iter::once(self.program.as_os_str()).chain(self.args.iter().map(OsString::as_os_str)).map(lossy).collect()
    }

    /// Starts it.
    pub async fn spawn(self) -> Result<Running> {
        let (words, kept) = self.under.opened()?;
        let (program, mut args): (&Path, Vec<&OsStr>) = match words.split_first() {
            Some((first, rest)) => {
                let mut args: Vec<&OsStr> = rest.iter().map(OsString::as_os_str).collect();
                args.push(self.program.as_os_str());
                (Path::new(first), args)
            }
            None => (&self.program, Vec::new()),
        };
        args.extend(self.args.iter().map(OsString::as_os_str));
        let stdin = match (&self.input, self.stdin) {
            (Some(file), _) => {
                let file =
                    file.try_clone().map_err(|e| Error::internal("cannot share a file with a child").because(e))?;
                Stdio::from(file)
            }
            (None, Stdin::Piped) => Stdio::piped(),
            (None, Stdin::Null) => Stdio::null(),
        };
        let mut command = std::process::Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs(&self.env)
            .current_dir(self.directory.as_deref().unwrap_or(Path::new("/")))
            .stdin(stdin)
            .stdout(if self.stdout == Stdout::Piped { Stdio::piped() } else { Stdio::null() })
            .stderr(Stdio::piped());
        crate::sys::own_child(&mut command, self.death_signal);
        if let Some(file) = kept {
            crate::sys::keep_for_child(&mut command, file);
        }
        self.under.prepare(&mut command);
        let mut command = Command::from(command);
        command.kill_on_drop(true);
        let child = super::spawner::spawn(command).await.map_err(|e| {
            Error::new(Code::Usage, Stage::Source, "cannot start the program")
                .on(program.display().to_string())
                .hint("Install the PostgreSQL client programs of the server's major version, or set tools.pg_bindir.")
                .because(e)
        })?;
        Ok(Running::new(self.name, child, self.stderr_kept))
    }
}

fn lossy(s: &OsStr) -> String {
    s.to_string_lossy().into_owned()
}
