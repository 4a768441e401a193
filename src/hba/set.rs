//! Sets of places, most of them small or everything.

use std::collections::{BTreeMap, HashMap};

/// Places, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Set {
    All,
    Some(Vec<u32>),
}

impl Set {
    pub(super) fn none() -> Self {
        Self::Some(Vec::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Some(all) if all.is_empty())
    }

    pub(super) fn has(&self, place: u32) -> bool {
        match self {
            Self::All => true,
            Self::Some(all) => all.binary_search(&place).is_ok(),
        }
    }

    /// All places, where there are `count` of them.
    pub(super) fn list(&self, count: usize) -> Vec<u32> {
        match self {
            Self::All => (0..count as u32).collect(),
            Self::Some(all) => all.clone(),
        }
    }

    /// The places of `all` that are not in it.
    pub(super) fn missing_of(&self, all: impl Iterator<Item = u32>) -> Self {
        Self::Some(all.filter(|p| !self.has(*p)).collect())
    }

    /// The places of both that are listed: of the other where one is everything.
    pub(super) fn common<'a>(&'a self, other: &'a Self) -> Option<impl Iterator<Item = u32> + 'a> {
        let (few, many) = match (self, other) {
            (Self::All, Self::All) => return None,
            (Self::Some(a), Self::Some(b)) if b.len() < a.len() => (b, self),
            (Self::Some(a), many) | (many, Self::Some(a)) => (a, many),
        };
        Some(few.iter().copied().filter(|p| many.has(*p)))
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.common(other).is_none_or(|mut c| c.next().is_some())
    }

    /// Whether every place of `other` is in it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Some(_), Self::All) => false,
            (Self::Some(a), Self::Some(b)) => b.len() <= a.len() && b.iter().all(|p| self.has(*p)),
        }
    }

    /// How many sets of places one has to look at.
    pub(super) fn cost(&self) -> u64 {
        match self {
            Self::All => 1,
            Self::Some(all) => all.len() as u64,
        }
    }
}

/// Splits a set by which of `others` its places are in: each group with the
/// numbers of those sets, in order. `count` places there are in all.
pub(super) fn split<'a>(
    set: &Set,
    others: impl Iterator<Item = (u32, &'a Set)>,
    count: usize,
    work: &mut u64,
) -> Vec<(Set, Vec<u32>)> {
    let mut whole = Vec::new();
    let mut single: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (number, other) in others {
        if other.covers(set) {
            whole.push(number);
            continue;
        }
        *work += set.cost().min(other.cost());
        // One of them is a list: else the other would be everything.
        for place in set.common(other).into_iter().flatten() {
            single.entry(place).or_default().push(number);
        }
    }
    if single.is_empty() {
        return vec![(set.clone(), whole)];
    }
    let all = set.list(count);
    *work += all.len() as u64;
    let mut groups: HashMap<Vec<u32>, Vec<u32>> = HashMap::new();
    for place in all {
        groups.entry(single.remove(&place).unwrap_or_default()).or_default().push(place);
    }
    let both = |mut numbers: Vec<u32>| {
        numbers.extend(&whole);
        numbers.sort_unstable();
        numbers
    };
    groups.into_iter().map(|(numbers, places)| (Set::Some(places), both(numbers))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_split_by_what_they_share() {
        let some = |p: &[u32]| Set::Some(p.to_vec());
        let others = [some(&[1, 2]), Set::All, some(&[2, 9])];
        let numbered = || others.iter().enumerate().map(|(n, s)| (n as u32, s));
        let mut groups = split(&some(&[0, 1, 2]), numbered(), 10, &mut 0);
        groups.sort_by_key(|g| g.1.clone());
        let expected = [(some(&[1]), vec![0, 1]), (some(&[2]), vec![0, 1, 2]), (some(&[0]), vec![1])];
        assert_eq!(groups, expected);
        let groups = split(&Set::All, numbered(), 4, &mut 0);
        assert_eq!(groups.len(), 3);
        assert_eq!(split(&Set::All, numbered().skip(1).take(1), 4, &mut 0), [(Set::All, vec![1])]);
        assert!(some(&[1, 2]).covers(&some(&[2])) && !some(&[2]).covers(&some(&[1])));
        assert!(some(&[1]).meets(&Set::All) && !some(&[1]).meets(&some(&[2])) && !Set::none().meets(&Set::All));
    }
}
