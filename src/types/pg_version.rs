//! PostgreSQL versions as `server_version_num` gives them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `150020` is 15.20 (PostgreSQL manual, "server_version_num").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PgVersion(pub u32);

impl PgVersion {
    /// The oldest major that pgseal works with.
    pub const OLDEST: u32 = 13;

    /// `15` of 15.20.
    pub const fn major(self) -> u32 {
        self.0 / 10_000
    }

    /// `20` of 15.20.
    pub const fn minor(self) -> u32 {
        self.0 % 10_000
    }
}

impl fmt::Display for PgVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.minor())
    }
}
