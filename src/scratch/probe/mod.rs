//! Proof of the isolation: what was asked for is looked at, from the host and
//! from inside the running server.
//!
//! Every probe can fail: the tests run them against a server that was started
//! without any sealing and must see each of them fail. A probe that could not
//! look is `not_evaluated`, which is no pass either.
//!
//! What can be seen from the host (`/proc`, our own listeners and files) is
//! looked at there: nothing that runs inside can falsify it. The rest is tried
//! from inside by a superuser's `COPY … TO PROGRAM`, with exactly the server's
//! namespaces and rights. Nothing here connects to the source: its address is
//! dialled only from inside, and only once the host has seen that there is no
//! way out.
//!
//! | file | probes |
//! |---|---|
//! | [`settings`] | ISO-001 sealed settings |
//! | [`files`] | ISO-002 configuration and links, ISO-003 place and tablespaces |
//! | [`network`] | ISO-004 listeners, ISO-005 network namespace |
//! | [`dial`] | ISO-006 ways out |
//! | [`sockets`] | ISO-007 unix sockets of the host |
//! | [`strangers`] | ISO-008 other users, roles, replication |
//! | [`census`] | ISO-009 processes |
//! | [`replication`] | ISO-010 replication and archive |
//! | [`outside`] | ISO-011 writing outside |
//! | [`secrets`] | ISO-012 environment, open files, keys |
//! | [`tools`] | ISO-013 the programs beside the server |
//! | [`gone`] | ISO-014 teardown |
//! | [`kernel`] | ISO-017 keyrings, system calls, further namespaces |
//! | [`mod@peer`] | ISO-016 whom our sessions reached |
//! | [`canary`], [`inside`], [`processes`] | what they use |

pub mod canary;
pub mod census;
pub mod dial;
pub mod files;
pub mod gone;
pub mod inside;
pub mod kernel;
pub mod network;
pub mod outside;
pub mod peer;
pub mod processes;
pub mod replication;
pub mod secrets;
pub mod settings;
pub mod sockets;
pub mod strangers;
pub mod tools;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::Instance;
use super::seal::Setting;
use crate::config::schema::Isolation;
use crate::types::shown;
use canary::Canary;

pub use gone::{Trace, gone};
pub use peer::{peer, stranger};
pub use tools::{Sightings, Watch, tools};

/// Longest evidence that is kept, in characters.
const EVIDENCE: usize = 800;

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// It looked, and it is so.
    Pass,
    /// It looked, and it is not so: the drill is unsafe.
    Fail,
    /// It could not look; or it is not so, and the isolation level that was
    /// reached does not promise it. The evidence says which.
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
    /// What it found; of several looks the worst.
    pub outcome: ProbeOutcome,
    /// What was seen in that look.
    pub evidence: String,
    /// The outcome of each look, in their order: before the source's code could
    /// run, and after. Absent where there was one look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<ProbeOutcome>,
}

impl Probe {
    /// Adds a later look: the worse outcome of the two stands, with its evidence.
    pub fn and_then(&mut self, later: Self) {
        use ProbeOutcome::{Fail, Pass};
        let mut looks = std::mem::take(&mut self.looks);
        if looks.is_empty() {
            looks.push(self.outcome);
        }
        looks.push(later.outcome);
        if self.outcome == Pass || later.outcome == Fail {
            *self = later;
        }
        self.looks = looks;
    }
}

/// A rule of isolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `ISO-004`; stable.
    pub id: &'static str,
    /// What it proves, for people.
    pub title: &'static str,
    /// The lowest isolation level that promises it.
    pub from: Isolation,
}

/// Every rule, in the order of the report.
pub const RULES: [Rule; 16] = [
    settings::RULE,
    files::CONFIGURATION,
    files::PLACE,
    network::LISTENERS,
    network::NAMESPACE,
    dial::RULE,
    sockets::RULE,
    strangers::RULE,
    census::RULE,
    replication::RULE,
    outside::RULE,
    secrets::RULE,
    tools::RULE,
    gone::RULE,
    peer::RULE,
    kernel::RULE,
];

/// What was seen, before the level is considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is so.
    Good(String),
    /// It is not so.
    Bad(String),
    /// It could not be seen.
    Blind(String),
}

impl Seen {
    fn judge(good: bool, evidence: impl Into<String>) -> Self {
        if good { Self::Good(evidence.into()) } else { Self::Bad(evidence.into()) }
    }

    fn blind(why: impl Into<String>) -> Self {
        Self::Blind(why.into())
    }
}

impl Rule {
    /// What follows from what was seen where `level` was reached.
    fn probe(self, level: Isolation, seen: Seen) -> Probe {
        let (outcome, evidence) = match seen {
            Seen::Good(e) => (ProbeOutcome::Pass, e),
            Seen::Bad(e) if level < self.from => {
                (ProbeOutcome::NotEvaluated, format!("isolation {} does not promise it: {e}", level.name()))
            }
            Seen::Bad(e) => (ProbeOutcome::Fail, e),
            Seen::Blind(e) => (ProbeOutcome::NotEvaluated, e),
        };
        Probe {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            outcome,
            evidence: shown(&evidence).chars().take(EVIDENCE).collect(),
            looks: Vec::new(),
        }
    }
}

/// What the copy must not reach, as far as the configuration tells.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Host (name, address, or directory of the unix socket) and port of the source.
    pub source: Option<(String, u16)>,
    /// Files with private keys.
    pub key_files: Vec<PathBuf>,
}

/// A server that is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Process id of the postmaster, or of what started it in its namespaces.
    pub pid: i32,
    /// Major version.
    pub major: u32,
    /// The settings it should have.
    pub settings: &'a [Setting],
    /// How many of them were asked of the program before the start.
    pub asked: usize,
    /// A superuser's session with it.
    pub client: &'a Client,
    /// That superuser.
    pub superuser: &'a str,
    /// The isolation that was set up.
    pub level: Isolation,
    /// The scratch directory, as the host sees it.
    pub scratch: &'a Path,
    /// PGDATA, as the host sees it.
    pub data_dir: &'a Path,
    /// Directory of the socket, as the host sees it.
    pub socket_dir: &'a Path,
    /// Number in the socket's name.
    pub port: u16,
    /// Where `psql` is.
    pub bindir: &'a Path,
    /// What it must not reach.
    pub outside: &'a Outside,
}

/// Runs ISO-001 to ISO-012 on a running instance over a superuser's session.
/// ISO-013 is [`tools`], ISO-014 [`gone`].
pub async fn run(instance: &Instance, client: &Client, level: Isolation, outside: &Outside) -> Vec<Probe> {
    let data_dir = instance.data_dir();
    run_on(Target {
        pid: instance.pid(),
        major: instance.major(),
        settings: instance.settings(),
        // A server of which they were not asked is never started.
        asked: instance.settings().len(),
        client,
        superuser: instance.superuser(),
        level,
        scratch: data_dir.parent().unwrap_or(data_dir),
        data_dir,
        socket_dir: instance.socket_dir(),
        port: instance.port(),
        bindir: instance.bindir(),
        outside,
    })
    .await
}

/// As [`run`], for any server.
pub async fn run_on(t: Target<'_>) -> Vec<Probe> {
    let mut all = Vec::with_capacity(RULES.len());
    let mut add = |rule: Rule, seen: Seen| all.push(rule.probe(t.level, seen));
    add(settings::RULE, settings::look(t).await);
    let (configuration, place) = files::look(t).await;
    add(files::CONFIGURATION, configuration);
    add(files::PLACE, place);
    add(network::LISTENERS, network::listeners(t.pid));
    let namespace = network::namespace(t.pid);
    let apart = matches!(namespace, Seen::Good(_));
    add(network::NAMESPACE, namespace);
    // All that looks over the session comes before what runs a program in it.
    let strangers = strangers::look(t).await;
    let census = census::look(t).await;
    let replication = replication::look(t).await;

    // One program does everything that must be tried from inside.
    let canary = Canary::open(t.scratch.parent().unwrap_or(t.scratch), t.data_dir).await;
    let ways = dial::ways(t, apart, canary.as_ref().ok()).await;
    let paths = sockets::paths(t.outside);
    let planted = kernel::Planted::new(t);
    let plan = inside::Plan::new(&ways, &paths, t.outside, canary.as_ref().ok(), &planted.name);
    let answers = plan.run(t).await;
    add(dial::RULE, dial::judge(t, apart, &ways, &canary, &answers));
    add(sockets::RULE, sockets::judge(&ways, &paths, &canary, &answers));
    add(strangers::RULE, strangers);
    add(census::RULE, census);
    add(replication::RULE, replication);
    add(outside::RULE, outside::judge(t, &canary, &answers));
    add(secrets::RULE, secrets::look(t, &answers));
    add(kernel::RULE, kernel::judge(t, &planted, &answers));
    all
}

/// Whether any probe failed.
pub fn any_failed(probes: &[Probe]) -> bool {
    probes.iter().any(|p| p.outcome == ProbeOutcome::Fail)
}

/// The rules that must have been looked at where isolation `level` was reached.
pub fn required(level: Isolation) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(move |r| r.from <= level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_complete_and_in_order() {
        let ids: Vec<&str> = RULES.iter().map(|r| r.id).collect();
        // ISO-015, whether the isolation is enough, is the drill's.
        let expected: Vec<String> = (1..=17).filter(|n| *n != 15).map(|n| format!("ISO-{n:03}")).collect();
        assert_eq!(ids, expected);
        assert_eq!(required(Isolation::I1).count(), 10);
        assert_eq!(required(Isolation::I2).count(), 13);
        assert_eq!(required(Isolation::I3).count(), 16);
    }

    #[test]
    fn what_a_level_does_not_promise_neither_fails_nor_passes() {
        let rule = Rule { id: "ISO-011", title: "t", from: Isolation::I3 };
        let at = |level, seen| rule.probe(level, seen);
        assert_eq!(at(Isolation::I3, Seen::Bad("x".into())).outcome, ProbeOutcome::Fail);
        let low = at(Isolation::I2, Seen::Bad("x".into()));
        assert_eq!(low.outcome, ProbeOutcome::NotEvaluated);
        assert_eq!(low.evidence, "isolation I2 does not promise it: x");
        assert_eq!(at(Isolation::I2, Seen::Good("x".into())).outcome, ProbeOutcome::Pass);
        assert_eq!(at(Isolation::I3, Seen::Blind("x".into())).outcome, ProbeOutcome::NotEvaluated);
    }

    #[test]
    fn evidence_is_escaped_and_bounded() {
        let rule = Rule { id: "ISO-009", title: "t", from: Isolation::I1 };
        let p = rule.probe(Isolation::I2, Seen::Bad(format!("\u{1b}[31m{}", "x".repeat(5000))));
        assert!(!p.evidence.contains('\u{1b}') && p.evidence.chars().count() == EVIDENCE, "{}", p.evidence);
    }

    #[test]
    fn the_worse_of_two_looks_stands_and_both_are_kept() {
        use ProbeOutcome::{Fail, NotEvaluated, Pass};
        let probe = |outcome, evidence: &str| Probe {
            id: "ISO-004".into(),
            title: "t".into(),
            outcome,
            evidence: evidence.into(),
            looks: vec![],
        };
        for (first, second, stands, from) in [
            (Pass, Pass, Pass, "b"),
            (Pass, NotEvaluated, NotEvaluated, "b"),
            (NotEvaluated, Pass, NotEvaluated, "a"),
            (NotEvaluated, Fail, Fail, "b"),
            (Pass, Fail, Fail, "b"),
            (Fail, Pass, Fail, "a"),
            (Fail, NotEvaluated, Fail, "a"),
        ] {
            let mut p = probe(first, "a");
            p.and_then(probe(second, "b"));
            assert_eq!((p.outcome, p.evidence.as_str()), (stands, from), "{first:?} {second:?}");
            assert_eq!(p.looks, [first, second]);
        }
    }
}
