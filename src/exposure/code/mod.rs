//! What runs inside: functions, languages, extensions.

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
