//! IPv4-mapped IPv6 prefixes (RFC 4291 §2.5.5.2), which stand for IPv4 prefixes everywhere.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Number of bits in front of the IPv4 address in an IPv4-mapped one.
const MAPPED_BITS: u8 = 96;

/// Returns the IPv4 prefix that an IPv6 prefix stands for, if it does.
pub(crate) fn ipv4_of(net: &Ipv6Net) -> Option<Ipv4Net> {
    let length = net.prefix_len().checked_sub(MAPPED_BITS)?;
    Ipv4Net::new(net.addr().to_ipv4_mapped()?, length).ok()
}

/// Returns the prefix in the family that it belongs to.
pub(crate) fn canonical(net: &IpNet) -> IpNet {
    match net {
        IpNet::V6(ipv6) => ipv4_of(ipv6).map_or(*net, IpNet::V4),
        IpNet::V4(_) => *net,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_prefixes_are_ipv4() {
        for (given, expected) in [
            ("::ffff:10.1.2.3/128", "10.1.2.3/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:0/95", "::ffff:0:0/95"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("10.0.0.0/8", "10.0.0.0/8"),
        ] {
            assert_eq!(canonical(&given.parse().unwrap()), expected.parse::<IpNet>().unwrap(), "{given}");
        }
    }
}
