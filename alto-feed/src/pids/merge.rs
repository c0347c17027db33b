//! Merging of prefixes: fewer of them, without changing the longest match of any address.
//!
//! A prefix goes if the prefix around it has the same PID, and two halves of a prefix that have the same PID become that
//! prefix.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::rules::PidNumber;

/// A prefix of up to 128 bits, of which an IPv4 prefix uses the first 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Net {
    bits: u128,
    length: u8,
}

type Entry = (Net, PidNumber);

/// Merges prefixes of both families. Addresses that no prefix covers belong to [`PidNumber::DEFAULT`], so a prefix of that
/// PID stays only where it interrupts another. The prefixes must be distinct; the result is sorted.
pub fn merge(prefixes: impl IntoIterator<Item = (IpNet, PidNumber)>) -> Vec<(IpNet, PidNumber)> {
    let (mut ipv4, mut ipv6): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
    for (prefix, pid) in prefixes {
        match prefix {
            IpNet::V4(net) => {
                let bits = u128::from(u32::from(net.network())) << 96;
                ipv4.push((Net { bits, length: net.prefix_len() }, pid));
            }
            IpNet::V6(net) => ipv6.push((Net { bits: net.network().into(), length: net.prefix_len() }, pid)),
        }
    }
    let mut merged = Vec::new();
    merged.extend(merge_family(ipv4).into_iter().filter_map(|(net, pid)| Some((net.to_ipv4()?, pid))));
    merged.extend(merge_family(ipv6).into_iter().filter_map(|(net, pid)| Some((net.to_ipv6()?, pid))));
    merged
}

/// Merges prefixes of one family until nothing changes any more.
fn merge_family(mut entries: Vec<Entry>) -> Vec<Entry> {
    loop {
        let before = entries.len();
        entries = drop_covered(join_halves(entries));
        if entries.len() == before {
            return entries;
        }
    }
}

/// Replaces two halves of a prefix that have the same PID by that prefix. What the prefix had before decided nothing,
/// because its halves cover it.
fn join_halves(entries: Vec<Entry>) -> Vec<Entry> {
    let mut pids: HashMap<Net, PidNumber> = entries.iter().copied().collect();
    let mut by_length: Vec<Vec<Net>> = vec![Vec::new(); 129];
    for (net, _) in entries {
        by_length[usize::from(net.length)].push(net);
    }
    for length in (1..=128).rev() {
        for net in std::mem::take(&mut by_length[length]) {
            let sibling = net.sibling();
            let (Some(&pid), Some(&other)) = (pids.get(&net), pids.get(&sibling)) else { continue };
            if pid == other {
                pids.remove(&net);
                pids.remove(&sibling);
                let parent = net.parent();
                if pids.insert(parent, pid).is_none() {
                    by_length[length - 1].push(parent);
                }
            }
        }
    }
    pids.into_iter().collect()
}

/// Drops prefixes whose covering prefix has the same PID, and sorts the others.
fn drop_covered(mut entries: Vec<Entry>) -> Vec<Entry> {
    // Covering prefixes sort before covered ones.
    entries.sort_unstable();
    let mut around: Vec<Entry> = Vec::new();
    entries.retain(|(net, pid)| {
        while around.last().is_some_and(|(outer, _)| !outer.contains(*net)) {
            around.pop();
        }
        let covering = around.last().map_or(PidNumber::DEFAULT, |(_, pid)| *pid);
        if *pid == covering {
            return false;
        }
        around.push((*net, *pid));
        true
    });
    entries
}

impl Net {
    /// Returns whether another prefix lies within this one, or is the same.
    fn contains(self, other: Self) -> bool {
        self.length <= other.length && (self.bits ^ other.bits) & mask(self.length) == 0
    }

    /// Returns the other half of the parent.
    fn sibling(self) -> Self {
        let last = 128_u32.saturating_sub(self.length.into());
        Self { bits: self.bits ^ 1_u128.checked_shl(last).unwrap_or(0), ..self }
    }

    /// Returns the prefix that is one bit shorter.
    fn parent(self) -> Self {
        let length = self.length.saturating_sub(1);
        Self { bits: self.bits & mask(length), length }
    }

    fn to_ipv4(self) -> Option<IpNet> {
        let bits = u32::try_from(self.bits >> 96).ok()?;
        Ipv4Net::new(Ipv4Addr::from(bits), self.length).ok().map(IpNet::V4)
    }

    fn to_ipv6(self) -> Option<IpNet> {
        Ipv6Net::new(Ipv6Addr::from(self.bits), self.length).ok().map(IpNet::V6)
    }
}

/// Returns the bits that a prefix of this length has.
fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The PID of an address by the longest match, found by looking at every prefix.
    fn longest_match(prefixes: &[(IpNet, PidNumber)], address: std::net::IpAddr) -> PidNumber {
        let covering = prefixes.iter().filter(|(net, _)| net.contains(&address));
        covering.max_by_key(|(net, _)| net.prefix_len()).map_or(PidNumber::DEFAULT, |(_, pid)| *pid)
    }

    /// Prefixes of few bits, so that they nest and touch.
    fn prefixes() -> impl Strategy<Value = Vec<(IpNet, PidNumber)>> {
        let ipv4 = (0_u32..=255, 0_u8..=8, 0_u32..3).prop_map(|(first, length, pid)| {
            (IpNet::V4(Ipv4Net::new((first << 24).into(), length).unwrap().trunc()), PidNumber(pid))
        });
        let ipv6 = (0_u128..=15, 124_u8..=128, 0_u32..3).prop_map(|(last, length, pid)| {
            (IpNet::V6(Ipv6Net::new(last.into(), length).unwrap().trunc()), PidNumber(pid))
        });
        prop::collection::vec(prop_oneof![3 => ipv4, 1 => ipv6], 0..40)
            .prop_map(|list| list.into_iter().collect::<std::collections::BTreeMap<_, _>>().into_iter().collect())
    }

    proptest! {
        #[test]
        fn merging_changes_no_longest_match(prefixes in prefixes()) {
            let merged = merge(prefixes.clone());
            prop_assert!(merged.len() <= prefixes.len());
            for first in 0_u32..=255 {
                for address in [Ipv4Addr::from(first << 24), Ipv4Addr::from((first << 24) | 0x00ff_ffff)] {
                    prop_assert_eq!(longest_match(&merged, address.into()), longest_match(&prefixes, address.into()));
                }
            }
            for last in 0_u128..=16 {
                let address = Ipv6Addr::from(last).into();
                prop_assert_eq!(longest_match(&merged, address), longest_match(&prefixes, address));
            }
            prop_assert_eq!(merge(merged.clone()), merged, "merging again changes nothing");
        }
    }

    #[test]
    fn covered_prefixes_go_and_halves_become_one() {
        let net = |text: &str, pid| (text.parse::<IpNet>().unwrap(), PidNumber(pid));
        let merged = merge([
            net("10.0.0.0/9", 1),
            net("10.128.0.0/9", 1),
            net("10.1.0.0/16", 1),
            net("10.2.0.0/16", 2),
            net("10.2.3.0/24", 0),
            net("192.0.2.0/24", 0),
            net("2001:db8::/33", 3),
            net("2001:db8:8000::/33", 3),
        ]);
        let expected = [net("10.0.0.0/8", 1), net("10.2.0.0/16", 2), net("10.2.3.0/24", 0), net("2001:db8::/32", 3)];
        assert_eq!(merged, expected);
    }
}
