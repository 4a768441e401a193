//! Finding the boxes that may share something with one.

use std::collections::HashMap;

use super::evaluate::Limits;
use super::networks::Networks;
use super::parts::{Family, Part};
use super::set::Set;

/// Sets of more places are not looked up one by one.
const FEW: usize = 16;

/// Boxes in order, by what they consist of.
pub(super) struct Index {
    roles: Places,
    databases: Places,
    /// By family of addresses and network; the last is the socket.
    nets: [Vec<Vec<u32>>; 3],
}

/// Boxes by place, and those of every place.
#[derive(Default)]
struct Places {
    every: Vec<u32>,
    single: HashMap<u32, Vec<u32>>,
}

impl Places {
    fn add(&mut self, at: u32, set: &Set) {
        match set {
            Set::All => self.every.push(at),
            Set::Some(places) => places.iter().for_each(|p| self.single.entry(*p).or_default().push(at)),
        }
    }

    /// All boxes that share a place with a small set.
    fn of<'a>(&'a self, set: &Set) -> Option<Vec<&'a [u32]>> {
        let Set::Some(places) = set else { return None };
        if places.len() > FEW {
            return None;
        }
        let lists = places.iter().filter_map(|p| self.single.get(p)).map(Vec::as_slice);
        Some(lists.chain([self.every.as_slice()]).collect())
    }
}

impl Index {
    pub(super) fn new(nets: &Networks) -> Self {
        let empty = vec![Vec::new(); nets.len()];
        Self { roles: Places::default(), databases: Places::default(), nets: [vec![Vec::new()], empty.clone(), empty] }
    }

    /// Adds a box; it stands behind all others.
    pub(super) fn add(&mut self, at: u32, part: &Part, limits: &mut Limits) {
        limits.held += part.roles.cost() + part.databases.cost();
        self.roles.add(at, &part.roles);
        if !part.replication {
            self.databases.add(at, &part.databases);
        }
        for family in [Family::Socket, Family::V4, Family::V6] {
            if part.is_of(family) {
                let net = part.net(family).unwrap_or(0);
                self.nets[family as usize][net as usize].push(at);
            }
        }
    }

    /// All boxes that share something with this one, and perhaps some that do not; in order.
    pub(super) fn before(&self, part: &Part, family: Family, nets: &Networks, limits: &mut Limits) -> Vec<u32> {
        let of_family = &self.nets[family as usize];
        let by_net: Vec<&[u32]> = match part.net(family) {
            None => of_family.iter().map(Vec::as_slice).collect(),
            Some(net) => {
                let outside = nets.outwards(net).skip(1);
                outside.chain(nets.inside(net)).map(|n| of_family[n as usize].as_slice()).collect()
            }
        };
        let total = |lists: &[&[u32]]| lists.iter().map(|l| l.len() + 1).sum::<usize>();
        let mut best = by_net;
        let by_database = if part.replication { None } else { self.databases.of(&part.databases) };
        for other in [self.roles.of(&part.roles), by_database].into_iter().flatten() {
            if total(&other) < total(&best) {
                best = other;
            }
        }
        limits.work += total(&best) as u64;
        let mut all = best.concat();
        all.sort_unstable();
        all.dedup();
        all
    }
}
