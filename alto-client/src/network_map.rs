//! Network maps, with lookup of the PID of an address (RFC 7285 §11.2.1).

use std::collections::BTreeMap;
use std::net::IpAddr;

use alto_types::{EndpointAddrGroup, NetworkMap as Message, PidName, VersionTag};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

/// Whole network map, in which addresses can be looked up.
#[derive(Clone, Debug)]
pub struct NetworkMap {
    vtag: VersionTag,
    pids: BTreeMap<PidName, EndpointAddrGroup>,
    ipv4: PrefixMap<Ipv4Net, PidName>,
    ipv6: PrefixMap<Ipv6Net, PidName>,
}

/// Part of a network map. Addresses cannot be looked up in it: the longest matching prefix may be in a part that was
/// not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialNetworkMap {
    /// Version of the whole map (RFC 7285 §11.3.1.6).
    pub vtag: VersionTag,
    /// Prefixes of the PIDs asked for, as far as they exist.
    pub pids: BTreeMap<PidName, EndpointAddrGroup>,
}

impl NetworkMap {
    pub(crate) fn new(message: Message) -> Self {
        let pids: BTreeMap<PidName, EndpointAddrGroup> =
            message.network_map.into_iter().map(|(pid, group)| (pid, masked(group))).collect();
        let (mut ipv4, mut ipv6) = (PrefixMap::new(), PrefixMap::new());
        for (pid, group) in &pids {
            // No two PIDs may have the same prefix (§11.2.2). If two do, the first by name keeps it, so that all lookups
            // agree.
            for prefix in &group.ipv4 {
                ipv4.entry(*prefix).or_insert_with(|| pid.clone());
            }
            for prefix in &group.ipv6 {
                ipv6.entry(*prefix).or_insert_with(|| pid.clone());
            }
        }
        Self { vtag: message.meta.vtag, pids, ipv4, ipv6 }
    }

    /// Version of the map.
    pub fn vtag(&self) -> &VersionTag {
        &self.vtag
    }

    /// All PIDs with their prefixes, of which a PID may have none (RFC 7285 §11.2.1.7).
    pub fn pids(&self) -> &BTreeMap<PidName, EndpointAddrGroup> {
        &self.pids
    }

    /// PID of an address: that of the longest prefix of its type, over all PIDs (RFC 7285 §11.2.2).
    ///
    /// IPv4 and IPv6 are separate: an IPv4-mapped IPv6 address is looked up among the IPv6 prefixes.
    pub fn pid_of(&self, address: IpAddr) -> Option<&PidName> {
        match address {
            IpAddr::V4(address) => self.ipv4.get_lpm(&Ipv4Net::from(address)).map(|(_, pid)| pid),
            IpAddr::V6(address) => self.ipv6.get_lpm(&Ipv6Net::from(address)).map(|(_, pid)| pid),
        }
    }

    /// Longest prefix that contains an address, with its PID.
    pub fn longest_match(&self, address: IpAddr) -> Option<(IpNet, &PidName)> {
        match address {
            IpAddr::V4(address) => {
                self.ipv4.get_lpm(&Ipv4Net::from(address)).map(|(prefix, pid)| (IpNet::V4(prefix), pid))
            }
            IpAddr::V6(address) => {
                self.ipv6.get_lpm(&Ipv6Net::from(address)).map(|(prefix, pid)| (IpNet::V6(prefix), pid))
            }
        }
    }

    /// The map as the message in which a server would have sent it.
    pub fn to_message(&self) -> Message {
        Message { meta: alto_types::NetworkMapMeta { vtag: self.vtag.clone() }, network_map: self.pids.clone() }
    }
}

/// Clears the bits after each prefix length, which some servers leave set.
pub(crate) fn masked(mut group: EndpointAddrGroup) -> EndpointAddrGroup {
    group.ipv4.iter_mut().for_each(|prefix| *prefix = prefix.trunc());
    group.ipv6.iter_mut().for_each(|prefix| *prefix = prefix.trunc());
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn map(network_map: &serde_json::Value) -> NetworkMap {
        let vtag = serde_json::json!({"resource-id": "m", "tag": "1"});
        NetworkMap::new(
            serde_json::from_value(serde_json::json!({"meta": {"vtag": vtag}, "network-map": network_map})).unwrap(),
        )
    }

    #[test]
    fn the_longest_prefix_of_all_pids_decides() {
        let map = map(&serde_json::json!({
            "pidA": {"ipv4": ["192.0.2.0/24", "198.51.100.0/25"], "ipv6": ["2001:db8:a::/48"]},
            "pidB": {"ipv4": ["192.0.2.128/25", "192.0.2.7/32"], "ipv6": ["2001:DB8:A:B:0:0:0:0/64"]},
            "pidC": {"ipv4": ["198.51.100.200/25"], "mac48": ["00-00-5E-00-53-00/24"]},
            "pidD": {"ipv6": ["2001:db8:d::/48"]},
            "pidE": {"eui64": [1, null]},
            "pidZ": {"ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"]},
        }));
        for (address, pid) in [
            ("192.0.2.1", "pidA"),
            ("192.0.2.7", "pidB"),
            ("192.0.2.200", "pidB"),
            ("198.51.100.1", "pidA"),
            ("198.51.100.200", "pidC"),
            ("203.0.113.1", "pidZ"),
            ("2001:db8:a::1", "pidA"),
            ("2001:db8:a:b::1", "pidB"),
            ("2001:db8:d::1", "pidD"),
            ("2001:db8:ffff::1", "pidZ"),
            ("::ffff:192.0.2.7", "pidZ"),
        ] {
            assert_eq!(map.pid_of(address.parse().unwrap()).map(PidName::as_str), Some(pid), "{address}");
        }
        assert!(map.pids().contains_key("pidE"), "a PID without known addresses is a PID");
        let (prefix, _) = map.longest_match("198.51.100.200".parse().unwrap()).unwrap();
        assert_eq!(prefix.to_string(), "198.51.100.128/25", "host bits mean nothing");
    }

    #[test]
    fn no_prefix_no_pid() {
        let map = map(&serde_json::json!({"west": {"ipv4": ["0.0.0.0/1"]}, "east": {"ipv4": ["128.0.0.0/1"]}}));
        assert_eq!(map.pid_of("2001:db8::1".parse().unwrap()), None);
        assert_eq!(map.pid_of("128.0.0.0".parse().unwrap()).unwrap().as_str(), "east");
    }

    /// Addresses with few distinct leading bits, so that prefixes often contain them.
    fn address() -> impl Strategy<Value = IpAddr> {
        let v4 = (select(vec![0_u32, 0x0a00_0000, 0x0a80_0000, 0xc000_0200, u32::MAX]), any::<u8>());
        let v6 = (select(vec![0_u128, 0x2001_0db8 << 96, 0x2001_0db8_000a << 80, u128::MAX]), any::<u16>());
        prop_oneof![
            v4.prop_map(|(base, low)| IpAddr::V4((base ^ u32::from(low)).into())),
            v6.prop_map(|(base, low)| IpAddr::V6((base ^ u128::from(low)).into())),
        ]
    }

    proptest! {
        #[test]
        fn lookups_agree_with_a_scan(
            prefixes in proptest::collection::vec((address(), 0_u8..=128, 0_u8..6), 0..60),
            addresses in proptest::collection::vec(address(), 1..40),
        ) {
            let mut groups: BTreeMap<PidName, EndpointAddrGroup> = BTreeMap::new();
            for (address, length, pid) in prefixes {
                let group = groups.entry(format!("p{pid}").parse().unwrap()).or_default();
                match address {
                    IpAddr::V4(address) => group.ipv4.push(Ipv4Net::new(address, length % 33).unwrap()),
                    IpAddr::V6(address) => group.ipv6.push(Ipv6Net::new(address, length).unwrap()),
                }
            }
            let vtag: VersionTag = serde_json::from_value(serde_json::json!({"resource-id": "m", "tag": "1"})).unwrap();
            let message = Message { meta: alto_types::NetworkMapMeta { vtag }, network_map: groups.clone() };
            let map = NetworkMap::new(message);
            for address in addresses {
                // Longest first; of equally long ones, which are equal prefixes, the first PID by name.
                let mut best: Option<(u8, &PidName)> = None;
                for (pid, group) in &groups {
                    let v4 = group.ipv4.iter().map(|net| IpNet::V4(*net));
                    for net in v4.chain(group.ipv6.iter().map(|net| IpNet::V6(*net))) {
                        if net.contains(&address) && best.is_none_or(|(length, _)| net.prefix_len() > length) {
                            best = Some((net.prefix_len(), pid));
                        }
                    }
                }
                prop_assert_eq!(map.pid_of(address), best.map(|(_, pid)| pid), "{}", address);
            }
        }
    }
}
