//! ISO-013: the programs that work on the copy beside its server. `pg_restore`
//! has the server run the source's statements and reads what the source wrote:
//! it is to be as shut in as the server.
//!
//! Proven by a program that is started in the very same way, and by looking at
//! `pg_restore` while it runs.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Probe, Rule, Seen, processes};
use crate::config::schema::Isolation;
use crate::process::{Stdout, Tool};
use crate::scratch::{Jail, user};

/// ISO-013.
pub const RULE: Rule =
    Rule { id: "ISO-013", title: "programs that restore and check are shut in like the server", from: Isolation::I2 };

/// The program that is watched.
const WATCHED: &str = "pg_restore";

/// How often it is looked for in the beginning; later every [`SELDOM`].
const OFTEN: Duration = Duration::from_millis(10);
const SELDOM: Duration = Duration::from_millis(200);

/// Looks after which [`SELDOM`] is enough.
const MANY: u32 = 200;

/// How long the program may take that is started for the proof.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen of `pg_restore`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sightings {
    /// How often one was seen in a network namespace of its own.
    pub apart: u64,
    /// How often in ours.
    pub shared: u64,
}

/// Looks for `pg_restore` below this process until it is dropped.
#[derive(Debug)]
pub struct Watch {
    seen: std::sync::Arc<std::sync::Mutex<Sightings>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins.
    pub fn begin() -> Self {
        let seen = std::sync::Arc::<std::sync::Mutex<Sightings>>::default();
        let into = seen.clone();
        let task = tokio::spawn(async move {
            let mut looks = 0;
            loop {
                let now = tokio::task::spawn_blocking(sight).await.unwrap_or_default();
                if let Ok(mut seen) = into.lock() {
                    seen.apart += now.apart;
                    seen.shared += now.shared;
                }
                looks += 1;
                tokio::time::sleep(if looks < MANY { OFTEN } else { SELDOM }).await;
            }
        });
        Self { seen, task }
    }

    /// What was seen.
    pub fn end(self) -> Sightings {
        self.seen.lock().map_or_else(|broken| *broken.into_inner(), |seen| *seen)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn sight() -> Sightings {
    let mut now = Sightings::default();
    let programs = processes::family(processes::own_pid());
    for pid in programs.into_iter().filter(|p| processes::name(*p).as_deref() == Some(WATCHED)) {
        match processes::apart(pid, "net") {
            Some(true) => now.apart += 1,
            Some(false) => now.shared += 1,
            // It ended just now.
            None => {}
        }
    }
    now
}

/// Starts a program in `jail` as every tool is, and compares its namespaces
/// with ours; `seen` is what a [`Watch`] saw.
pub async fn tools(jail: &Jail, seen: Sightings) -> Probe {
    let seen = match user::program("readlink") {
        Some(readlink) => look(jail.level, jail.tool(readlink), seen).await,
        None => Seen::blind("readlink is missing"),
    };
    RULE.probe(jail.level, seen)
}

/// `readlink` is started as it is.
async fn look(level: Isolation, readlink: Tool, seen: Sightings) -> Seen {
    if seen.shared > 0 {
        return Seen::Bad(format!("{WATCHED} was seen {} times in the host's network namespace", seen.shared));
    }
    let kinds: &[&str] = if level >= Isolation::I3 { &["net", "mnt", "pid", "ipc"] } else { &["net"] };
    let paths = kinds.iter().map(|k| format!("/proc/self/ns/{k}"));
    let tool = readlink.args(paths).stdout(Stdout::Piped);
    let inside = async { tool.spawn().await?.output(4096).await };
    let inside = match tokio::time::timeout(PATIENCE, inside).await {
        Ok(Ok((exit, out))) if exit.code() == Some(0) => String::from_utf8_lossy(&out).into_owned(),
        Ok(Ok(_)) => return Seen::blind("a program started like them failed"),
        Ok(Err(e)) => return Seen::Blind(format!("no program can be started like them: {}", e.text())),
        Err(_) => return Seen::blind("a program started like them gave no answer"),
    };
    let lines: Vec<&str> = inside.lines().collect();
    let mut shared = Vec::new();
    for (i, kind) in kinds.iter().enumerate() {
        let Ok(ours) = std::fs::read_link(format!("/proc/self/ns/{kind}")) else {
            return Seen::blind("our own namespaces cannot be read");
        };
        match lines.get(i) {
            Some(theirs) if lines.len() == kinds.len() && theirs.starts_with(&format!("{kind}:[")) => {
                if *theirs == ours.to_string_lossy() {
                    shared.push(*kind);
                }
            }
            _ => return Seen::blind("a program started like them gave no usable answer"),
        }
    }
    if shared.is_empty() {
        let watched = match seen.apart {
            0 => String::new(),
            n => format!("; {WATCHED} was seen so {n} times"),
        };
        Seen::Good(format!("a program started like them has its own namespaces: {}{watched}", kinds.join(", ")))
    } else {
        Seen::Bad(format!("a program started like them shares with the host: {}", shared.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_in_our_own_namespaces_is_bad_and_one_that_says_nothing_is_no_proof() {
        let none = Sightings::default();
        let readlink = || Tool::new(user::program("readlink").unwrap());
        for level in [Isolation::I2, Isolation::I3] {
            let seen = look(level, readlink(), none).await;
            assert!(matches!(&seen, Seen::Bad(e) if e.contains("shares with the host: net")), "{seen:?}");
        }
        for other in ["true", "false", "echo", "no-such-program"] {
            let tool = Tool::new(user::program(other).unwrap_or_else(|| "/nonexistent".into()));
            let seen = look(Isolation::I2, tool, none).await;
            assert!(matches!(seen, Seen::Blind(_)), "{other}: {seen:?}");
        }
        let seen = look(Isolation::I2, readlink(), Sightings { apart: 5, shared: 1 }).await;
        assert!(matches!(&seen, Seen::Bad(e) if e.contains("pg_restore was seen 1 times")), "{seen:?}");
    }

    #[tokio::test]
    async fn the_watch_sees_a_restore_that_is_not_shut_in() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(WATCHED);
        std::fs::copy(user::program("sleep").unwrap(), &program).unwrap();
        let watch = Watch::begin();
        let mut child = std::process::Command::new(&program).arg("1000").spawn().unwrap();
        let began = std::time::Instant::now();
        while watch.seen.lock().unwrap().shared == 0 && began.elapsed() < PATIENCE {
            tokio::time::sleep(OFTEN).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(watch.end().shared > 0);
    }
}
