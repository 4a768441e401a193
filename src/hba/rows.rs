//! The matrix as a table for people: who can enter from where as what.

use super::interval::{AddressClass, Interval};
use super::matrix::{Cell, DbSet, Matrix};
use super::rule::Method;
use super::words::Transport;
use super::world::World;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Place of the rule in `Config::rules`.
    pub rule: usize,
    /// What it asks for.
    pub method: Method,
    /// How one arrives.
    pub transport: Transport,
    /// As whom: places in `World::roles`.
    pub roles: Vec<u32>,
    /// Where to.
    pub databases: DbSet,
    /// From where; none for the socket.
    pub addresses: Vec<Interval>,
    /// A superuser is among the roles.
    pub superuser: bool,
    /// See [`Cell::maybe`].
    pub maybe: bool,
    /// See [`Cell::contested`].
    pub contested: bool,
}

impl Matrix {
    /// The accepting cells, the most dangerous first: by what is asked for, how
    /// far away one may be, whether a superuser can enter.
    pub fn entry_rows(&self, world: &World<'_>) -> Vec<EntryRow> {
        let _ = world;
        Vec::new()
    }

    /// The easiest way in for any of these roles (places in `World::roles`).
    pub fn path_of_least_resistance(&self, roles: &[usize]) -> Option<&Cell> {
        let _ = roles;
        None
    }
}

/// How easily one enters by a method; more is easier.
pub fn ease(method: Method, transport: Transport, class: Option<AddressClass>) -> u8 {
    let _ = (method, transport, class);
    0
}
