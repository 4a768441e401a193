//! From what rules decide to cells: what is alike becomes one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::classes::Classes;
use super::evaluate::{Limits, TooMuch};
use super::interval::Interval;
use super::matrix::{Cell, DbSet, Places};
use super::parse::Config;
use super::set::Set;
use super::words::Transport;
use super::world::World;

/// What makes two cells different besides roles, databases and addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Kind {
    pub(super) rule: u32,
    pub(super) transport: Transport,
    pub(super) maybe: bool,
    pub(super) contested: bool,
}

/// Values that are each held once.
struct Shelf<T: Eq + Hash> {
    places: HashMap<Arc<T>, u32>,
    all: Vec<Arc<T>>,
}

impl<T: Eq + Hash> Shelf<T> {
    fn new() -> Self {
        Self { places: HashMap::new(), all: Vec::new() }
    }

    fn put(&mut self, value: T) -> u32 {
        if let Some(at) = self.places.get(&value) {
            return *at;
        }
        let value = Arc::new(value);
        let at = self.all.len() as u32;
        self.all.push(value.clone());
        self.places.insert(value, at);
        at
    }

    fn get(&self, at: u32) -> &T {
        &self.all[at as usize]
    }
}

/// A cell of things on shelves.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Flat {
    kind: Kind,
    addresses: u32,
    roles: u32,
    databases: u32,
}

/// All that was decided. Sets are of classes of roles, and of databases (`None`: replication).
pub(super) struct Pile {
    roles: Shelf<Set>,
    databases: Shelf<Option<Set>>,
    raw: HashMap<(Kind, u32, u32), Vec<Interval>>,
}

impl Default for Pile {
    fn default() -> Self {
        Self { roles: Shelf::new(), databases: Shelf::new(), raw: HashMap::new() }
    }
}

impl Pile {
    /// Adds addresses for roles and databases.
    pub(super) fn add(&mut self, kind: Kind, roles: Set, databases: Option<Set>, addresses: &[Interval]) {
        let key = (kind, self.roles.put(roles), self.databases.put(databases));
        self.raw.entry(key).or_default().extend(addresses);
    }

    /// Makes as few cells of it as possible.
    pub(super) fn cells(
        self,
        config: &Config,
        classes: &Classes,
        world: &World<'_>,
        limits: &mut Limits,
    ) -> Result<Vec<Cell>, TooMuch> {
        let Self { mut roles, mut databases, raw } = self;
        let mut addresses: Shelf<Arc<[Interval]>> = Shelf::new();
        let mut flat: Vec<Flat> = Vec::new();
        for ((kind, roles, databases), mut intervals) in raw {
            intervals.sort_unstable();
            flat.push(Flat { kind, addresses: addresses.put(joined(intervals)), roles, databases });
        }
        let (sorts, names) = (classes.all.len(), world.databases.len());
        // Uniting databases can make roles alike, and the other way round.
        for round in 0..3 {
            let by_roles = round % 2 == 1;
            let mut alike: HashMap<Flat, Vec<u32>> = HashMap::new();
            for f in flat.drain(..) {
                let (key, value) = if by_roles {
                    (Flat { roles: 0, ..f }, f.roles)
                } else if databases.get(f.databases).is_none() {
                    (f, f.databases)
                } else {
                    (Flat { databases: u32::MAX, ..f }, f.databases)
                };
                alike.entry(key).or_default().push(value);
            }
            for (key, of) in alike {
                flat.push(if by_roles {
                    Flat { roles: merged(&of, &mut roles, sorts, |s| Some(s), |s| s, limits)?, ..key }
                } else {
                    Flat { databases: merged(&of, &mut databases, names, Option::as_ref, Some, limits)?, ..key }
                });
            }
        }
        let mut places: HashMap<u32, Places> = HashMap::new();
        let mut lists: HashMap<u32, DbSet> = HashMap::new();
        let mut out = Vec::new();
        for f in flat {
            let roles = places.entry(f.roles).or_insert_with(|| {
                let of = roles.get(f.roles).list(sorts);
                let mut all: Vec<u32> = of.iter().flat_map(|c| &classes.all[*c as usize].roles).copied().collect();
                all.sort_unstable();
                limits.held += all.len() as u64;
                all.into()
            });
            let databases = lists.entry(f.databases).or_insert_with(|| match databases.get(f.databases) {
                None => DbSet::Replication,
                Some(set) => {
                    limits.held += set.cost();
                    DbSet::Databases(set.list(names).into())
                }
            });
            out.push(cell(f.kind, databases.clone(), roles.clone(), addresses.get(f.addresses).clone(), config));
            limits.held += 8;
            limits.check()?;
        }
        out.sort_unstable_by(|a, b| {
            let key = |c: &Cell| (c.rule, c.transport, c.maybe, c.contested);
            key(a)
                .cmp(&key(b))
                .then_with(|| (&a.databases, &a.roles, &a.addresses).cmp(&(&b.databases, &b.roles, &b.addresses)))
        });
        Ok(out)
    }
}

/// The union of sets on a shelf, on it.
fn merged<T: Eq + Hash>(
    of: &[u32],
    shelf: &mut Shelf<T>,
    count: usize,
    look: impl Fn(&T) -> Option<&Set>,
    make: impl Fn(Set) -> T,
    limits: &mut Limits,
) -> Result<u32, TooMuch> {
    if let [one] = of {
        return Ok(*one);
    }
    let mut all: Vec<u32> = of.iter().filter_map(|at| look(shelf.get(*at))).flat_map(|s| s.list(count)).collect();
    limits.held += all.len() as u64;
    limits.check()?;
    all.sort_unstable();
    all.dedup();
    Ok(shelf.put(make(if all.len() == count { Set::All } else { Set::Some(all) })))
}

fn cell(kind: Kind, databases: DbSet, roles: Places, addresses: Arc<[Interval]>, config: &Config) -> Cell {
    let rule = kind.rule as usize;
    Cell {
        rule,
        transport: kind.transport,
        method: config.rules[rule].method,
        databases,
        roles,
        addresses,
        maybe: kind.maybe,
        contested: kind.contested,
    }
}

/// Intervals in order, neighbours as one.
fn joined(intervals: Vec<Interval>) -> Arc<[Interval]> {
    let mut out: Vec<Interval> = Vec::with_capacity(intervals.len());
    for next in intervals {
        match out.last_mut() {
            Some(last) if last.meets(&next) => last.to = next.to,
            _ => out.push(next),
        }
    }
    out.into()
}
