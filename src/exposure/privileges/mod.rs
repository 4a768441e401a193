//! What may be touched: privileges and row security.

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
