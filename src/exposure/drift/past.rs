//! An earlier look: what of it can be compared.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Telling;
use crate::checks::{CheckResult, Finding};
use crate::exposure::outcome::{Exposure, saw_all, severity_of};
use crate::exposure::{Plane, Severity};
use crate::types::Redaction;

/// An earlier look, from a signed report or from this host's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// When.
    pub at: Timestamp,
    /// Version of the catalogue.
    pub ruleset: u32,
    /// Planes that were looked at.
    pub planes: Vec<Plane>,
    /// Checks that saw all that they look at.
    pub saw: BTreeSet<String>,
    /// Findings, by their fingerprint as redacted reports write it.
    pub findings: BTreeMap<String, PastFinding>,
    /// Credentials by tag, and when each was first seen.
    pub credentials: BTreeMap<String, Timestamp>,
    /// Columns of each class of data, by the tag of the object; `None` where not told.
    pub classes: Option<Classes>,
    /// Networks that each role came from, as tags; `None` where not known.
    pub networks: Option<Networks>,
}

/// How many columns of each class of data there are, by tag of the object and class.
pub type Classes = BTreeMap<(String, String), u32>;

/// Networks by role, all of it as tags.
pub type Networks = BTreeMap<String, BTreeSet<String>>;

/// A finding of an earlier look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFinding {
    /// Its check.
    pub check: String,
    /// How bad it was.
    pub severity: Severity,
    /// A tag of what it said.
    pub content: Option<String>,
}

impl Past {
    /// What an earlier report tells that ended at `at`. `None` where it was written
    /// under another host's key: then nothing in it can be told apart.
    pub fn of(exposure: &Exposure, redaction: Redaction, at: Timestamp, telling: &Telling<'_>) -> Option<Self> {
        if exposure.key_id.as_deref() != Some(telling.key_id().as_str()) {
            return None;
        }
        let print = |f: &Finding| match redaction {
            Redaction::None => telling.print(&f.fingerprint),
            Redaction::Names | Redaction::Details => f.fingerprint.clone(),
        };
        let told = findings(exposure).map(|(c, f)| (print(f), PastFinding::of(c, f)));
        Some(Self {
            at,
            ruleset: exposure.ruleset,
            planes: exposure.planes.clone(),
            saw: saw(exposure),
            findings: told.collect(),
            credentials: exposure.credentials.iter().map(|c| (c.tag.clone(), c.first_seen)).collect(),
            classes: exposure.classes(),
            networks: None,
        })
    }
}

impl PastFinding {
    /// Of a finding in a report.
    pub(super) fn of(check: &CheckResult, finding: &Finding) -> Self {
        let (severity, content) = (severity_of(check, finding), finding.content.clone());
        Self { check: check.id.clone(), severity, content }
    }

    /// Whether it is the same that a finding says now.
    pub(super) fn is(&self, severity: Severity, content: &str) -> bool {
        self.severity == severity && self.content.as_deref().is_none_or(|c| c == content)
    }
}

/// All findings with their checks.
pub(super) fn findings(exposure: &Exposure) -> impl Iterator<Item = (&CheckResult, &Finding)> {
    exposure.checks.iter().flat_map(|c| c.findings.iter().map(move |f| (c, f)))
}

/// Checks that saw all that they look at.
pub(super) fn saw(exposure: &Exposure) -> BTreeSet<String> {
    exposure.checks.iter().filter(|c| saw_all(c)).map(|c| c.id.clone()).collect()
}
