//! Who can come in, from where, how: access rules, listeners, TLS.

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
