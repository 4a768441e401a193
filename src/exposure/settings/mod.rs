//! How the server is run: logs, dangerous settings, replication, versions.

use super::look::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
