//! Our own house: configuration, keys, jobs and leftovers on this host.

use super::look::Check;
use super::policy::Policy;

/// The family's checks.
pub const CHECKS: &[Check] = &[];

/// This host and the configuration of pgseal on it.
#[derive(Debug)]
pub struct House<'a> {
    /// What the operator declared.
    pub policy: &'a Policy,
}
