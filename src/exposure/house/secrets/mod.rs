//! Secrets on this host: where they should not be, and who could take them.
//!
//! | file | check |
//! |---|---|
//! | [`arguments`] | EXP-TOOL-001: none among arguments, in cron tables and histories |
//! | [`variables`] | EXP-TOOL-002: none in environments |
//! | [`files`] | EXP-TOOL-003: files with passwords are closed |
//! | [`keys`] | EXP-KEY-002: files with keys are closed |
//! | [`pinned`] | EXP-KEY-005: keys are kept apart, and pinned |
//! | [`identity`] | EXP-KEY-006: no identity lies on the host that writes backups |

pub mod arguments;
pub mod files;
pub mod identity;
pub mod keys;
pub mod pinned;
pub mod variables;
