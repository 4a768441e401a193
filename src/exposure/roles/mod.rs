//! What roles can do once they are in, and how they prove who they are.

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
