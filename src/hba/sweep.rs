//! The rules that are asked in turn, for roles and databases that they all
//! treat alike: which of them is first for which addresses.

use std::collections::BTreeMap;

use super::fit::Fit;
use super::networks::{Net, Networks};
use super::shadows::Shadows;
use super::words::Transport;

/// A kind of connection: its transport, and the family of its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plane {
    pub(super) transport: Transport,
    /// `None` for the socket, which has no addresses.
    pub(super) v6: Option<bool>,
}

/// A rule that is asked, and first for some address perhaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) rule: u32,
    /// Its addresses; `None` for the socket.
    pub(super) net: Option<Net>,
    pub(super) maybe: bool,
    pub(super) contested: bool,
    /// A rule before it that is a maybe takes all its addresses.
    pub(super) overcast: bool,
}

/// Networks that rules took already, for one list of rules after the other.
pub(super) struct Taken {
    turn: u32,
    /// By network, and the socket last: the turn, and the rule that took it.
    surely: Vec<(u32, u32)>,
    maybe: Vec<(u32, u32)>,
}

impl Taken {
    pub(super) fn new(nets: &Networks) -> Self {
        let none = vec![(0, 0); nets.len() + 1];
        Self { turn: 0, surely: none.clone(), maybe: none }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.turn += 1;
        if self.turn == u32::MAX {
            self.surely.fill((0, 0));
            self.maybe.fill((0, 0));
            self.turn = 1;
        }
    }

    fn slot(&self, net: Option<Net>) -> usize {
        net.map_or(self.surely.len() - 1, |n| n as usize)
    }

    /// The rule that took all of a network.
    pub(super) fn by(&self, nets: &Networks, net: Option<Net>, surely: bool) -> Option<u32> {
        let all = if surely { &self.surely } else { &self.maybe };
        let of = |slot: usize| all.get(slot).filter(|(turn, _)| *turn == self.turn).map(|(_, rule)| *rule);
        match net {
            None => of(self.slot(None)),
            Some(net) => nets.outwards(net).find_map(|n| of(n as usize)),
        }
    }

    /// A rule takes a network. The first to do so is remembered.
    pub(super) fn take(&mut self, net: Option<Net>, rule: u32, surely: bool) {
        let (slot, turn) = (self.slot(net), self.turn);
        let all = if surely { &mut self.surely } else { &mut self.maybe };
        if let Some(taken) = all.get_mut(slot).filter(|t| t.0 != turn) {
            *taken = (turn, rule);
        }
    }
}

/// What a rule that fits roles and databases says of a plane.
pub(super) struct Candidate {
    pub(super) rule: u32,
    pub(super) net: Option<Net>,
    pub(super) fit: Fit,
}

/// Leaves out rules that one before them shadows as a whole.
pub(super) fn entries(
    candidates: &[Candidate],
    nets: &Networks,
    taken: &mut Taken,
    first_gap: Option<usize>,
    shadows: &mut Shadows,
    work: &mut u64,
) -> Vec<Entry> {
    taken.clear();
    let mut out: Vec<Entry> = Vec::new();
    let mut maybes: Vec<(u128, u128)> = Vec::new();
    for Candidate { rule, net, fit } in candidates {
        *work += 1;
        if let Some(by) = taken.by(nets, *net, true) {
            shadows.cast(*rule, by);
            continue;
        }
        let maybe = *fit == Fit::Maybe;
        let cloud = taken.by(nets, *net, false);
        if let Some(by) = cloud {
            shadows.cloud(*rule, by);
        }
        let touched = || {
            let Some(net) = net else { return false };
            let (from, to) = nets.range(*net);
            maybes.iter().any(|(a, b)| *a <= to && from <= *b)
        };
        let overcast = cloud.is_some();
        let contested = overcast || first_gap.is_some_and(|gap| gap <= *rule as usize) || touched();
        *work += maybes.len() as u64;
        out.push(Entry { rule: *rule, net: *net, maybe, contested, overcast });
        taken.take(*net, *rule, !maybe);
        if let Some(net) = net.filter(|_| maybe) {
            maybes.push(nets.range(net));
        }
    }
    out
}

/// The addresses that each of these rules is first for, in order; `None` for
/// the socket. Where the list is empty, several rules before it took all.
pub(super) fn sweep(entries: &[Entry], nets: &Networks, work: &mut u64) -> Vec<Option<Vec<(u128, u128)>>> {
    // Disjoint ranges that are decided, by their first address. Two networks lie
    // apart or one in the other, so what overlaps an entry's range lies in it.
    let mut decided: BTreeMap<u128, u128> = BTreeMap::new();
    entries
        .iter()
        .map(|entry| {
            let (from, to) = nets.range(entry.net?);
            let mut free = Vec::new();
            let mut next = Some(from);
            let mut inside = Vec::new();
            for (a, b) in decided.range(from..=to) {
                if let Some(at) = next.filter(|at| at < a) {
                    free.push((at, a - 1));
                }
                next = b.checked_add(1);
                inside.push(*a);
            }
            if let Some(at) = next.filter(|at| *at <= to) {
                free.push((at, to));
            }
            *work += 1 + inside.len() as u64;
            if !entry.maybe {
                for a in inside {
                    decided.remove(&a);
                }
                decided.insert(from, to);
            }
            Some(free)
        })
        .collect()
}
