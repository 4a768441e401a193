//! Logical or physical.

use serde::{Deserialize, Serialize};

/// `logical` (pg_dump) or `physical` (pg_basebackup).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// pg_dump streams.
    Logical,
    /// A pg_basebackup tar stream.
    Physical,
}

impl Kind {
    /// The word used in configuration and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logical => "logical",
            Self::Physical => "physical",
        }
    }
}
