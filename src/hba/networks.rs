//! All networks that rules name, as a tree: two of them lie apart, or one in the other.

use std::collections::HashMap;

use super::address::{Prefix, leading};
use super::parse::Config;
use super::words::Address;

/// Place of a network in [`Networks`].
pub(super) type Net = u32;

/// No network: the root's parent.
const NONE: Net = Net::MAX;

/// The networks of a configuration, each once.
pub(super) struct Networks {
    prefixes: Vec<Prefix>,
    parents: Vec<Net>,
    /// Behind the last network that lies in each.
    ends: Vec<Net>,
    /// The network of each rule, by family: IPv4, IPv6.
    of_rule: Vec<[Option<Net>; 2]>,
}

impl Networks {
    /// Collects them. Both families are always there as a whole.
    pub(super) fn of(config: &Config) -> Self {
        let whole = [Prefix::whole(false), Prefix::whole(true)];
        let wide = |address: &Address| -> [Option<Prefix>; 2] {
            let one = |prefix: Option<Prefix>| match prefix {
                Some(p) if p.is_v6() => [None, Some(p)],
                Some(p) => [Some(p), None],
                None => [None, None],
            };
            match address {
                Address::None => [None, None],
                Address::Cidr(prefix) => one(Some(*prefix)),
                // The smallest network around them.
                Address::Mask { address, mask } => one(Prefix::new(*address, leading(*mask))),
                _ => whole.map(Some),
            }
        };
        let wanted: Vec<[Option<Prefix>; 2]> = config.rules.iter().map(|r| wide(&r.address)).collect();
        let mut prefixes: Vec<Prefix> = wanted.iter().flatten().flatten().copied().chain(whole).collect();
        // By family, first address, and the wide before the narrow: a parent stands before its children.
        prefixes.sort_unstable();
        prefixes.dedup();
        let mut parents = vec![NONE; prefixes.len()];
        let mut open: Vec<usize> = Vec::new();
        for at in 0..prefixes.len() {
            while open.last().is_some_and(|top| !prefixes[*top].covers(&prefixes[at])) {
                open.pop();
            }
            parents[at] = open.last().map_or(NONE, |top| *top as Net);
            open.push(at);
        }
        let mut ends: Vec<Net> = (1..=prefixes.len() as Net).collect();
        for at in (0..prefixes.len()).rev() {
            let end = ends[at];
            if let Some(known) = ends.get_mut(parents[at] as usize) {
                *known = end.max(*known);
            }
        }
        let places: HashMap<Prefix, Net> = prefixes.iter().enumerate().map(|(at, p)| (*p, at as Net)).collect();
        let of_rule = wanted.iter().map(|nets| nets.map(|n| n.and_then(|n| places.get(&n).copied()))).collect();
        Self { prefixes, parents, ends, of_rule }
    }

    pub(super) fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// The network of a rule in a family; `None` where it has no address there.
    pub(super) fn of_rule(&self, rule: usize, v6: bool) -> Option<Net> {
        self.of_rule.get(rule).and_then(|nets| nets[usize::from(v6)])
    }

    /// Whether the network `inner` is `outer` or lies in it.
    pub(super) fn lies_in(&self, inner: Net, outer: Net) -> bool {
        outer <= inner && self.ends.get(outer as usize).is_some_and(|end| inner < *end)
    }

    /// All networks that lie in one, itself included.
    pub(super) fn inside(&self, net: Net) -> std::ops::Range<Net> {
        net..self.ends.get(net as usize).copied().unwrap_or(net)
    }

    /// A network, and all that it lies in, from the inside out.
    pub(super) fn outwards(&self, net: Net) -> impl Iterator<Item = Net> + '_ {
        std::iter::successors(Some(net), |at| self.parents.get(*at as usize).copied().filter(|p| *p != NONE))
    }

    /// First and last address as numbers.
    pub(super) fn range(&self, net: Net) -> (u128, u128) {
        self.prefixes.get(net as usize).map_or((1, 0), Prefix::range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hba::{Files, parse};

    #[test]
    fn networks_know_what_they_lie_in() {
        let text = "host a a 10.0.0.0/8 trust\nhost a a 10.1.0.0/16 trust\nhost a a 10.1.2.0 255.0.255.0 trust\n\
                    host a a 10.1.1.0/24 trust\nhost a a 11.0.0.0/8 trust\nhost a a ::1/128 trust\nlocal a a trust\nhost a a h trust\n";
        let config = parse(&Files::of_text("f", text), 15);
        assert_eq!(config.errors, []);
        let nets = Networks::of(&config);
        let chain = |rule, v6| {
            nets.of_rule(rule, v6)
                .map(|n| nets.outwards(n).map(|n| nets.prefixes[n as usize].to_string()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(chain(0, false).as_deref(), Some("10.0.0.0/8 0.0.0.0/0"));
        assert_eq!(chain(1, false).as_deref(), Some("10.1.0.0/16 10.0.0.0/8 0.0.0.0/0"));
        assert_eq!(chain(2, false).as_deref(), Some("10.0.0.0/8 0.0.0.0/0"));
        assert_eq!(chain(3, false).as_deref(), Some("10.1.1.0/24 10.1.0.0/16 10.0.0.0/8 0.0.0.0/0"));
        assert_eq!(chain(4, false).as_deref(), Some("11.0.0.0/8 0.0.0.0/0"));
        assert_eq!(chain(4, true), None);
        assert_eq!(chain(5, true).as_deref(), Some("::1/128 ::/0"));
        let net = |rule| nets.of_rule(rule, false).unwrap();
        assert!(nets.lies_in(net(3), net(0)) && nets.lies_in(net(3), net(3)) && !nets.lies_in(net(0), net(3)));
        assert!(!nets.lies_in(net(4), net(0)) && nets.lies_in(net(4), net(7)));
        assert_eq!(nets.inside(net(1)).len(), 2);
        assert_eq!(chain(6, false), None);
        assert_eq!(chain(7, true).as_deref(), Some("::/0"));
    }
}
