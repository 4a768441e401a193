//! Ranges of addresses, and how far away they are.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses of one family, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The first.
    pub from: IpAddr,
    /// The last, of the same family.
    pub to: IpAddr,
}

/// How far away an address is, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressClass {
    /// The host itself.
    Loopback,
    /// `169.254.0.0/16`, `fe80::/10`: the same wire.
    LinkLocal,
    /// RFC 1918.
    Private,
    /// `fc00::/7`: the private networks of IPv6.
    Ula,
    /// `100.64.0.0/10`: shared behind a provider's translation.
    Cgnat,
    /// Everything else: the internet.
    Global,
}

impl AddressClass {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
            Self::Ula => "unique local",
            Self::Cgnat => "carrier NAT",
            Self::Global => "global",
        }
    }
}

/// The networks that are not the internet: first address, prefix length, class.
const V4: [(Ipv4Addr, u32, AddressClass); 6] = [
    (Ipv4Addr::new(127, 0, 0, 0), 8, AddressClass::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, AddressClass::LinkLocal),
    (Ipv4Addr::new(10, 0, 0, 0), 8, AddressClass::Private),
    (Ipv4Addr::new(172, 16, 0, 0), 12, AddressClass::Private),
    (Ipv4Addr::new(192, 168, 0, 0), 16, AddressClass::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, AddressClass::Cgnat),
];

const V6: [(Ipv6Addr, u32, AddressClass); 3] = [
    (Ipv6Addr::LOCALHOST, 128, AddressClass::Loopback),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, AddressClass::LinkLocal),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, AddressClass::Ula),
];

impl Interval {
    /// From numbers of one family.
    pub(super) fn of(v6: bool, from: u128, to: u128) -> Self {
        Self { from: address(v6, from), to: address(v6, to) }
    }

    /// Whether these are addresses of IPv6.
    pub fn is_v6(&self) -> bool {
        self.from.is_ipv6()
    }

    /// How many addresses; the largest number where there are more.
    pub fn count(&self) -> u128 {
        number(self.to).saturating_sub(number(self.from)).saturating_add(1)
    }

    /// Whether another begins right behind its end.
    pub(super) fn meets(&self, next: &Self) -> bool {
        self.is_v6() == next.is_v6() && number(self.to).checked_add(1) == Some(number(next.from))
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv6() == self.is_v6() && number(self.from) <= number(address) && number(address) <= number(self.to)
    }

    /// The farthest class of any address in it.
    pub fn class(&self) -> AddressClass {
        let (from, to) = (number(self.from), number(self.to));
        let known: Vec<(u128, u128, AddressClass)> = if self.is_v6() {
            V6.iter().map(|(a, len, c)| (u128::from(*a), u128::from(*a) | low(128 - len), *c)).collect()
        } else {
            V4.iter()
                .map(|(a, len, c)| (u128::from(u32::from(*a)), u128::from(u32::from(*a)) | low(32 - len), *c))
                .collect()
        };
        let mut covered = 0u128;
        let mut all = false;
        let mut farthest = AddressClass::Loopback;
        for (first, last, class) in known {
            let (a, b) = (first.max(from), last.min(to));
            if a <= b {
                farthest = farthest.max(class);
                all |= b - a == u128::MAX;
                covered = covered.saturating_add((b - a).saturating_add(1));
            }
        }
        if all || covered >= self.count() { farthest } else { AddressClass::Global }
    }

    /// The farthest class of several intervals; `None` where there are none.
    pub fn widest(intervals: &[Self]) -> Option<AddressClass> {
        intervals.iter().map(Self::class).max()
    }

    /// How many addresses several intervals have that do not overlap.
    pub fn total(intervals: &[Self]) -> u128 {
        intervals.iter().fold(0, |sum, i| sum.saturating_add(i.count()))
    }
}

/// The addresses of `all` that are in none of `taken`, in order for each of `all`.
/// Neither need be in order, and `taken` may overlap.
pub fn minus(all: &[Interval], taken: &[Interval]) -> Vec<Interval> {
    let mut sorted = taken.to_vec();
    sorted.sort_unstable();
    let mut left = Vec::new();
    for one in all {
        let v6 = one.is_v6();
        let (mut from, to) = (number(one.from), number(one.to));
        let mut over = false;
        for t in sorted.iter().filter(|t| t.is_v6() == v6) {
            let (first, last) = (number(t.from), number(t.to));
            if last < from {
                continue;
            }
            if first > to {
                break;
            }
            if first > from {
                left.push(Interval::of(v6, from, first - 1));
            }
            if last >= to {
                over = true;
                break;
            }
            from = last + 1;
        }
        if !over {
            left.push(Interval::of(v6, from, to));
        }
    }
    left
}

/// The lowest `bits` bits set.
pub(super) fn low(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

/// An address as a number of its family.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(u32::from(a)),
        IpAddr::V6(a) => u128::from(a),
    }
}

/// The address of a number.
pub(super) fn address(v6: bool, number: u128) -> IpAddr {
    if v6 { IpAddr::V6(number.into()) } else { IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX))) }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.is_v6() { 128 } else { 32 };
        let (from, to) = (number(self.from), number(self.to));
        let span = from ^ to;
        let free = 128 - span.leading_zeros();
        if span == low(free) && from & span == 0 {
            return if free == 0 { write!(f, "{}", self.from) } else { write!(f, "{}/{}", self.from, bits - free) };
        }
        write!(f, "{}-{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Interval> {
        let one = |t: &str| {
            let (from, to) = t.split_once('-').unwrap_or((t, t));
            Interval { from: from.parse().unwrap(), to: to.parse().unwrap() }
        };
        text.split_whitespace().map(one).collect()
    }

    #[test]
    fn what_is_taken_is_left_out_and_nothing_else() {
        for (all, taken, left) in [
            ("10.0.0.0-10.0.0.9", "", "10.0.0.0-10.0.0.9"),
            ("10.0.0.0-10.0.0.9", "10.0.0.0-10.0.0.9", ""),
            ("10.0.0.0-10.0.0.9", "10.0.0.3 10.0.0.5-10.0.0.6", "10.0.0.0-10.0.0.2 10.0.0.4 10.0.0.7-10.0.0.9"),
            ("10.0.0.0-10.0.0.9", "10.0.0.5-10.0.0.7 10.0.0.2-10.0.0.6", "10.0.0.0-10.0.0.1 10.0.0.8-10.0.0.9"),
            ("10.0.0.5-10.0.0.9", "9.0.0.0-10.0.0.4 10.0.0.10", "10.0.0.5-10.0.0.9"),
            ("0.0.0.0-255.255.255.255", "255.255.255.255", "0.0.0.0-255.255.255.254"),
            ("::-::9", "0.0.0.0-255.255.255.255", "::-::9"),
            ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::"),
            ("1.1.1.1 2.2.2.2", "1.1.1.1", "2.2.2.2"),
        ] {
            assert_eq!(minus(&read(all), &read(taken)), read(left), "{all} minus {taken}");
        }
    }
}
