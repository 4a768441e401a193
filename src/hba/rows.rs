//! The matrix as a table for people: who can enter from where as what.

use std::collections::HashMap;
use std::sync::Arc;

use super::interval::{AddressClass, Interval};
use super::matrix::{Cell, DbSet, Matrix, Places};
use super::rule::Method;
use super::words::Transport;
use super::world::World;

/// One line of the table: an accepting cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Place of the rule in `Config::rules`.
    pub rule: usize,
    /// What it asks for.
    pub method: Method,
    /// Kinds of transport by which all the rest is the same.
    pub transports: Vec<Transport>,
    /// As whom: places in `World::roles`.
    pub roles: Places,
    /// Where to.
    pub databases: DbSet,
    /// From where; none for the socket.
    pub addresses: Arc<[Interval]>,
    /// A superuser is among the roles.
    pub superuser: bool,
    /// See [`Cell::maybe`].
    pub maybe: bool,
    /// See [`Cell::contested`].
    pub contested: bool,
}

impl EntryRow {
    /// The farthest class of its addresses; `None` for the socket.
    pub fn class(&self) -> Option<AddressClass> {
        Interval::widest(&self.addresses)
    }

    /// How dangerous: what little is asked for, how far away one may be, and
    /// what one gets. Only for sorting.
    pub fn danger(&self) -> u32 {
        let easiest = self.transports.iter().map(|t| ease(self.method, *t)).max().unwrap_or(0);
        let gain = u32::from(self.superuser || self.databases == DbSet::Replication);
        u32::from(easiest) * 2 + distance(self.class()) * 3 + gain * 3
    }
}

impl Matrix {
    /// The accepting cells, the most dangerous first. Cells that differ in their transport alone are one row.
    pub fn entry_rows(&self, world: &World<'_>) -> Vec<EntryRow> {
        let superuser = |roles: &[u32]| roles.iter().any(|r| world.roles.get(*r as usize).is_some_and(|r| r.superuser));
        let mut rows: Vec<EntryRow> = Vec::new();
        let mut known: HashMap<_, usize> = HashMap::new();
        for cell in self.accepting() {
            let alike = (cell.rule, &cell.roles, &cell.databases, &cell.addresses, cell.maybe, cell.contested);
            if let Some(at) = known.get(&alike) {
                rows[*at].transports.push(cell.transport);
                continue;
            }
            known.insert(alike, rows.len());
            rows.push(EntryRow {
                rule: cell.rule,
                method: cell.method,
                transports: vec![cell.transport],
                roles: cell.roles.clone(),
                databases: cell.databases.clone(),
                addresses: cell.addresses.clone(),
                superuser: superuser(&cell.roles),
                maybe: cell.maybe,
                contested: cell.contested,
            });
        }
        // What is sure before what is not, and more addresses before fewer.
        rows.sort_by_cached_key(|row| {
            let count = Interval::total(&row.addresses);
            (std::cmp::Reverse((row.danger(), !row.maybe, count, row.roles.len())), row.rule)
        });
        rows
    }

    /// The easiest way in as any of these roles (places in `World::roles`):
    /// what asks for least, then from farthest away. Nobody can enter as them
    /// where there is none, if the matrix [is whole](Matrix::is_whole).
    pub fn path_of_least_resistance(&self, roles: &[usize]) -> Option<&Cell> {
        let has = |cell: &&Cell| roles.iter().any(|r| cell.roles.binary_search(&(*r as u32)).is_ok());
        self.accepting().filter(has).max_by_key(|c| {
            (ease(c.method, c.transport), distance(c.class()), !c.maybe, c.count(), usize::MAX - c.rule)
        })
    }
}

/// How easily one enters by a method; more is easier, 0 is never.
pub fn ease(method: Method, transport: Transport) -> u8 {
    let readable = transport == Transport::Plain;
    match method {
        Method::Reject => 0,
        Method::Cert | Method::Gss | Method::Sspi | Method::OAuth | Method::Peer => 1,
        Method::Scram => 2,
        m if m.clear_text() && readable => 5,
        Method::Ident => 4,
        Method::Trust => 6,
        _ => 3,
    }
}

/// From the host itself to the internet.
fn distance(class: Option<AddressClass>) -> u32 {
    match class {
        None | Some(AddressClass::Loopback) => 0,
        Some(AddressClass::LinkLocal | AddressClass::Private | AddressClass::Ula) => 1,
        Some(AddressClass::Cgnat) => 2,
        Some(AddressClass::Global) => 3,
    }
}
