//! A child from birth to reaping.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;

use super::Tail;
use crate::error::{Code, Error, Result, Stage};

/// How long a killed child may take to be reaped before we go on without it.
const REAP: Duration = Duration::from_secs(5);

/// Pipe capacity asked for: fewer switches between child and us.
const PIPE_BYTES: usize = 1024 * 1024;

/// A running child. Dropping it kills its process group and reaps it.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    group: Option<Pid>,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    tail: Tail,
    drain: Option<JoinHandle<()>>,
    reaped: bool,
}

/// How a child ended.
#[derive(Debug, Clone)]
pub struct Exit {
    name: String,
    status: ExitStatus,
    tail: Tail,
}

/// Proof that a child ended with exit status 0. Only [`Exit::success`] makes it.
#[derive(Debug, Clone)]
pub struct Finished {
    name: String,
    tail: Tail,
}

impl Finished {
    /// What the child was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it said on stderr, at the end.
    pub fn stderr(&self) -> &Tail {
        &self.tail
    }
}

impl Exit {
    /// Exit status, `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The end of stderr.
    pub fn stderr(&self) -> &Tail {
        &self.tail
    }

    /// The proof of success, or an error that says how it ended and what it said last.
    pub fn success(self, code: Code, stage: Stage) -> Result<Finished> {
        if self.status.success() {
            return Ok(Finished { name: self.name, tail: self.tail });
        }
        let how = match (self.status.code(), self.status.signal()) {
            (Some(n), _) => format!("ended with exit status {n}"),
            (None, Some(n)) => format!("was ended by signal {n}"),
            (None, None) => "ended in an unknown way".to_owned(),
        };
        let said = self.tail.last_lines(3);
        let message = if said.is_empty() { how } else { format!("{how}: {said}") };
        Err(Error::new(code, stage, message).on(self.name))
    }
}

impl Running {
    pub(super) fn new(name: String, mut child: Child, stderr_kept: usize) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let tail = Tail::of(stderr_kept);
        let drain = child.stderr.take().map(|e| tokio::spawn(tail.clone().drain(e)));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        if let Some(out) = &stdout {
            // A larger pipe is an optimisation; the system's limit may forbid it.
            let _ = rustix::pipe::fcntl_setpipe_size(out, PIPE_BYTES);
        }
        if let Some(into) = &stdin {
            let _ = rustix::pipe::fcntl_setpipe_size(into, PIPE_BYTES);
        }
        Self { name, child, group, stdin, stdout, tail, drain, reaped: false }
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Process id, while it runs.
    pub fn pid(&self) -> Option<i32> {
        self.group.map(Pid::as_raw_nonzero).map(std::num::NonZero::get)
    }

    /// Its output, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// Its input, once. Drop it to let the child see the end.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// What it said so far on stderr.
    pub fn stderr(&self) -> &Tail {
        &self.tail
    }

    /// Whether it has ended, without waiting.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Sends a signal to the child alone.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.group {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Waits for the end. Stdin is closed first.
    pub async fn wait(mut self) -> Result<Exit> {
        drop(self.stdin.take());
        let status = self
            .child
            .wait()
            .await
            .map_err(|e| Error::internal("cannot wait for a child").on(&self.name).because(e))?;
        self.reaped = true;
        if let Some(drain) = self.drain.take() {
            // A grandchild may keep stderr open; what it says then is not ours.
            let _ = tokio::time::timeout(Duration::from_secs(1), drain).await;
        }
        Ok(Exit { name: std::mem::take(&mut self.name), status, tail: self.tail.clone() })
    }

    /// Waits, and reads what it prints, at most `limit` bytes.
    pub async fn output(mut self, limit: u64) -> Result<(Exit, Vec<u8>)> {
        let mut bytes = Vec::new();
        if let Some(out) = self.take_stdout() {
            out.take(limit + 1)
                .read_to_end(&mut bytes)
                .await
                .map_err(|e| Error::internal("cannot read a child's output").on(&self.name).because(e))?;
        }
        if bytes.len() as u64 > limit {
            return Err(
                Error::new(Code::Limit, Stage::Source, format!("printed more than {limit} bytes")).on(&self.name)
            );
        }
        Ok((self.wait().await?, bytes))
    }

    /// Asks it to end with `signal`, waits up to `grace`, then kills its group.
    pub async fn stop(mut self, signal: Signal, grace: Duration) -> Result<Exit> {
        self.signal(signal);
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            self.kill_group();
        }
        self.wait().await
    }

    fn kill_group(&self) {
        if let Some(pid) = self.group {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        self.kill_group();
        let give_up = Instant::now() + REAP;
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > give_up {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Stdout, Tool};

    fn sh(script: &str) -> Tool {
        Tool::new("/bin/sh").arg("-c").arg(script)
    }

    #[tokio::test]
    async fn success_needs_exit_status_zero() {
        let exit = sh("exit 0").spawn().await.unwrap().wait().await.unwrap();
        assert!(exit.success(Code::DumpFailed, Stage::Dump).is_ok());
        let exit = sh("echo no >&2; exit 7").spawn().await.unwrap().wait().await.unwrap();
        let e = exit.success(Code::DumpFailed, Stage::Dump).unwrap_err();
        assert_eq!(e.to_string(), "dump: sh: ended with exit status 7: no");
        let exit = sh("kill -TERM $$").spawn().await.unwrap().wait().await.unwrap();
        let e = exit.success(Code::DumpFailed, Stage::Dump).unwrap_err();
        assert_eq!(e.to_string(), "dump: sh: was ended by signal 15");
    }

    #[tokio::test]
    async fn nothing_is_inherited() {
        let tool = Tool::new("/usr/bin/env").env("ONLY", "this").stdout(Stdout::Piped);
        let (_, out) = tool.spawn().await.unwrap().output(10_000).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        let mut names: Vec<&str> = text.lines().filter_map(|l| l.split_once('=')).map(|p| p.0).collect();
        names.sort_unstable();
        assert_eq!(names, ["LC_ALL", "ONLY", "PATH", "TZ"]);
    }

    #[tokio::test]
    async fn dropping_kills_the_whole_group() {
        let mut child = sh("sleep 1000 & echo $!; wait").stdout(Stdout::Piped).spawn().await.unwrap();
        let mut out = child.take_stdout().unwrap();
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            out.read_buf(&mut line).await.unwrap();
        }
        let grandchild: i32 = String::from_utf8(line).unwrap().trim().parse().unwrap();
        drop(child);
        let pid = Pid::from_raw(grandchild).unwrap();
        let give_up = Instant::now() + Duration::from_secs(10);
        while alive(pid) {
            assert!(Instant::now() < give_up, "the grandchild lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A zombie that nobody reaps (a container without init) counts as gone.
    fn alive(pid: Pid) -> bool {
        std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
            .is_ok_and(|s| !s.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
    }
}
