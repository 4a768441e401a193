//! Addresses as the server reads them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
        let bits = bits(v6);
        (length <= bits).then(|| Self { v6, first: number(ip) & !low(bits - length), length })
    }

    /// All addresses of a family.
    pub(super) fn whole(v6: bool) -> Self {
        Self { v6, first: 0, length: 0 }
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

    /// Whether every address of `other` is one of its own.
    pub fn covers(&self, other: &Self) -> bool {
        self.v6 == other.v6
            && self.length <= other.length
            && other.first & !low(bits(self.v6) - self.length) == self.first
    }

    /// All its addresses.
    pub fn interval(&self) -> Interval {
        let (from, to) = self.range();
        Interval::of(self.v6, from, to)
    }

    /// Its first and last address as numbers.
    pub(super) fn range(&self) -> (u128, u128) {
        (self.first, self.first | low(bits(self.v6) - self.length))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.length)
    }
}

fn bits(v6: bool) -> u32 {
    if v6 { 128 } else { 32 }
}

/// An address in digits, with all the forms that the server's C library
/// takes: `127.1`, `0x7f.0.0.1` and `010.0.0.1` are addresses too.
pub(super) fn read(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        // Which interface a link-local address is meant on is not looked at when a connection is compared.
        let (ip, scope) = text.split_once('%').map_or((text, None), |(ip, scope)| (ip, Some(scope)));
        return if scope == Some("") { None } else { ip.parse::<Ipv6Addr>().ok().map(IpAddr::V6) };
    }
    let parts: Vec<&str> = text.split('.').collect();
    let (last, before) = parts.split_last().filter(|(_, before)| before.len() < 4)?;
    let mut value = 0u32;
    for (at, part) in before.iter().enumerate() {
        let byte = c_number(part).filter(|n| *n <= 255)?;
        value |= byte << (24 - 8 * at);
    }
    let room = 32 - 8 * before.len() as u32;
    let last = c_number(last).filter(|n| room == 32 || *n < 1 << room)?;
    Some(IpAddr::V4(Ipv4Addr::from(value | last)))
}

/// A number as C writes it: hexadecimal behind `0x`, octal behind `0`.
fn c_number(text: &str) -> Option<u32> {
    let digits = |text: &str, radix| {
        // No sign: `from_str_radix` would take one.
        text.starts_with(|c: char| c.is_digit(radix)).then(|| u32::from_str_radix(text, radix).ok()).flatten()
    };
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        digits(hex, 16)
    } else if text.len() > 1 && text.starts_with('0') {
        digits(text, 8)
    } else {
        digits(text, 10)
    }
}

/// The length behind a slash: digits, a sign and leading blanks allowed.
pub(super) fn read_length(text: &str, v6: bool) -> Option<u32> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let length: u32 = digits.parse().ok()?;
    (length <= bits(v6) && (!negative || length == 0)).then_some(length)
}

/// The length of a mask, where it is a prefix.
pub(super) fn mask_length(mask: IpAddr) -> Option<u32> {
    let bits = bits(mask.is_ipv6());
    let free = low(bits) & !number(mask);
    (free & free.wrapping_add(1) == 0).then(|| bits - free.count_ones())
}

/// The leading bits of a mask that are set.
pub(super) fn leading(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(m) => u32::from(m).leading_ones(),
        IpAddr::V6(m) => u128::from(m).leading_ones(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Option<String> {
        read(text).map(|ip| ip.to_string())
    }

    #[test]
    fn addresses_are_read_like_the_c_library_does() {
        for (text, expected) in [
            ("10.0.0.1", "10.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("10", "0.0.0.10"),
            ("0x7f.0.0.1", "127.0.0.1"),
            ("010.0.0.1", "8.0.0.1"),
            ("4294967295", "255.255.255.255"),
            ("::1", "::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ] {
            assert_eq!(v4(text).as_deref(), Some(expected), "{text}");
        }
        for none in [
            "",
            "a",
            "1.2.3.4.5",
            "256.1",
            "1.2.3.256",
            "08.1",
            "0x",
            "1..2",
            "1.",
            "+1",
            "-1",
            "1 ",
            "4294967296",
            "::1%",
            "1::2::3",
        ] {
            assert_eq!(v4(none), None, "{none}");
        }
    }

    #[test]
    fn lengths_and_masks_are_checked_against_the_family() {
        assert_eq!(read_length("8", false), Some(8));
        assert_eq!(read_length(" +08", false), Some(8));
        assert_eq!(read_length("-0", false), Some(0));
        for none in ["", "33", "-1", "8x", "8 ", "+", "99999999999999"] {
            assert_eq!(read_length(none, false), None, "{none}");
        }
        assert_eq!(read_length("128", true), Some(128));
        assert_eq!(mask_length("255.255.0.0".parse().unwrap()), Some(16));
        assert_eq!(mask_length("0.0.0.0".parse().unwrap()), Some(0));
        assert_eq!(mask_length("255.255.255.255".parse().unwrap()), Some(32));
        assert_eq!(mask_length("::".parse().unwrap()), Some(0));
        assert_eq!(mask_length("ffff::".parse().unwrap()), Some(16));
        assert_eq!(mask_length("255.0.255.0".parse().unwrap()), None);
        assert_eq!(leading("255.0.255.0".parse().unwrap()), 8);
    }

    #[test]
    fn a_network_clears_host_bits() {
        let net = Prefix::new("10.1.2.3".parse().unwrap(), 8).unwrap();
        assert_eq!(net.to_string(), "10.0.0.0/8");
        assert!(net.covers(&Prefix::new("10.9.0.0".parse().unwrap(), 16).unwrap()));
        assert!(!net.covers(&Prefix::new("11.9.0.0".parse().unwrap(), 16).unwrap()));
        assert!(!net.covers(&Prefix::new("10.0.0.0".parse().unwrap(), 7).unwrap()));
        assert_eq!(Prefix::new("10.1.2.3".parse().unwrap(), 33), None);
        assert_eq!(Prefix::new("::".parse().unwrap(), 0).unwrap().interval().count(), u128::MAX);
    }
}
