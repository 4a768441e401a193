//! An earlier look: what of it can be compared.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Telling;
use crate::exposure::outcome::{Exposure, saw_all, severity_of};
use crate::exposure::{Plane, Severity};

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
    /// Credentials by tag, and when each was first seen; `None` where nobody looked
    /// for them under this host's key.
    pub credentials: BTreeMap<String, Timestamp>,
    /// Columns of each class of data, by object as told; `None` where not looked for.
    pub classes: Option<BTreeMap<(String, String), u32>>,
    /// Networks that each role came from, as tags; `None` where not known.
    pub networks: Option<BTreeMap<String, BTreeSet<String>>>,
}

/// A finding of an earlier look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFinding {
    /// Its check.
    pub check: String,
    /// How bad it was.
    pub severity: Severity,
    /// What it said.
    pub said: Said,
}

/// What a finding said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// In the words of a report.
    Words(String),
    /// A tag of it.
    Tag(String),
}

impl Said {
    /// Whether it is what `message` says now.
    pub fn is(&self, message: &str, telling: &Telling<'_>) -> bool {
        match self {
            Self::Words(words) => *words == message || *words == telling.text(message),
            Self::Tag(tag) => *tag == telling.tag(message),
        }
    }
}

impl Past {
    /// What an earlier report tells that ended at `at`. `None` where it was written
    /// under another host's key: then it cannot be told which finding is which.
    pub fn of(exposure: &Exposure, at: Timestamp, telling: &Telling<'_>) -> Option<Self> {
        let same_key = exposure.key_id.as_deref() == Some(telling.key_id().as_str());
        let all = || exposure.checks.iter().flat_map(|c| c.findings.iter().map(move |f| (c, f)));
        if !same_key && all().any(|(_, f)| !f.fingerprint.starts_with("x1:")) {
            return None;
        }
        let finding = |(check, f): (&crate::checks::CheckResult, &crate::checks::Finding)| {
            let told = PastFinding {
                check: check.id.clone(),
                severity: severity_of(check, f),
                said: Said::Words(f.message.clone()),
            };
            (telling.print(&f.fingerprint), told)
        };
        let credentials = exposure.credentials.iter().filter(|_| same_key).map(|c| (c.tag.clone(), c.first_seen));
        Some(Self {
            at,
            ruleset: exposure.ruleset,
            planes: exposure.planes.clone(),
            saw: exposure.checks.iter().filter(|c| saw_all(c)).map(|c| c.id.clone()).collect(),
            findings: all().map(finding).collect(),
            credentials: credentials.collect(),
            classes: same_key.then(|| exposure.classes()).flatten(),
            networks: None,
        })
    }
}
