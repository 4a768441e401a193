//! What roles can do once they are in, and how they prove who they are.

pub mod verifier;

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
