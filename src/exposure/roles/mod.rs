//! What roles can do once they are in, and how they prove who they are.
//!
//! | file | checks |
//! |---|---|
//! | [`power`] | ROLE-001 … 006, 013, TOOL-004: superusers, programs and files, row security, other roles, replication, all data |
//! | [`habits`] | ROLE-007 … 012: who hands out roles, owns tables, is shared, expired, unused, unlimited |
//! | [`passwords`] | AUTH-001 … 003, 005, 006: how passwords are stored, guessed, and asked to be |
//!
//! Not here: EXP-AUTH-004 (a password that is unchanged for long) and the part of
//! EXP-ROLE-011 that needs more than one look; both are of [`super::drift`].

use super::look::Check;
use super::{Plane, Policy, Server};
use crate::source::facts::RoleFacts;

pub mod habits;
pub mod passwords;
pub mod power;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    power::superuser::CHECK,
    power::server_files::CHECK,
    power::bypass_rls::CHECK,
    power::create_role::CHECK,
    power::replication::CHECK,
    power::all_data::CHECK,
    habits::admin_option::CHECK,
    habits::owner::CHECK,
    habits::shared::CHECK,
    habits::expiry::CHECK,
    habits::unused::CHECK,
    habits::limits::CHECK,
    power::managed::CHECK,
    passwords::md5::CHECK,
    passwords::obvious::CHECK,
    passwords::encryption::CHECK,
    passwords::rules::CHECK,
    passwords::scram::CHECK,
    power::backup_role::CHECK,
];

/// Where roles, and with them this family, can be judged.
const PLANES: &[Plane] = &[Plane::Live, Plane::Posture, Plane::Copy];

/// Whether a role is meant to rule: it is declared so, or nothing is declared and it
/// is the bootstrap superuser.
pub(super) fn is_admin(server: &Server, policy: &Policy, role: &str) -> bool {
    policy.is_admin(role).unwrap_or(role == server.bootstrap)
}

/// Whether backups are taken with this role, or are declared to be.
pub(super) fn is_backup(server: &Server, policy: &Policy, role: &str) -> bool {
    server.backup_role.as_deref() == Some(role) || policy.expect.dump_role.as_deref() == Some(role)
}

/// Login roles that neither are superusers in effect nor are meant to rule.
fn ordinary<'a>(server: &'a Server, policy: &'a Policy) -> impl Iterator<Item = &'a RoleFacts> {
    server.logins().filter(|r| !server.powers.is_super(&r.name) && !is_admin(server, policy, &r.name))
}

/// ` through ops, admin2`; nothing where there is no way to go.
fn through(way: &[String]) -> String {
    if way.is_empty() { String::new() } else { format!(" through {}", way.join(", ")) }
}
