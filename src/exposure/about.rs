//! What is told of a check, wherever it is told: report, page, `audit explain`.

use crate::checks::Severity;

/// Where something is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// A live server, over SQL with the backup role.
    Live,
    /// The posture that was sealed with a backup.
    Posture,
    /// A restored copy, in its sealed instance.
    Copy,
    /// The store, with what lies in it.
    Trail,
    /// The hosts and the configuration of pgseal itself.
    House,
}

impl Plane {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Live, Self::Posture, Self::Copy, Self::Trail, Self::House];

    /// The word used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Posture => "posture",
            Self::Copy => "copy",
            Self::Trail => "trail",
            Self::House => "house",
        }
    }
}

/// One check, for people.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// `EXP-HBA-001`: stable, never reused.
    pub id: &'static str,
    /// What holds where there is no finding, as a statement: "no role enters
    /// over the network without authentication".
    pub title: &'static str,
    /// How bad a finding usually is; a finding may say otherwise.
    pub severity: Severity,
    /// Where it can be decided.
    pub planes: &'static [Plane],
    /// Sections of the guide that it answers, 1 to 25 (see [`super::catalogue::GUIDE`]).
    pub guide: &'static [u8],
    /// Numbers in public catalogues: `CIS 5.4`, `SRG-APP-000023`. Ids only.
    pub refs: &'static [&'static str],
    /// What goes wrong where it is not so, in two or three sentences.
    pub why: &'static str,
    /// What is looked at, and what makes a finding.
    pub inspects: &'static str,
    /// How to mend it; the remedy of a finding that has none of its own.
    pub remedy: &'static str,
    /// When a finding is none, and what to do then.
    pub false_positives: &'static str,
    /// Where the rule comes from: a page of PostgreSQL's manual, a CVE, an RFC.
    pub source: &'static str,
}

impl About {
    /// `HBA` of `EXP-HBA-001`.
    pub fn family(&self) -> &'static str {
        self.id.split('-').nth(1).unwrap_or(self.id)
    }
}
