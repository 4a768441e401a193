//! What came of a look at exposure: part of a drill's report, and the whole of
//! an audit's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::seen::PARTLY;
use super::{Plane, Severity, catalogue};
use crate::checks::result::LISTED;
use crate::checks::{CheckResult, Finding, Outcome};

/// Version of the catalogue. Grades and counts of two runs can be compared only
/// where it is the same.
pub const RULESET: u32 = 1;

/// Most rows of a picture that are told.
pub const ROWS: usize = 1_000;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exposure {
    /// [`RULESET`].
    pub ruleset: u32,
    /// What was looked at.
    pub planes: Vec<Plane>,
    /// When the posture was read that server checks judge; absent where none was.
    #[serde(default)]
    pub posture_at: Option<Timestamp>,
    /// Open findings of this severity or worse end the run with 52.
    pub fail_on: Severity,
    /// Checks that must be evaluated and were not: 53.
    #[serde(default)]
    pub required_open: Vec<String>,
    /// Every check that looked.
    pub checks: Vec<CheckResult>,
    /// The 25 sections of the guide.
    #[serde(default)]
    pub sections: Vec<Section>,
    /// Who can enter from where as what, the worst first, at most 1,000.
    #[serde(default)]
    pub entry: Vec<EntryRow>,
    /// Who can read and write what, the worst first, at most 1,000.
    #[serde(default)]
    pub reach: Vec<ReachRow>,
    /// Credentials that leave with a backup: what to rotate if it leaks.
    #[serde(default)]
    pub credentials: Vec<Credential>,
    /// What changed since the last look; absent where there was none.
    #[serde(default)]
    pub drift: Option<Drift>,
    /// SHA-256 of the declarations (waivers and intent) that were in force, of all
    /// their files one after the other; absent where there are none.
    #[serde(default)]
    pub declarations: Option<crate::types::Digest>,
    /// Names the key of the host that wrote this: tags, and fingerprints of
    /// redacted reports, can be compared only where it is the same.
    #[serde(default)]
    pub key_id: Option<String>,
}

impl Exposure {
    /// How many columns of each class of data there are, by tag of the object.
    /// `None` where that is not told, or not of all objects.
    pub fn classes(&self) -> Option<BTreeMap<(String, String), u32>> {
        let told = !self.reach.is_empty() && self.reach.len() < ROWS;
        let mut all = BTreeMap::new();
        for row in &self.reach {
            for class in row.classes.iter().map(|c| c.rsplit(": ").next().unwrap_or(c)) {
                *all.entry((row.tag.clone()?, class.to_owned())).or_default() += 1;
            }
        }
        told.then_some(all)
    }

    /// Findings that are not waived, each with its check and how bad it is.
    pub fn open(&self) -> impl Iterator<Item = (&CheckResult, &Finding, Severity)> {
        let all = self.checks.iter().flat_map(|c| c.findings.iter().map(move |f| (c, f)));
        all.filter(|(c, f)| !is_waived(c, f)).map(|(c, f)| (c, f, severity_of(c, f)))
    }
}

/// How bad a finding is: as it says itself, else as its check usually is.
pub fn severity_of(check: &CheckResult, finding: &Finding) -> Severity {
    let usual = || catalogue::find(&check.id).map_or(check.severity, |c| c.about.severity);
    finding.severity.unwrap_or_else(usual)
}

/// Whether a finding is accepted.
pub fn is_waived(check: &CheckResult, finding: &Finding) -> bool {
    check.outcome == Outcome::Waived || finding.waiver.is_some()
}

/// The worst open finding of a check. Where not all are listed, one of the others
/// may be as bad as the check says; so it is where it found something and lists
/// nothing that is open.
pub fn worst_open(check: &CheckResult) -> Option<Severity> {
    let open = check.findings.iter().filter(|f| !is_waived(check, f)).map(|f| severity_of(check, f)).max();
    match (check.outcome, open) {
        (Outcome::Finding, Some(worst)) if check.findings.len() < LISTED => Some(worst),
        (Outcome::Finding, _) => Some(check.severity),
        (_, open) => open,
    }
}

/// Whether a check saw all that it looks at. Only then is what it does not say
/// an answer.
pub fn saw_all(check: &CheckResult) -> bool {
    match check.outcome {
        Outcome::Pass | Outcome::NotApplicable => true,
        Outcome::Finding | Outcome::Waived => {
            let partly = check.reason.as_deref().is_some_and(|r| r.contains(PARTLY));
            !partly && !is_cut(check) && check.examined >= check.present
        }
        Outcome::NotEvaluated | Outcome::Error => false,
    }
}

/// Whether a check found more than it lists.
pub fn is_cut(check: &CheckResult) -> bool {
    check.findings.len() >= LISTED && check.reason.is_some()
}

/// One section of the guide. No average: the worst open finding is the grade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// 1 to 25.
    pub number: u8,
    /// `A` (nothing open) to `E` (critical), `?` where too little was evaluated.
    pub grade: Grade,
    /// Checks of the section in the whole catalogue.
    pub checks: u32,
    /// Those that were evaluated here, one way or the other.
    pub evaluated: u32,
    /// Open findings.
    pub open: u32,
    /// Findings that are waived.
    pub waived: u32,
}

/// The worst open finding of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// Nothing open, or nothing worse than information.
    A,
    /// Low.
    B,
    /// Medium.
    C,
    /// High.
    D,
    /// Critical.
    E,
    /// Less than four fifths of its checks were evaluated, and nothing high or
    /// critical is open.
    #[serde(rename = "?")]
    Unknown,
}

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryRow {
    /// Addresses in words: `socket`, `127.0.0.0/8`, `the IPv4 internet`.
    pub from: String,
    /// `loopback`, `private`, `global`, … the widest class in it.
    pub class: String,
    /// How many addresses; a string, it may exceed 2^64. `0` for a socket.
    pub addresses: String,
    /// `socket`, `plain`, `tls` or `gss`.
    pub transport: String,
    /// `scram-sha-256`, `trust`, …
    pub method: String,
    /// Roles, at most 20 by name.
    pub roles: Vec<String>,
    /// How many roles.
    pub role_count: u32,
    /// Whether one of them is effectively a superuser.
    pub superuser: bool,
    /// Databases, at most 20 by name; `replication` among them.
    pub databases: Vec<String>,
    /// The rule, normalised.
    pub rule: String,
    /// Whether that depends on what cannot be known here (a host name, say).
    pub maybe: bool,
}

/// Who can do what with one table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReachRow {
    /// `database shop: table public.customers`.
    pub object: String,
    /// A tag of it under the key of the host that wrote this.
    #[serde(default)]
    pub tag: Option<String>,
    /// Classes of data found in it, by column: `email: contact`.
    pub classes: Vec<String>,
    /// Login roles that can read it; superusers are left out.
    pub readers: u32,
    /// Login roles that can change it.
    pub writers: u32,
    /// All login roles that are no superusers.
    pub logins: u32,
    /// Whether every role can (a grant to PUBLIC).
    pub public: bool,
    /// From where its readers can enter, the widest class: `global`, …
    #[serde(default)]
    pub widest_entry: Option<String>,
    /// Whether one of them can without encryption.
    #[serde(default)]
    pub without_tls: Option<bool>,
}

/// A credential that is in a backup. Never the credential itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// `password of role app`, `database shop: user mapping of app on server peer`.
    pub object: String,
    /// `scram verifier`, `aws access key`, …
    pub kind: String,
    /// HMAC under a key of this host: the same while the credential is.
    pub tag: String,
    /// When a look first saw it.
    pub first_seen: Timestamp,
}

/// The findings beside those of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// When the last look was.
    pub since: Timestamp,
    /// Findings that are new.
    pub new: u32,
    /// The same as then.
    pub unchanged: u32,
    /// Of the same object, but other than then.
    pub changed: u32,
    /// Were there, and their check looked and found them no more.
    pub fixed: u32,
    /// Were there, and their check could not look: never "fixed".
    pub unknown: u32,
}

/// What a look finds beside findings; collected by the checks of one run.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    /// See [`Exposure::entry`].
    pub entry: Vec<EntryRow>,
    /// See [`Exposure::reach`].
    pub reach: Vec<ReachRow>,
    /// See [`Exposure::credentials`]; `first_seen` is now.
    pub credentials: Vec<Credential>,
}
