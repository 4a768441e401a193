//! What changed since the last look, and what did not change for too long.
//!
//! | file | holds |
//! |---|---|
//! | [`telling`] | tags under this host's key |
//! | [`past`] | an earlier look |
//! | [`before`] | the backup that was drilled before |
//! | [`compare`](mod@compare) | findings beside earlier ones |
//! | [`ledger`] | what live audits remember |
//! | [`pairs`] | databases then and now |
//!
//! | file | check |
//! |---|---|
//! | [`powers`] | EXP-DRIFT-001 roles can do more, more is granted to all, row security lets more through |
//! | [`entry`] | EXP-DRIFT-002 access rules let more in |
//! | [`added`] | EXP-DRIFT-003 extensions, languages, hooks and links to other servers were added |
//! | [`schema`] | EXP-DRIFT-004 definitions changed |
//! | [`passwords`] | EXP-AUTH-004 passwords that nobody changed |
//! | [`idle`] | EXP-DRIFT-006 logins that no audit saw |
//! | [`classes`] | EXP-DATA-004 new places of personal data |
//! | [`networks`] | EXP-NET-002 clients from new networks |
//!
//! Not here: EXP-DRIFT-005, a copy that is not what its source was. INT-ROLES,
//! INT-MEMBERS, INT-OWNERS, INT-GRANTS, INT-DEFACL and INT-RLS compare the restored copy with
//! the signed facts of its own snapshot in every drill; beside a live server a copy
//! always differs by what happened since.

pub mod added;
pub mod before;
pub mod classes;
pub mod compare;
pub mod entry;
pub mod idle;
pub mod ledger;
pub mod networks;
pub mod pairs;
pub mod passwords;
pub mod past;
pub mod powers;
pub mod schema;
pub mod telling;

pub use before::Before;
pub use compare::compare;
pub use ledger::Ledger;
pub use past::{Past, PastFinding};
pub use telling::Telling;

use jiff::Timestamp;

use super::Server;
use super::look::Check;
use super::outcome::ReachRow;
use crate::source::facts::DatabaseFacts;
use crate::types::Known;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    powers::CHECK,
    entry::CHECK,
    added::CHECK,
    schema::CHECK,
    passwords::CHECK,
    idle::CHECK,
    classes::CHECK,
    networks::CHECK,
];

/// What earlier looks saw, beside what is seen now.
#[derive(Debug)]
pub struct History<'a> {
    /// The server as it is now.
    pub now: &'a Server,
    /// Its databases by the signed facts of the backup that is looked at; a live
    /// look has none.
    pub databases: Known<&'a [DatabaseFacts]>,
    /// The backup that was drilled before this one.
    pub before: Known<&'a Before>,
    /// Earlier looks, the oldest first.
    pub past: &'a [Past],
    /// The picture of who can reach what, with the classes of data that were found.
    pub reach: &'a [ReachRow],
    /// Makes tags.
    pub telling: Telling<'a>,
    /// Now.
    pub at: Timestamp,
}
