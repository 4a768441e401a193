//! The suite that every store must pass; also `pgseal store check`, so that
//! users can run it on their own bucket with their own credential.
//!
//! Everything it writes lies under `canary/<run>/` and is removed at the end,
//! also after failures. What a credential does not allow is not evaluated and
//! says so; it never counts as passed.

mod clean_up;
mod suite;

use serde::Serialize;

use suite::Suite;

use super::Store;
use crate::error::{Error, Result};
use crate::types::event::{Event, Observer};
use crate::types::{Silent, shown};

/// How a case went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// As promised.
    Pass,
    /// Not as promised.
    Fail {
        /// What was seen.
        reason: String,
    },
    /// Could not be looked at.
    NotEvaluated {
        /// Why.
        reason: String,
    },
}

/// One promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Stable name.
    pub name: &'static str,
    /// Its outcome.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What the store was seen to do. `false` also where it could not be looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// A put never replaces an object, and of many writers one wins. Without
    /// it a commit is only as good as the discipline of all writers.
    pub create_only: bool,
    /// The store itself refuses a body that contradicts its SHA-256.
    pub checks_bodies: bool,
    /// The credential may delete. Better not, on the host that writes backups.
    pub can_delete: bool,
}

/// Outcome of the suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContractReport {
    /// [`Store::describe`].
    pub store: String,
    /// All cases, in the order they ran.
    pub cases: Vec<Case>,
    /// What was seen.
    pub capabilities: Capabilities,
    /// Canaries that are still there.
    pub leftovers: Vec<String>,
    /// Whether there was no room for some of them.
    pub out_of_space: bool,
}

impl ContractReport {
    /// Cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|c| matches!(c.verdict, Verdict::Fail { .. }))
    }

    /// Cases that were not evaluated.
    pub fn not_evaluated(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|c| matches!(c.verdict, Verdict::NotEvaluated { .. }))
    }

    /// Whether every case was looked at and passed.
    pub fn passed(&self) -> bool {
        !self.cases.is_empty() && self.cases.iter().all(|c| c.verdict == Verdict::Pass)
    }
}

/// Runs the suite on `store`. `run` names it (`[A-Za-z0-9-]`, at most 64) and must be new;
/// `deep` adds a listing of more than one page (over a thousand small objects).
///
/// Errors only where the store does not even take a first object, or `run` is
/// no name; whatever else is wrong stands in the report.
pub async fn run(store: &dyn Store, run: &str, deep: bool, observer: &dyn Observer) -> Result<ContractReport> {
    let plain = (1..=64).contains(&run.len()) && run.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !plain {
        return Err(Error::internal(format!("not a name for a run: {}", shown(run))));
    }
    observer.event(Event::Started { title: format!("check {}", store.describe()), total: None });
    let mut suite = Suite::new(store, run, observer);
    let started = suite.first_put().await;
    if started.is_ok() {
        suite.all(deep).await;
    }
    let leftovers = suite.clean_up().await;
    observer.event(Event::Finished);
    started.map_err(|e| e.about(store.describe()))?;
    Ok(ContractReport {
        store: store.describe(),
        cases: suite.cases,
        capabilities: suite.seen,
        leftovers,
        out_of_space: suite.full,
    })
}

/// Whether the store takes an object at all: one canary, and away with it. Gives those
/// that are still there, where the credential may not delete.
///
/// # Errors
/// Where it takes none.
pub async fn takes_one(store: &dyn Store, run: &str) -> Result<Vec<String>> {
    let mut suite = Suite::new(store, run, &Silent);
    let put = suite.first_put().await;
    let leftovers = suite.clean_up().await;
    put.map_err(|e| e.about(store.describe()))?;
    Ok(leftovers)
}
