//! What changed since the last look, and what did not change for too long.

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];

/// What earlier looks saw, beside what is seen now.
#[derive(Debug)]
pub struct History<'a> {
    /// The server as it is now.
    pub now: &'a super::Server,
}
