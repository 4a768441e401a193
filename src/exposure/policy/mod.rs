//! What the operator declared: how things are meant to be, what is accepted and
//! for how long, and what ends a run.

use super::Severity;
use super::look::Check;

/// Checks of the declarations themselves.
pub const CHECKS: &[Check] = &[];

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
        let words =
            ["tenant", "org", "organisation", "organization", "account", "customer", "company", "workspace", "team"];
        Self {
            fail_on: Severity::High,
            required: Vec::new(),
            expect: Expect::default(),
            tenant_columns: words.map(str::to_owned).to_vec(),
            guess_passwords: true,
        }
    }
}

impl Policy {
    /// Whether this role is declared an admin; `None` where none are declared.
    pub fn is_admin(&self, role: &str) -> Option<bool> {
        self.expect.admins.as_ref().map(|all| all.iter().any(|a| a == role))
    }
}
