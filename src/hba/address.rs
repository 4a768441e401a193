//! Addresses as the server reads them.

use std::fmt;
use std::net::IpAddr;

use super::interval::{Interval, address, low, number};

/// A network: all addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    v6: bool,
    first: u128,
    length: u32,
}

impl Prefix {
    /// The network of `length` bits that `ip` lies in; `None` where the family has fewer bits.
    pub fn new(ip: IpAddr, length: u32) -> Option<Self> {
        let v6 = ip.is_ipv6();
        let bits = if v6 { 128 } else { 32 };
        (length <= bits).then(|| Self { v6, first: number(ip) & !low(bits - length), length })
    }

    /// Whether it is one of IPv6.
    pub fn is_v6(&self) -> bool {
        self.v6
    }

    /// How many leading bits its addresses share.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        address(self.v6, self.first)
    }

    /// All its addresses.
    pub fn interval(&self) -> Interval {
        let bits = if self.v6 { 128 } else { 32 };
        Interval::of(self.v6, self.first, self.first | low(bits - self.length))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.length)
    }
}
