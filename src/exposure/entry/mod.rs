//! Who can come in, from where, how: access rules, listeners, TLS.
//!
//! The access rules are evaluated as the server does it ([`crate::hba`]): what is
//! judged is who gets in, not how a line looks.
//!
//! | file | checks |
//! |---|---|
//! | [`trust`] | HBA-001: nobody enters unasked |
//! | [`internet`] | HBA-002: nothing for the whole internet |
//! | [`superuser`] | HBA-003: no superuser over the network |
//! | [`clear_text`] | HBA-004: no password that can be read or is as good as one |
//! | [`replication`] | HBA-005: the whole cluster for few |
//! | [`unencrypted`] | HBA-006: no plain connection |
//! | [`wide`] | HBA-007: no needless networks |
//! | [`unsure`] | HBA-008: no rule that believes others |
//! | [`socket`] | HBA-009: the socket, too |
//! | [`maps`] | HBA-010: no map that makes anybody somebody |
//! | [`dead`] | HBA-011: every rule has a use |
//! | [`unloaded`] | HBA-012: the file is what the server runs with |
//! | [`unresolved`] | HBA-013: all of it was seen |
//! | [`everything`] | HBA-014: not every role to every database |
//! | [`listen`] | NET-001: where the server listens |
//! | [`tls`] | TLS-001, 002: TLS is on, and of this decade |
//! | [`sessions`] | TLS-004: who is connected without it |
//!
//! NET-002 compares with the last look and stands in [`super::drift`]; TLS-003 reads
//! files and stands in [`super::secrets`]; TLS-005 is of our own connections, in
//! [`super::house`].

use super::Server;
use super::access::{Access, Hit};
use super::look::Check;
use super::{Found, Plane, Seen};
use crate::hba::Cell;

pub mod clear_text;
pub mod dead;
pub mod everything;
pub mod internet;
pub mod listen;
pub mod maps;
pub mod replication;
pub mod sessions;
pub mod socket;
pub mod superuser;
pub mod tls;
pub mod trust;
pub mod unencrypted;
pub mod unloaded;
pub mod unresolved;
pub mod unsure;
pub mod wide;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    trust::CHECK,
    internet::CHECK,
    superuser::CHECK,
    clear_text::CHECK,
    replication::CHECK,
    unencrypted::CHECK,
    wide::CHECK,
    unsure::CHECK,
    socket::CHECK,
    maps::CHECK,
    dead::CHECK,
    unloaded::CHECK,
    unresolved::CHECK,
    everything::CHECK,
    listen::CHECK,
    tls::ON,
    tls::STRENGTH,
    sessions::CHECK,
];

/// Where access rules can be judged: the restored copy runs with ours, so a
/// drill judges those that were sealed with the backup.
const PLANES: &[Plane] = &[Plane::Live, Plane::Posture, Plane::Copy];

/// A check of the evaluated rules: one finding for each rule that lets in
/// somebody whom `wanted` fits.
fn by_rule(
    server: &Server,
    wanted: impl Fn(&Access, &Cell) -> bool,
    found: impl Fn(&Access, &Hit<'_>) -> Option<Found>,
) -> Seen {
    let access = match server.access() {
        Ok(access) => access,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::all_of(access.config.rules.len());
    seen.open.extend(access.matrix.gaps.iter().cloned());
    for hit in access.hits(|cell| wanted(access, cell)) {
        if let Some(found) = found(access, &hit) {
            seen.add(found);
        }
    }
    seen
}
