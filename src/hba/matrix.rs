//! What came out of an evaluation.

use std::sync::Arc;

use super::interval::{AddressClass, Interval};
use super::rule::Method;
use super::words::Transport;

/// Places in a list of the [`World`](super::World), in order.
pub type Places = Arc<[u32]>;

/// Databases of a cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DbSet {
    /// Databases: places in `World::databases`, in order.
    Databases(Places),
    /// Physical replication, which is of no database.
    Replication,
}

/// Connections that one rule decides: any of the roles, to any of the
/// databases, from any of the addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Place of the rule in `Config::rules`.
    pub rule: usize,
    /// How they arrive.
    pub transport: Transport,
    /// What the rule asks for.
    pub method: Method,
    /// Where they go.
    pub databases: DbSet,
    /// As whom: places in `World::roles`, in order. All can log in; for
    /// replication they may replicate or are superusers.
    pub roles: Places,
    /// Where they come from, in order, IPv4 first; none for the socket.
    pub addresses: Arc<[Interval]>,
    /// Whether the rule fits them is not known here (host name, `samenet`,
    /// regular expression, a file that was not captured, GSSAPI unknown).
    pub maybe: bool,
    /// An earlier rule, of which it is not known whether it fits, or a file
    /// that was not captured, may decide some of them instead.
    pub contested: bool,
}

impl Cell {
    /// Whether anybody can enter here.
    pub fn accepts(&self) -> bool {
        self.method.accepts()
    }

    /// The farthest class of its addresses; `None` for the socket.
    pub fn class(&self) -> Option<AddressClass> {
        Interval::widest(&self.addresses)
    }

    /// How many addresses.
    pub fn count(&self) -> u128 {
        Interval::total(&self.addresses)
    }

    /// Whether it is reached from beyond the host itself.
    pub fn is_remote(&self) -> bool {
        self.class().is_some_and(|c| c > AddressClass::Loopback)
    }
}

/// How sure it is that a rule is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Only if rules before it fit, of which that is not known here.
    Possibly,
    /// Whatever host names and patterns mean.
    Surely,
}

/// Why a rule decides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dead {
    /// The rules at these places in `Config::rules` are asked before it, and
    /// take all that it could.
    Shadowed(Vec<usize>),
    /// It fits no role that can log in, or no database that there is.
    NobodyThere,
    /// The server does not offer its transport.
    NoTransport,
}

/// A rule that is first nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadRule {
    /// Place of the rule in `Config::rules`.
    pub rule: usize,
    /// How sure that is.
    pub certainty: Certainty,
    /// Why.
    pub why: Dead,
}

/// Who can enter from where as what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matrix {
    /// All that some rule decides; what is in no cell is refused.
    pub cells: Vec<Cell>,
    /// Rules that are first nowhere, in order.
    pub dead: Vec<DeadRule>,
    /// Why this is not the whole truth, in words; empty where it is.
    pub gaps: Vec<String>,
}

impl Matrix {
    /// Whether everything was evaluated. Where it was not, the absence of a
    /// cell proves nothing.
    pub fn is_whole(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Cells by which somebody can enter.
    pub fn accepting(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|c| c.accepts())
    }
}
