//! Addresses and prefixes by value, whatever their spelling.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Parses a typed address such as `ipv4:192.0.2.1` (RFC 7285 §10.4.1); `None` for other types and invalid addresses.
pub(crate) fn typed(text: &str) -> Option<IpAddr> {
    match text.split_once(':')? {
        ("ipv4", address) => address.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        ("ipv6", address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    }
}

/// Returns the typed address in canonical form.
pub(crate) fn to_typed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("ipv4:{address}"),
        IpAddr::V6(address) => format!("ipv6:{address}"),
    }
}

/// Parses a prefix in CIDR notation; `None` if it is invalid for the address type.
pub(crate) fn prefix(kind: &str, text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    // Lengths such as `/024` and `/+8` are invalid.
    let length = length.parse::<u8>().ok().filter(|number| number.to_string() == length)?;
    match kind {
        "ipv4" => Some(IpNet::V4(Ipv4Net::new(address.parse().ok()?, length).ok()?)),
        "ipv6" => Some(IpNet::V6(Ipv6Net::new(address.parse().ok()?, length).ok()?)),
        _ => None,
    }
}

/// Tests whether an IPv6 address has the canonical form of RFC 5952 §4, or the mixed notation of §5.
pub(crate) fn is_canonical_v6(text: &str) -> bool {
    let Ok(address) = text.parse::<Ipv6Addr>() else {
        return false;
    };
    text == address.to_string() || text == hexadecimal(address) || text == mixed(address)
}

/// Formats an address by RFC 5952 §4: lower case, no leading zeros, `::` for the first longest run of zeros.
fn hexadecimal(address: Ipv6Addr) -> String {
    let groups = address.segments();
    let mut longest = 0..0;
    let mut start = 0;
    for (index, group) in groups.iter().chain([&1]).enumerate() {
        if *group != 0 {
            if index - start > longest.len() && index - start >= 2 {
                longest = start..index;
            }
            start = index + 1;
        }
    }
    let text = |groups: &[u16]| groups.iter().map(|group| format!("{group:x}")).collect::<Vec<_>>().join(":");
    if longest.is_empty() {
        text(&groups)
    } else {
        format!("{}::{}", text(&groups[..longest.start]), text(&groups[longest.end..]))
    }
}

/// Formats an address with the last two groups as an IPv4 address (RFC 5952 §5).
fn mixed(address: Ipv6Addr) -> String {
    let [a, b, c, d] = [12, 13, 14, 15].map(|index| address.octets()[index]);
    let mut octets = address.octets();
    octets[12..].copy_from_slice(&[255; 4]);
    let head = hexadecimal(Ipv6Addr::from(octets));
    format!("{}{}", head.trim_end_matches("ffff:ffff"), Ipv4Addr::new(a, b, c, d))
}

/// Returns the first address that no prefix contains; 0.0.0.0 if there are no prefixes.
pub(crate) fn first_gap<'a>(prefixes: impl Iterator<Item = &'a IpNet>) -> Option<IpAddr> {
    let mut ranges: Vec<_> =
        prefixes.map(|prefix| (number(prefix.network()), number(prefix.broadcast()), prefix.network())).collect();
    ranges.sort_unstable();
    let is_v4 = ranges.first().is_none_or(|(_, _, address)| address.is_ipv4());
    let mut next = 0_u128;
    let end = if is_v4 { u128::from(u32::MAX) } else { u128::MAX };
    for (first, last, _) in ranges {
        if first > next {
            return Some(address(next, is_v4));
        }
        if last >= end {
            return None;
        }
        next = next.max(last + 1);
    }
    Some(address(next, is_v4))
}

/// Returns the address after a prefix, if there is one.
pub(crate) fn just_after(prefix: &IpNet) -> Option<IpAddr> {
    let is_v4 = prefix.addr().is_ipv4();
    let end = if is_v4 { u128::from(u32::MAX) } else { u128::MAX };
    let last = number(prefix.broadcast());
    (last < end).then(|| address(last + 1, is_v4))
}

/// Returns the address before a prefix, if there is one.
pub(crate) fn just_before(prefix: &IpNet) -> Option<IpAddr> {
    let first = number(prefix.network());
    Some(address(first.checked_sub(1)?, prefix.addr().is_ipv4()))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn address(number: u128, is_v4: bool) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if is_v4 => IpAddr::V4(number.into()),
        _ => IpAddr::V6(number.into()),
    }
}

/// Table of prefixes and their owners for longest-prefix match (RFC 7285 §11.2.2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    by_length: BTreeMap<(bool, u8), BTreeMap<IpAddr, String>>,
}

impl Table {
    /// Adds a prefix, unless it has an owner already.
    pub(crate) fn insert(&mut self, prefix: &IpNet, owner: &str) {
        let key = (prefix.addr().is_ipv4(), prefix.prefix_len());
        self.by_length.entry(key).or_default().entry(prefix.network()).or_insert_with(|| owner.to_owned());
    }

    /// Returns the owner of exactly this prefix.
    pub(crate) fn exactly(&self, prefix: &IpNet) -> Option<&str> {
        let networks = self.by_length.get(&(prefix.addr().is_ipv4(), prefix.prefix_len()))?;
        networks.get(&prefix.network()).map(String::as_str)
    }

    /// Returns the owner of the longest prefix that contains an address.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<&str> {
        let family = address.is_ipv4();
        self.by_length.range((family, 0)..=(family, 128)).rev().find_map(|((_, length), networks)| {
            let network = IpNet::new(address, *length).ok()?.network();
            networks.get(&network).map(String::as_str)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(prefixes: &[IpNet]) -> bool {
        first_gap(prefixes.iter()).is_none()
    }

    #[test]
    fn addresses_and_prefixes_are_parsed() {
        assert_eq!(typed("ipv6:::1"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(typed("ipv4:192.0.2.034"), None);
        assert_eq!(typed("mac:1"), None);
        assert_eq!(prefix("ipv4", "192.0.2.1/24").map(|net| net.trunc().to_string()).as_deref(), Some("192.0.2.0/24"));
        for wrong in ["192.0.2.0", "192.0.2.0/33", "192.0.2.0/024", "192.0.2.0/+8", "172.16/12", "::/0"] {
            assert_eq!(prefix("ipv4", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn canonical_forms_are_recognised() {
        for right in [
            "::",
            "::1",
            "2001:db8::1",
            "2001:db8:0:1:1:1:1:1",
            "1:0:0:2::3",
            "::ffff:192.0.2.1",
            "::ffff:c000:201",
            "64:ff9b::192.0.2.33",
        ] {
            assert!(is_canonical_v6(right), "{right}");
        }
        for wrong in ["2001:DB8::1", "2001:0db8::1", "2001:db8:0:0::1", "2001:db8::1:1:1:1:1", "1::2:0:0:0:3", "x"] {
            assert!(!is_canonical_v6(wrong), "{wrong}");
        }
    }

    #[test]
    fn gaps_are_found() {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
        assert!(complete(&nets(&["0.0.0.0/0"])));
        assert!(complete(&nets(&["128.0.0.0/1", "0.0.0.0/1", "10.0.0.0/8"])));
        assert_eq!(first_gap(nets(&["0.0.0.0/1"]).iter()), Some("128.0.0.0".parse().unwrap()));
        assert_eq!(first_gap(nets(&["::/1", "c000::/2"]).iter()), Some("8000::".parse().unwrap()));
        assert!(complete(&nets(&["::/1", "8000::/1"])));
        assert_eq!(just_after(&"10.0.0.0/8".parse().unwrap()), Some("11.0.0.0".parse().unwrap()));
        assert_eq!(just_after(&"::/0".parse().unwrap()), None);
        assert_eq!(just_before(&"10.0.0.0/8".parse().unwrap()), Some("9.255.255.255".parse().unwrap()));
        assert_eq!(just_before(&"0.0.0.0/8".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn the_longest_prefix_wins(nets in prop::collection::vec((any::<u32>(), 0_u8..=32), 1..40), address: u32) {
            // Few distinct addresses, so that prefixes nest.
            let nets: Vec<IpNet> = nets.iter().map(|(net, length)| {
                IpNet::V4(Ipv4Net::new((net & 0xf000_000f).into(), *length).unwrap()).trunc()
            }).collect();
            let address = IpAddr::V4((address & 0xf000_000f).into());
            let mut table = Table::default();
            for net in &nets {
                table.insert(net, &net.to_string());
            }
            let expected = nets.iter().filter(|net| net.contains(&address)).max_by_key(|net| net.prefix_len());
            prop_assert_eq!(table.owner(address).map(str::to_owned), expected.map(ToString::to_string));
        }

        #[test]
        fn a_table_is_complete_if_every_address_is_covered(nets in prop::collection::vec((0_u8..16, 0_u8..=4), 0..12)) {
            let nets: Vec<IpNet> = nets.iter().map(|(net, length)| {
                IpNet::V4(Ipv4Net::new((u32::from(*net) << 28).into(), *length).unwrap()).trunc()
            }).collect();
            let covered = (0..16_u32).all(|net| nets.iter().any(|prefix| prefix.contains(&IpAddr::V4((net << 28).into()))));
            prop_assert_eq!(complete(&nets), covered);
        }
    }
}
