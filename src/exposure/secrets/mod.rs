//! What lies in the data: credentials, personal data, files that do not belong there.
//!
//! No secret and no row value leaves a look: what stands in a finding is which
//! kinds there are and where ([`spotted`]); what goes into the rotation inventory is
//! an HMAC.
//!
//! | file | checks |
//! |---|---|
//! | [`catalog::mappings`] | SECR-001: passwords of user mappings and foreign servers |
//! | [`catalog::subscriptions`] | SECR-002: passwords of subscriptions |
//! | [`catalog::settings`] | SECR-003: secrets in settings that every login can read |
//! | [`catalog::commands`] | SECR-004: secrets in commands and connection strings of the server |
//! | [`catalog::code`] | SECR-005: secrets in functions, views, comments, defaults |
//! | [`files::stray`] | SECR-006: files that do not belong into a data directory |
//! | [`files::logs`] | SECR-007: secrets in logs |
//! | [`files::logins`] | LOG-006: failed logins in logs |
//! | [`files::certificate`] | TLS-003: the server's certificate |
//! | [`inventory`] | SECR-008: what to rotate if a backup leaks |
//! | [`data::reachable`] | DATA-001: classes of data, and who can read them |
//! | [`data::clear`] | DATA-002: secrets that are stored as they are |
//! | [`data::statistics`] | DATA-003: values in the planner's statistics |
//!
//! | file | holds |
//! |---|---|
//! | [`spotted`] | what was seen in one text, without the text |
//! | [`files::tree`] | walks and reads a copy's files, and follows nothing |
//! | [`data::sample`] | samples tables of the copy |
//!
//! Not here: EXP-DATA-004, which compares with the last look ([`super::drift`]); the
//! inventory of classes that it compares is [`super::outcome::ReachRow::classes`].

use std::path::Path;

use super::Collector;
use super::look::Check;
use super::policy::Policy;
use super::server::Server;

pub mod catalog;
pub mod data;
pub mod files;
pub mod inventory;
pub mod spotted;

pub use data::sample::Sample;
pub use spotted::Spotted;

/// The family's checks. The inventory comes behind those that find what it counts.
pub const CHECKS: &[Check] = &[
    catalog::mappings::CHECK,
    catalog::subscriptions::CHECK,
    catalog::settings::CHECK,
    catalog::commands::CHECK,
    catalog::code::CHECK,
    files::stray::CHECK,
    files::logs::CHECK,
    inventory::CHECK,
    data::reachable::CHECK,
    data::clear::CHECK,
    data::statistics::CHECK,
    files::logins::CHECK,
    files::certificate::CHECK,
];

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
    /// Takes what is found beside findings, where somebody wants it.
    pub collector: Option<&'a Collector>,
}
