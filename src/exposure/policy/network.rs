//! Addresses of standbys: `10.1.0.7`, `10.1.0.0/29`, `2001:db8::/64`.

use std::net::IpAddr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u32,
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{:?} is not an address, or a network such as \"10.1.0.0/29\"", crate::types::shown(text));
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => bits,
            Some(l) if !l.is_empty() && l.bytes().all(|b| b.is_ascii_digit()) => l.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        if length > bits { Err(wrong()) } else { Ok(Self { address, length }) }
    }
}

impl Network {
    /// Whether an address is in it. An IPv4 address that came as IPv6 is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shifted = |a: IpAddr| match a.to_canonical() {
            IpAddr::V4(a) => {
                (true, u128::from(u32::from(a)).checked_shr(32u32.saturating_sub(self.length)).unwrap_or(0))
            }
            IpAddr::V6(a) => (false, u128::from(a).checked_shr(128 - self.length).unwrap_or(0)),
        };
        let (mine, theirs) = (shifted(self.address), shifted(address));
        mine == theirs
    }
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
        for bad in
            ["", "10.1.0", "10.1.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "db1.example.org"]
        {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
