//! What lies in the data: credentials, personal data, files that do not belong there.

use std::path::Path;

use super::look::Check;
use super::policy::Policy;
use super::server::Server;

/// The family's checks.
pub const CHECKS: &[Check] = &[];

/// The files of a restored physical copy. All of it is hostile.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// Its data directory.
    pub data_dir: &'a Path,
    /// Where configuration files were put that must not be in it while it runs.
    pub evidence_dir: &'a Path,
    /// The server it came from.
    pub server: &'a Server,
    /// What the operator declared.
    pub policy: &'a Policy,
    /// Now.
    pub now: jiff::Timestamp,
}
