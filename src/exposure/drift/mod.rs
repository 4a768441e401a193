//! What changed since the last look, and what did not change for too long.
//!
//! | file | holds |
//! |---|---|
//! | [`telling`] | how this host's reports tell things |
//! | [`past`] | an earlier look |
//! | [`compare`](mod@compare) | findings beside earlier ones |

pub mod compare;
pub mod past;
pub mod telling;

pub use compare::compare;
pub use past::{Past, PastFinding, Said};
pub use telling::{Plain, Telling, Words};

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];

/// What earlier looks saw, beside what is seen now.
#[derive(Debug)]
pub struct History<'a> {
    /// The server as it is now.
    pub now: &'a super::Server,
}
