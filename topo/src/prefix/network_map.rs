//! Network maps: addresses grouped into PIDs (RFC 7285 §5), and the PID of an address.
//!
//! A map is complete: addresses that no other prefix covers belong to the PID `default` (§11.2.2).

use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};

use super::table::{PrefixTable, Range};
use crate::name::PidName;
use crate::tag::Hasher;

/// Name of the PID that holds all addresses no other PID holds.
const DEFAULT: &str = "default";

/// The index of a PID in its network map, in the order of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PidId(pub u32);

/// A group of addresses that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pid {
    pub(crate) name: PidName,
    /// IPv4 prefixes, sorted and distinct.
    pub(crate) ipv4: Vec<Ipv4Net>,
    /// IPv6 prefixes, sorted and distinct.
    pub(crate) ipv6: Vec<Ipv6Net>,
}

/// A complete network map with longest-prefix match.
#[derive(Clone, Debug)]
pub struct NetworkMap {
    /// PIDs, sorted by name.
    pids: Vec<Pid>,
    ipv4: PrefixTable<u32>,
    ipv6: PrefixTable<u128>,
    tag: String,
}

impl NetworkMap {
    /// Builds the map, adding prefixes to the PID `default` where the others leave addresses uncovered.
    ///
    /// IPv6 is completed if there is an IPv6 prefix, or if `any_ipv6` is set.
    pub(crate) fn complete(mut pids: Vec<Pid>, any_ipv6: bool) -> Self {
        pids.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut ipv4, mut ipv6) = tables(&pids);
        let lacks_ipv4 = !ipv4.is_complete();
        let any_ipv6 = any_ipv6 || pids.iter().any(|pid| !pid.ipv6.is_empty());
        let lacks_ipv6 = any_ipv6 && !ipv6.is_complete();
        if lacks_ipv4 || lacks_ipv6 {
            let place = pids.binary_search_by(|pid| pid.name.as_str().cmp(DEFAULT)).unwrap_or_else(|place| {
                let name = DEFAULT.parse().expect("a legal name");
                pids.insert(place, Pid { name, ipv4: Vec::new(), ipv6: Vec::new() });
                let first = u32::try_from(place).unwrap_or(u32::MAX);
                ipv4.shift_values_from(first);
                ipv6.shift_values_from(first);
                place
            });
            // No other PID has the catch-all prefix, which would have completed the map; it sorts before all others.
            let (pid, value) = (&mut pids[place], u32::try_from(place).unwrap_or(u32::MAX));
            if lacks_ipv4 {
                pid.ipv4.insert(0, Ipv4Net::default());
                ipv4.fill_gaps(value);
            }
            if lacks_ipv6 {
                pid.ipv6.insert(0, Ipv6Net::default());
                ipv6.fill_gaps(value);
            }
        }
        let tag = content_hash(&pids);
        Self { pids, ipv4, ipv6, tag }
    }

    /// Version tag: a hash of the content, in hexadecimal.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns the number of PIDs.
    pub fn len(&self) -> usize {
        self.pids.len()
    }

    /// Returns whether the map has no PIDs, which a complete map never does.
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty()
    }

    /// Iterates over all PIDs, by name.
    pub fn pids(&self) -> impl ExactSizeIterator<Item = (PidId, &Pid)> {
        self.pids.iter().enumerate().map(|(i, pid)| (PidId(u32::try_from(i).unwrap_or(u32::MAX)), pid))
    }

    /// Finds a PID by name.
    pub fn id(&self, name: &str) -> Option<PidId> {
        let place = self.pids.binary_search_by(|pid| pid.name.as_str().cmp(name)).ok()?;
        u32::try_from(place).ok().map(PidId)
    }

    /// Returns a PID of this map.
    pub fn pid(&self, id: PidId) -> &Pid {
        &self.pids[id.0 as usize]
    }

    /// Finds the PID with the longest prefix that covers an address; `None` for IPv6 in a map without IPv6.
    pub fn lookup(&self, address: IpAddr) -> Option<PidId> {
        let found = match address.to_canonical() {
            IpAddr::V4(address) => self.ipv4.lookup(address.into()),
            IpAddr::V6(address) => self.ipv6.lookup(address.into()),
        };
        found.map(PidId)
    }

    /// Returns whether the map has IPv4 prefixes.
    pub fn has_ipv4(&self) -> bool {
        self.pids.iter().any(|pid| !pid.ipv4.is_empty())
    }

    /// Returns whether the map has IPv6 prefixes.
    pub fn has_ipv6(&self) -> bool {
        self.pids.iter().any(|pid| !pid.ipv6.is_empty())
    }

    /// Returns the number of prefixes of all PIDs.
    pub fn prefix_count(&self) -> usize {
        self.pids.iter().map(|pid| pid.ipv4.len() + pid.ipv6.len()).sum()
    }
}

impl Pid {
    /// Name of the PID, unique in its map.
    pub fn name(&self) -> &PidName {
        &self.name
    }

    /// IPv4 prefixes, sorted.
    pub fn ipv4(&self) -> &[Ipv4Net] {
        &self.ipv4
    }

    /// IPv6 prefixes, sorted.
    pub fn ipv6(&self) -> &[Ipv6Net] {
        &self.ipv6
    }
}

fn tables(pids: &[Pid]) -> (PrefixTable<u32>, PrefixTable<u128>) {
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    for (value, pid) in (0..).zip(pids) {
        let range = |net: &Ipv4Net| Range { first: net.network().into(), last: net.broadcast().into(), value };
        ipv4.extend(pid.ipv4.iter().map(range));
        let range = |net: &Ipv6Net| Range { first: net.network().into(), last: net.broadcast().into(), value };
        ipv6.extend(pid.ipv6.iter().map(range));
    }
    (PrefixTable::new(ipv4), PrefixTable::new(ipv6))
}

/// Hashes the content of a map, so that equal maps, and only these, have equal tags.
fn content_hash(pids: &[Pid]) -> String {
    let mut hasher = Hasher::new("network map");
    for pid in pids {
        hasher.text(pid.name.as_str());
        hasher.number(pid.ipv4.len() as u64);
        for net in &pid.ipv4 {
            hasher.bytes(&net.addr().octets());
            hasher.number(net.prefix_len().into());
        }
        hasher.number(pid.ipv6.len() as u64);
        for net in &pid.ipv6 {
            hasher.bytes(&net.addr().octets());
            hasher.number(net.prefix_len().into());
        }
    }
    hasher.finish()
}
