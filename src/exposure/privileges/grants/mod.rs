//! Privileges on objects.
//!
//! | file | check |
//! |---|---|
//! | [`public`] | EXP-PRIV-001: what everybody may do with tables and sequences |
//! | [`schemas`] | EXP-PRIV-002: where everybody may create |
//! | [`defaults`] | EXP-PRIV-003: what is granted on objects to come |
//! | [`databases`] | EXP-PRIV-004: who may come into a database |
//! | [`system`] | EXP-PRIV-005: what was granted on the system's own objects |
//! | [`parameters`] | EXP-PRIV-006: who may change settings of superusers |
//! | [`passing_on`] | EXP-PRIV-007: grant options, and privileges that owners need only |
//! | [`read_only`] | EXP-PRIV-008: roles that are read-only by their name |
//! | [`most_logins`] | EXP-PRIV-009: tables that most roles can read |

pub mod databases;
pub mod defaults;
pub mod most_logins;
pub mod parameters;
pub mod passing_on;
pub mod public;
pub mod read_only;
pub mod schemas;
pub mod system;
