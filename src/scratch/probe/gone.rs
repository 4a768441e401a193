//! ISO-014: after the teardown nothing is left.

use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Probe, Rule, Seen, processes};
use crate::config::schema::Isolation;
use crate::scratch::{Instance, Scratch, Teardown, procfs};

/// ISO-014.
pub const RULE: Rule =
    Rule { id: "ISO-014", title: "nothing of it is left: process, namespace, mount, directory", from: Isolation::I1 };

/// How long the kernel may take to clear away what was killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How an instance can be recognised once it is gone. Taken before the teardown.
#[derive(Debug)]
pub struct Trace {
    path: PathBuf,
    mark: String,
    /// Held open: the number of a namespace is given out again once it is gone.
    namespaces: Vec<(&'static str, File)>,
}

impl Trace {
    /// Notes the directory, the mark, and the namespaces that are not ours.
    pub fn of(scratch: &Scratch, instance: Option<&Instance>) -> Self {
        Self::at(scratch.path(), scratch.mark(), instance.map(Instance::pid))
    }

    /// As [`Trace::of`], for any server.
    pub fn at(path: &Path, mark: &str, pid: Option<i32>) -> Self {
        let server = pid.and_then(processes::postmaster);
        let namespaces = server
            .into_iter()
            .flat_map(|pid| ["net", "pid"].map(|kind| (pid, kind)))
            .filter(|(pid, kind)| processes::apart(*pid, kind) == Some(true))
            .filter_map(|(pid, kind)| Some((kind, File::open(format!("/proc/{pid}/ns/{kind}")).ok()?)))
            .collect();
        Self { path: path.to_owned(), mark: mark.to_owned(), namespaces }
    }

    /// Processes that carry the mark, work in the directory, or live in one of
    /// its namespaces.
    fn left(&self) -> Vec<i32> {
        let inode = |kind, file: &File| file.metadata().map(|m| (kind, m.ino()));
        let namespaces: Vec<(&str, u64)> = self.namespaces.iter().filter_map(|(k, f)| inode(*k, f).ok()).collect();
        let lives = |pid: i32, kind: &str, number: u64| {
            std::fs::metadata(format!("/proc/{pid}/ns/{kind}")).is_ok_and(|m| m.ino() == number)
        };
        let mark = self.mark.as_bytes();
        let carries = |pid: i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.windows(mark.len().max(1)).any(|w| w == mark)
        };
        let mut left = procfs::started_below(&self.path);
        left.extend(processes::all().into_iter().filter(|pid| {
            let server = || processes::name(*pid).as_deref() == Some("postgres") && carries(*pid);
            *pid != processes::own_pid()
                && procfs::start_time(*pid).is_some()
                && (namespaces.iter().any(|(k, n)| lives(*pid, k, *n)) || server())
        }));
        left.sort_unstable();
        left.dedup();
        left
    }

    /// Mounts at or below the directory; `None` where they cannot be read.
    fn mounts(&self) -> Option<usize> {
        let text = std::fs::read("/proc/self/mountinfo").ok()?;
        let path = escaped(&self.path);
        let below = |point: &[u8]| point == path || (point.starts_with(&path) && point.get(path.len()) == Some(&b'/'));
        Some(text.split(|b| *b == b'\n').filter(|l| l.split(|b| *b == b' ').nth(4).is_some_and(below)).count())
    }
}

/// A path as mountinfo writes it: blank, tab, line end and backslash in octal.
fn escaped(path: &Path) -> Vec<u8> {
    let byte = |b: &u8| match b {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{b:03o}").into_bytes(),
        b => vec![*b],
    };
    path.as_os_str().as_bytes().iter().flat_map(byte).collect()
}

/// ISO-014: looks for what should be gone.
pub async fn gone(teardown: &Teardown, trace: &Trace, level: Isolation) -> Probe {
    let began = Instant::now();
    let mut left = trace.left();
    while !left.is_empty() && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
        left = trace.left();
    }
    let Some(mounts) = trace.mounts() else {
        return RULE.probe(level, Seen::blind("the mounts cannot be read"));
    };
    let directory = teardown.directory_gone && !trace.path.exists();
    let good = teardown.is_clean() && directory && left.is_empty() && mounts == 0;
    let mut evidence = format!(
        "{} processes and {mounts} mounts left, {} namespaces empty, directory {}",
        left.len(),
        if left.is_empty() { trace.namespaces.len() } else { 0 },
        if directory { "gone" } else { "left" }
    );
    if let Some(detail) = &teardown.detail {
        evidence = format!("{evidence} ({detail})");
    }
    RULE.probe(level, Seen::judge(good, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::ProbeOutcome;

    #[tokio::test]
    async fn what_is_left_fails_the_last_probe() {
        let nowhere = Trace::at(Path::new("/nonexistent/pgseal-x"), "pgseal-x-no-such-mark", None);
        let teardown = |instance_gone, directory_gone| Teardown { instance_gone, directory_gone, detail: None };
        assert_eq!(gone(&teardown(true, true), &nowhere, Isolation::I2).await.outcome, ProbeOutcome::Pass);
        for (instance, directory) in [(false, true), (true, false), (false, false)] {
            let p = gone(&teardown(instance, directory), &nowhere, Isolation::I2).await;
            assert_eq!(p.outcome, ProbeOutcome::Fail);
        }
        // The teardown says that all is gone; the probe looks itself.
        let dir = tempfile::tempdir().unwrap();
        let there = Trace::at(dir.path(), "pgseal-x-no-such-mark", None);
        assert_eq!(gone(&teardown(true, true), &there, Isolation::I2).await.outcome, ProbeOutcome::Fail);
    }

    #[test]
    fn a_mount_is_seen_by_its_escaped_path() {
        assert_eq!(escaped(Path::new("/a b\\c")), b"/a\\040b\\134c");
        let proc = Trace::at(Path::new("/proc"), "m", None);
        assert!(proc.mounts().unwrap() > 0);
    }
}
