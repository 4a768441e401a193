//! The backups themselves: the store, its objects, manifests and recipients.

use super::look::Check;
use super::policy::Policy;

/// The family's checks.
pub const CHECKS: &[Check] = &[];

/// A store and what is known of the backups of one source in it.
#[derive(Debug)]
pub struct Trail<'a> {
    /// What the operator declared.
    pub policy: &'a Policy,
}
