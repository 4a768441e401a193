//! Proof of the isolation: what was asked for is looked at in the running server.
//!
//! Every probe can fail: the tests run them against a server that was started
//! without any sealing and must see them fail. A probe that could not look is
//! `not_evaluated`, which is no pass either.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::dir::Teardown;
use super::seal::{self, Setting};
use super::{Instance, procfs};
use crate::config::schema::Isolation;
use crate::types::shown;

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// It looked, and it is so.
    Pass,
    /// It looked, and it is not so: the drill is unsafe.
    Fail,
    /// It could not look.
    NotEvaluated,
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// `ISO-004`; stable.
    pub id: String,
    /// What it proves, for people.
    pub title: String,
    /// What it found.
    pub outcome: ProbeOutcome,
    /// What was seen.
    pub evidence: String,
}

impl Probe {
    fn new(id: &str, title: &str, outcome: ProbeOutcome, evidence: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), outcome, evidence: evidence.into() }
    }

    fn judge(id: &str, title: &str, good: bool, evidence: impl Into<String>) -> Self {
        Self::new(id, title, if good { ProbeOutcome::Pass } else { ProbeOutcome::Fail }, evidence)
    }
}

/// Process kinds that a sealed server may show (`pg_stat_activity.backend_type`).
const ALLOWED_BACKENDS: [&str; 9] = [
    "client backend",
    "checkpointer",
    "background writer",
    "walwriter",
    "startup",
    "autovacuum launcher",
    "autovacuum worker",
    "parallel worker",
    "io worker",
];

/// A server that is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Process id of the postmaster.
    pub pid: i32,
    /// The settings it should have.
    pub settings: &'a [Setting],
    /// A superuser's session with it.
    pub client: &'a Client,
    /// The isolation that was set up.
    pub level: Isolation,
}

/// Runs every probe of a running instance over `client`. ISO-001's first half,
/// asking before the start, already happened: a server whose settings do not
/// hold is never started.
pub async fn run(instance: &Instance, client: &Client, level: Isolation) -> Vec<Probe> {
    run_on(Target { pid: instance.pid(), settings: instance.settings(), client, level }).await
}

/// As [`run`], for any server.
pub async fn run_on(target: Target<'_>) -> Vec<Probe> {
    vec![
        settings(target).await,
        listeners(target.pid),
        network(target),
        census(target).await,
        replication(target).await,
    ]
}

/// The verdict: whether any probe failed.
pub fn any_failed(probes: &[Probe]) -> bool {
    probes.iter().any(|p| p.outcome == ProbeOutcome::Fail)
}

async fn settings(target: Target<'_>) -> Probe {
    let (id, title) = ("ISO-001", "sealed settings hold, asked before the start and in the running server");
    match seal::differing(target.client, target.settings).await {
        Ok(differing) if differing.is_empty() => {
            let n = target.settings.len();
            Probe::judge(id, title, n > 0, format!("{n} settings as sealed"))
        }
        Ok(differing) => Probe::judge(id, title, false, format!("not as sealed: {}", differing.join(", "))),
        Err(e) => Probe::new(id, title, ProbeOutcome::NotEvaluated, e.text()),
    }
}

fn listeners(pid: i32) -> Probe {
    let (id, title) = ("ISO-004", "nothing listens on the network");
    let Some(all) = procfs::listeners(pid) else {
        return Probe::new(id, title, ProbeOutcome::NotEvaluated, "/proc/PID/net cannot be read");
    };
    let shared = procfs::network_namespace(pid) == procfs::network_namespace(own_pid());
    // In a namespace of its own every listener is the server's. In the host's,
    // only those are that the server's processes hold open.
    let theirs: Vec<String> = if shared {
        let Some(open) = open_sockets_of_tree(pid) else {
            return Probe::new(id, title, ProbeOutcome::NotEvaluated, "the server's open files cannot be read");
        };
        all.iter().filter(|l| open.contains(&l.inode)).map(|l| format!("{} {}", l.protocol, l.local)).collect()
    } else {
        all.iter().map(|l| format!("{} {}", l.protocol, l.local)).collect()
    };
    let evidence = if theirs.is_empty() { "0 listeners".to_owned() } else { theirs.join(", ") };
    Probe::judge(id, title, theirs.is_empty(), evidence)
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Sockets of the postmaster and of all that work in its directory.
fn open_sockets_of_tree(pid: i32) -> Option<BTreeSet<u64>> {
    let mut open: BTreeSet<u64> = procfs::open_sockets(pid)?.into_iter().collect();
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    for child in procfs::working_below(&cwd) {
        open.extend(procfs::open_sockets(child).unwrap_or_default());
    }
    Some(open)
}

fn network(target: Target<'_>) -> Probe {
    let (id, title) = ("ISO-005", "the network namespace is empty");
    if target.level < Isolation::I2 {
        let why = "no network namespace could be set up on this host";
        return Probe::new(id, title, ProbeOutcome::NotEvaluated, why);
    }
    let pid = target.pid;
    let theirs = procfs::network_namespace(pid);
    let ours = procfs::network_namespace(own_pid());
    let dev = std::fs::read_to_string(format!("/proc/{pid}/net/dev"));
    let (Some(theirs), Some(ours), Ok(dev), Some(routes)) = (theirs, ours, dev, procfs::routes(pid)) else {
        return Probe::new(id, title, ProbeOutcome::NotEvaluated, "/proc/PID/net cannot be read");
    };
    let interfaces = procfs::interfaces(&dev);
    let good = theirs != ours && interfaces.iter().all(|i| i == "lo") && routes.is_empty();
    let evidence = format!(
        "namespace {}, interfaces {}, {} routes",
        if theirs == ours { "shared with the host" } else { "its own" },
        interfaces.join(" "),
        routes.len()
    );
    Probe::judge(id, title, good, evidence)
}

async fn census(target: Target<'_>) -> Probe {
    let (id, title) = ("ISO-009", "only expected server processes run");
    let sql =
        "select coalesce(backend_type, 'unknown'), count(*) from pg_catalog.pg_stat_activity group by 1 order by 1";
    match target.client.query(sql, &[]).await {
        Err(e) => Probe::new(id, title, ProbeOutcome::NotEvaluated, super::conn::reduced(&e)),
        Ok(rows) => {
            let kinds: Vec<String> = rows.iter().map(|r| r.get(0)).collect();
            let bad: Vec<String> = kinds
                .iter()
                .filter(|k| !ALLOWED_BACKENDS.contains(&k.as_str()))
                .map(|k| shown(k).into_owned())
                .collect();
            let evidence = if bad.is_empty() { kinds.join(", ") } else { format!("not expected: {}", bad.join(", ")) };
            Probe::judge(id, title, bad.is_empty() && !kinds.is_empty(), evidence)
        }
    }
}

async fn replication(target: Target<'_>) -> Probe {
    let (id, title) = ("ISO-010", "it follows nobody, feeds nobody and archives nothing");
    let sql = "select (select count(*) from pg_catalog.pg_stat_replication), \
               (select count(*) from pg_catalog.pg_stat_wal_receiver), \
               (select count(*) from pg_catalog.pg_stat_subscription where pid is not null), \
               (select count(*) from pg_catalog.pg_stat_activity where backend_type in ('archiver', 'walsender', 'walreceiver') \
                 or backend_type like 'logical replication%'), \
               current_setting('archive_mode')";
    match target.client.query_one(sql, &[]).await {
        Err(e) => Probe::new(id, title, ProbeOutcome::NotEvaluated, super::conn::reduced(&e)),
        Ok(row) => {
            let counts: Vec<i64> = (0..4).map(|i| row.get(i)).collect();
            let archive: String = row.get(4);
            let evidence = format!(
                "{} senders, {} receivers, {} subscription workers, {} such processes, archive_mode {archive}",
                counts[0], counts[1], counts[2], counts[3]
            );
            Probe::judge(id, title, counts.iter().all(|c| *c == 0) && archive == "off", evidence)
        }
    }
}

/// ISO-014: after the teardown nothing is left.
pub fn gone(teardown: &Teardown) -> Probe {
    let evidence = match &teardown.detail {
        Some(detail) => detail.clone(),
        None => format!(
            "processes {}, directory {}",
            if teardown.instance_gone { "gone" } else { "left" },
            if teardown.directory_gone { "gone" } else { "left" }
        ),
    };
    Probe::judge("ISO-014", "nothing of it is left", teardown.is_clean(), evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_fail_the_last_probe() {
        let clean = Teardown { instance_gone: true, directory_gone: true, detail: None };
        assert_eq!(gone(&clean).outcome, ProbeOutcome::Pass);
        for left in [(false, true), (true, false), (false, false)] {
            let t = Teardown { instance_gone: left.0, directory_gone: left.1, detail: None };
            assert_eq!(gone(&t).outcome, ProbeOutcome::Fail);
        }
    }
}
