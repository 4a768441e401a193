//! Row security.
//!
//! | file | check |
//! |---|---|
//! | [`tenants`] | EXP-RLS-001: tables of many tenants without row security |
//! | [`inactive`] | EXP-RLS-002: policies that are not in force |
//! | [`always_true`] | EXP-RLS-003: policies that let every row pass |
//! | [`views`] | EXP-RLS-004: views that go round row security |
//! | [`children`] | EXP-RLS-005: partitions that go round it |
//! | [`owners`] | EXP-RLS-006: owners that log in and are not bound by it |
//! | [`no_policy`] | EXP-RLS-007: row security without any policy |
//! | [`identity`] | EXP-RLS-008: policies that believe what the client says |
//! | [`policies`] | policies, as the catalogue has them |
//! | [`constant`], [`literal`] | what an expression can come to |
//!
//! Not here: `row_security = off` for a role or database (half of EXP-RLS-008).
//! A role that policies bind gets an error then instead of rows, and one that they
//! do not bind sees the same as before: nothing is exposed by it.

pub mod always_true;
pub mod children;
pub mod constant;
pub mod identity;
pub mod inactive;
pub mod literal;
pub mod no_policy;
pub mod owners;
pub mod policies;
pub mod tenants;
pub mod views;

use super::super::relations::Relation;
use super::super::{Database, Seen};

/// Where a database has no table of the kind that is looked at.
fn none(db: &Database<'_>, what: &str) -> Seen {
    Seen::not_applicable(format!("database {} has no {what}", db.name))
}

/// Tables that have row security.
fn secured(relations: &super::super::relations::Relations) -> impl Iterator<Item = &Relation> {
    relations.own().filter(|r| r.is_table() && r.row_security)
}
