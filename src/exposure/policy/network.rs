//! Addresses of standbys: `10.1.0.7`, `10.1.0.0/29`, `2001:db8::/64`.

use std::net::IpAddr;

use crate::hba::address::Prefix;
use crate::types::shown;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(Prefix);

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
            let address: IpAddr = address.parse().ok()?;
            let length = match length {
                None => bits(address),
                Some(l) if l.bytes().all(|b| b.is_ascii_digit()) => l.parse().ok()?,
                Some(_) => return None,
            };
            Prefix::new(address, length)
        };
        let wrong = || format!("{:?} is not an address, or a network such as \"10.1.0.0/29\"", shown(text));
        read().map(Self).ok_or_else(wrong)
    }
}

impl Network {
    /// Whether an address is in it. An IPv4 address that came as IPv6 is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        Prefix::new(address, bits(address)).is_some_and(|one| self.0.covers(&one))
    }
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv6() { 128 } else { 32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, inside) in [
            ("10.1.0.7", "10.1.0.7", true),
            ("10.1.0.7", "10.1.0.8", false),
            ("10.1.0.0/29", "10.1.0.7", true),
            ("10.1.0.0/29", "10.1.0.8", false),
            ("10.1.0.7/32", "::ffff:10.1.0.7", true),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/64", "2001:db8::1", true),
            ("2001:db8::/64", "2001:db8:0:1::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{network:?} {address}");
        }
        for bad in ["", "10.1.0", "10.1.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "db1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
