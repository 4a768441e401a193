//! From lists of rules to cells: what is alike becomes one.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use super::classes::Class;
use super::evaluate::{Limits, TooMuch, offered};
use super::fit::Fit;
use super::interval::Interval;
use super::matrix::{Cell, DbSet, Places};
use super::networks::Networks;
use super::parse::Config;
use super::shadows::Shadows;
use super::sweep::{Entry, Plane, sweep};
use super::words::Transport;
use super::world::World;

/// Roles and databases that the same list of rules is asked for.
#[derive(Default)]
pub(super) struct Sheet {
    databases: Vec<(u32, Places)>,
    replication: Vec<u32>,
}

impl Sheet {
    /// Adds databases for a class of roles.
    pub(super) fn add(&mut self, class: u32, databases: Places) {
        self.databases.push((class, databases));
    }

    /// Adds physical replication for a class of roles.
    pub(super) fn add_replication(&mut self, class: u32) {
        self.replication.push(class);
    }

    /// Any of these roles to any of these databases, as few times as possible.
    fn rectangles(self, classes: &[Class]) -> Vec<(Places, DbSet)> {
        let roles_of = |of: &[u32]| {
            let mut roles: Vec<u32> = of.iter().flat_map(|c| &classes[*c as usize].roles).copied().collect();
            roles.sort_unstable();
            Places::from(roles)
        };
        let mut by_class: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (class, databases) in &self.databases {
            by_class.entry(*class).or_default().extend(databases.iter());
        }
        let mut by_databases: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
        for (class, mut databases) in by_class {
            databases.sort_unstable();
            by_databases.entry(databases).or_default().push(class);
        }
        let mut out: Vec<(Places, DbSet)> = by_databases
            .into_iter()
            .map(|(databases, of)| (roles_of(&of), DbSet::Databases(databases.into())))
            .collect();
        if !self.replication.is_empty() {
            out.push((roles_of(&self.replication), DbSet::Replication));
        }
        out
    }
}

/// Everything that lists of rules refer to.
pub(super) struct Background<'a> {
    pub(super) config: &'a Config,
    pub(super) world: &'a World<'a>,
    pub(super) nets: &'a Networks,
    pub(super) planes: &'a [Plane],
    pub(super) classes: &'a [Class],
}

/// What makes two cells different besides roles, databases and addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Kind {
    rule: u32,
    transport: Transport,
    maybe: bool,
    contested: bool,
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

/// Makes cells of all lists.
pub(super) fn cells(
    lists: HashMap<(usize, Vec<Entry>), Sheet>,
    back: &Background<'_>,
    shadows: &mut Shadows,
    limits: &mut Limits,
) -> Result<Vec<Cell>, TooMuch> {
    let (mut roles, mut databases, mut addresses) = (Shelf::new(), Shelf::new(), Shelf::new());
    let mut raw: HashMap<(Kind, u32, u32), Vec<Interval>> = HashMap::new();
    for ((plane, list), sheet) in lists {
        let swept = sweep(&list, back.nets, &mut limits.work);
        let rectangles: Vec<(u32, u32)> =
            sheet.rectangles(back.classes).into_iter().map(|(r, d)| (roles.put(r), databases.put(d))).collect();
        let Plane { transport, v6 } = back.planes[plane];
        for (at, (entry, free)) in list.iter().zip(swept).enumerate() {
            let intervals: Vec<Interval> = match free {
                Some(free) if free.is_empty() => {
                    shadows.cover(entry, &list[..at], back.nets);
                    continue;
                }
                Some(free) => free.iter().map(|(a, b)| Interval::of(v6 == Some(true), *a, *b)).collect(),
                None => Vec::new(),
            };
            shadows.hit(entry);
            let maybe = entry.maybe || offered(transport, back.world) == Fit::Maybe;
            let kind = Kind { rule: entry.rule, transport, maybe, contested: entry.contested };
            limits.held += (rectangles.len() * (intervals.len() + 8)) as u64;
            limits.check()?;
            for (r, d) in &rectangles {
                raw.entry((kind, *r, *d)).or_default().extend(&intervals);
            }
        }
    }
    // The same addresses and databases: one cell for all their roles.
    let mut by_roles: HashMap<(Kind, u32, u32), Vec<u32>> = HashMap::new();
    for ((kind, r, d), mut intervals) in raw {
        intervals.sort_unstable();
        by_roles.entry((kind, addresses.put(joined(intervals)), d)).or_default().push(r);
    }
    // The same addresses and roles: one cell for all their databases.
    let mut by_databases: HashMap<(Kind, u32, u32), Vec<u32>> = HashMap::new();
    for ((kind, a, d), of) in by_roles {
        let r = match of.as_slice() {
            [one] => *one,
            _ => {
                let mut all: Vec<u32> = of.iter().flat_map(|r| roles.get(*r).iter().copied()).collect();
                limits.held += all.len() as u64;
                limits.check()?;
                all.sort_unstable();
                all.dedup();
                roles.put(Places::from(all))
            }
        };
        by_databases.entry((kind, a, r)).or_default().push(d);
    }
    let mut out = Vec::new();
    for ((kind, a, r), of) in by_databases {
        let mut all = Vec::new();
        let mut sets = Vec::new();
        for d in of {
            match databases.get(d) {
                DbSet::Replication => sets.push(DbSet::Replication),
                DbSet::Databases(places) => all.extend(places.iter().copied()),
            }
        }
        if !all.is_empty() {
            all.sort_unstable();
            all.dedup();
            sets.push(DbSet::Databases(all.into()));
        }
        for databases in sets {
            out.push(cell(kind, databases, roles.get(r).clone(), addresses.get(a).clone(), back.config));
            limits.held += 8;
        }
        limits.check()?;
    }
    out.sort_unstable_by(|a, b| {
        (a.rule, a.transport, &a.databases, &a.roles, &a.addresses, a.maybe, a.contested).cmp(&(
            b.rule,
            b.transport,
            &b.databases,
            &b.roles,
            &b.addresses,
            b.maybe,
            b.contested,
        ))
    });
    Ok(out)
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
