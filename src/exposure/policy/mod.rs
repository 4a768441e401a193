//! What the operator declared: how things are meant to be, what is accepted and
//! for how long, and what ends a run.
//!
//! Thresholds stand in the configuration, `[source.NAME.exposure]`. Waivers and
//! intent stand in files of their own, which an organisation can keep under review:
//!
//! ```toml
//! [[waiver]]
//! check = "EXP-HBA-007"
//! match = { object = "rule host shop app 172.16.0.0/12 scram-sha-256" }   # or { glob = "…" }; or fp = "x1:…"
//! reason = "pod network, narrowed by NetworkPolicy db-ingress"
//! owner = "platform@example.org"
//! ticket = "SEC-214"
//! expires = 2027-02-01             # its last day; at most 180 days ahead, 30 for what is critical
//!
//! [expect]
//! admins = ["postgres"]            # roles that may be superusers
//! dump_role = "backup"             # the role that backups are taken with
//! services = ["app", "worker"]     # roles of programs: those that need no expiry
//! extensions = ["pgcrypto"]        # extensions that may be installed
//! replicas = ["10.1.0.7/32"]       # addresses of standbys
//! ```
//!
//! A waived finding stays in the report with its severity, its reason and its end.
//! Waivers are judged themselves: what they may not do they do not.
//!
//! | file | holds |
//! |---|---|
//! | [`declared`] | reads the files |
//! | [`network`] | addresses of standbys |
//! | [`waiver`] | one waiver: what it is about, and whether it is in force |
//! | [`glob`] | patterns of objects |
//! | [`apply`] | waives what is waived |
//! | [`baseline`](mod@baseline) | waivers for what a report holds |
//!
//! | file | check |
//! |---|---|
//! | [`governance`] | EXP-GOV-001 expired waivers, 002 waivers of nothing, 003 waivers that may not stand |
//! | [`intent`] | EXP-GOV-004 declared roles, 005 declared standbys that are not there |
//!
//! Not here: declared extensions that are in no database. The list says what may
//! be installed, not what must be.

pub mod apply;
pub mod baseline;
pub mod declared;
pub mod glob;
pub mod governance;
pub mod intent;
pub mod network;
pub mod waiver;

pub use apply::waive;
pub use baseline::baseline;
pub use governance::Declared;
pub use waiver::WaiverRule;

use super::look::Check;
use super::{Severity, catalogue};
use crate::config::origin::nearest;
use crate::config::schema;
use crate::error::{Code, Error, Result, Stage};
use crate::types::Digest;

/// Checks of the declarations themselves.
pub const CHECKS: &[Check] =
    &[governance::EXPIRED, governance::UNMATCHED, governance::IMPROPER, intent::ROLES, intent::REPLICAS];

/// Checks whose findings nobody can waive: an open store, a backup that is not
/// encrypted, and a key beside what it opens are no matter of taste.
pub const UNWAIVABLE: [&str; 4] = ["EXP-STO-001", "EXP-BKP-001", "EXP-KEY-001", "EXP-KEY-006"];

/// Everything the operator declared for one source.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Findings of this severity or worse end a run with 52; default high.
    pub fail_on: Severity,
    /// Checks (ids, or families as `EXP-HBA-*`) that must be evaluated: 53 where
    /// one of them could not be.
    pub required: Vec<String>,
    /// How things are meant to be; `None` where it was not declared.
    pub expect: Expect,
    /// What is accepted.
    pub waivers: Vec<WaiverRule>,
    /// SHA-256 of the files that waivers and intent come from, one after the other.
    pub declarations: Option<Digest>,
    /// Names of columns that tell tenants apart, as whole names without `_id`, `_uuid`.
    pub tenant_columns: Vec<String>,
    /// Whether obvious passwords are tried on the copy's verifiers.
    pub guess_passwords: bool,
}

/// `[expect]`: intent, checked both ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Roles that may be superusers.
    pub admins: Option<Vec<String>>,
    /// The role that backups are taken with.
    pub dump_role: Option<String>,
    /// Roles of services: those that need no expiry.
    pub services: Option<Vec<String>>,
    /// Extensions that may be installed.
    pub extensions: Option<Vec<String>>,
    /// Addresses of standbys, CIDR.
    pub replicas: Option<Vec<String>>,
}

impl Default for Policy {
    fn default() -> Self {
        let usual = schema::Exposure::default();
        Self {
            fail_on: usual.fail_on,
            required: usual.required,
            expect: Expect::default(),
            waivers: Vec::new(),
            declarations: None,
            tenant_columns: usual.tenant_columns,
            guess_passwords: usual.guess_passwords,
        }
    }
}

impl Policy {
    /// Reads the declarations that the configuration names.
    ///
    /// # Errors
    /// 2 where a file is missing, unsafe or wrong, or a check is named that there is not.
    pub fn load(config: &schema::Exposure) -> Result<Self> {
        for pattern in &config.required {
            if !catalogue::all().any(|c| names(pattern, c.about.id)) {
                let e = Error::new(Code::Usage, Stage::Config, "there is no such check").on(pattern.clone());
                return Err(match nearest(pattern, catalogue::all().map(|c| c.about.id)) {
                    Some(near) => e.hint(format!("Did you mean {near:?} in source.NAME.exposure.required?")),
                    None => e.hint("Correct source.NAME.exposure.required."),
                });
            }
        }
        let declared = declared::read(&config.declarations)?;
        Ok(Self {
            fail_on: config.fail_on,
            required: config.required.clone(),
            expect: declared.expect,
            waivers: declared.waivers,
            declarations: declared.digest,
            tenant_columns: config.tenant_columns.clone(),
            guess_passwords: config.guess_passwords,
        })
    }

    /// Whether this role is declared an admin; `None` where none are declared.
    pub fn is_admin(&self, role: &str) -> Option<bool> {
        self.expect.admins.as_ref().map(|all| all.iter().any(|a| a == role))
    }
}

/// Whether a pattern (an id, or `EXP-HBA-*`) names this check.
pub fn names(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => id.starts_with(family),
        None => pattern == id,
    }
}

/// Whether the check judges nothing but the waivers: that is no look at anything.
pub fn is_about_waivers(id: &str) -> bool {
    governance::ABOUT_WAIVERS.contains(&id)
}

/// Why findings of a check cannot be waived, where it is so.
pub fn unwaivable(id: &str) -> Option<&'static str> {
    if id.starts_with("ISO-") {
        Some("what a drill proves of its own isolation cannot be waived")
    } else if UNWAIVABLE.contains(&id) {
        Some("its findings cannot be waived: they give backups away")
    } else if is_about_waivers(id) {
        Some("its findings are about waivers: correct those")
    } else {
        None
    }
}
