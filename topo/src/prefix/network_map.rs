//! Network maps: addresses grouped into PIDs (RFC 7285 §5), and the PID of an address.
//!
//! A map is complete: addresses that no other prefix covers belong to the PID `default` (§11.2.2). A map that results from
//! changes to another one shares everything that the changes leave as it is.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::blocks::Blocks;
use super::table::{Change, PrefixTable};
use super::tree::Prefix;
use crate::name::PidName;
use crate::parallel::map_slices;
use crate::tag::Hasher;

/// Name of the PID that holds all addresses no other PID holds.
pub(crate) const DEFAULT: &str = "default";

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
    pids: Vec<Hashed>,
    ipv4: PrefixTable<Ipv4Net>,
    ipv6: PrefixTable<Ipv6Net>,
    tag: String,
}

/// A PID and the hash of its content.
#[derive(Clone, Debug)]
struct Hashed {
    pid: Arc<Pid>,
    blocks: Arc<(Blocks<Ipv4Net>, Blocks<Ipv6Net>)>,
    digest: [u8; 32],
}

impl NetworkMap {
    /// Builds the map, adding prefixes to the PID `default` where the others leave addresses uncovered.
    ///
    /// The prefixes of each PID are sorted. IPv6 is completed if there is an IPv6 prefix, or if `any_ipv6` is set.
    pub(crate) fn complete(mut pids: Vec<Pid>, any_ipv6: bool) -> Self {
        pids.sort_by(|a, b| a.name.cmp(&b.name));
        let lacks_ipv4 = !covers_all(sorted(&pids, |pid| &pid.ipv4).iter().map(|(net, _)| *net));
        let any_ipv6 = any_ipv6 || pids.iter().any(|pid| !pid.ipv6.is_empty());
        let lacks_ipv6 = any_ipv6 && !covers_all(sorted(&pids, |pid| &pid.ipv6).iter().map(|(net, _)| *net));
        if lacks_ipv4 || lacks_ipv6 {
            let place = pids.binary_search_by(|pid| pid.name.as_str().cmp(DEFAULT)).unwrap_or_else(|place| {
                let name = DEFAULT.parse().expect("a legal name");
                pids.insert(place, Pid { name, ipv4: Vec::new(), ipv6: Vec::new() });
                place
            });
            // No other PID has the catch-all prefix, which would have completed the map; it sorts before all others.
            if lacks_ipv4 {
                pids[place].ipv4.insert(0, Ipv4Net::default());
            }
            if lacks_ipv6 {
                pids[place].ipv6.insert(0, Ipv6Net::default());
            }
        }
        Self::of(pids)
    }

    /// Builds the map from PIDs that are sorted by name and have sorted prefixes.
    pub(crate) fn of(pids: Vec<Pid>) -> Self {
        let ipv4 = PrefixTable::new(&sorted(&pids, |pid| &pid.ipv4));
        let ipv6 = PrefixTable::new(&sorted(&pids, |pid| &pid.ipv6));
        let blocks =
            map_slices(&pids, |pids| pids.iter().map(|pid| (Blocks::of(&pid.ipv4), Blocks::of(&pid.ipv6))).collect());
        let pids: Vec<Hashed> = pids.into_iter().zip(blocks).map(|(pid, blocks)| Hashed::new(pid, blocks)).collect();
        let tag = combine(&pids);
        Self { pids, ipv4, ipv6, tag }
    }

    /// Returns the map after changes, which are sorted and distinct, of the PIDs of prefixes.
    pub(crate) fn with(&self, ipv4: &[Change<Ipv4Net>], ipv6: &[Change<Ipv6Net>]) -> Self {
        let lists4 = lists(&self.ipv4, ipv4, self.pids.len());
        let lists6 = lists(&self.ipv6, ipv6, self.pids.len());
        let changes: Vec<_> = self.pids.iter().zip(lists4.iter().zip(&lists6)).collect();
        let pids =
            map_slices(&changes, |changes| changes.iter().map(|(pid, (four, six))| pid.with(four, six)).collect());
        let tag = combine(&pids);
        Self { pids, ipv4: self.ipv4.with(ipv4), ipv6: self.ipv6.with(ipv6), tag }
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
        self.pids.iter().enumerate().map(|(i, hashed)| (PidId(u32::try_from(i).unwrap_or(u32::MAX)), &*hashed.pid))
    }

    /// Finds a PID by name.
    pub fn id(&self, name: &str) -> Option<PidId> {
        let place = self.pids.binary_search_by(|hashed| hashed.pid.name.as_str().cmp(name)).ok()?;
        u32::try_from(place).ok().map(PidId)
    }

    /// Returns a PID of this map.
    pub fn pid(&self, id: PidId) -> &Pid {
        &self.pids[id.0 as usize].pid
    }

    /// Finds the PID with the longest prefix that covers an address; `None` for IPv6 in a map without IPv6.
    pub fn lookup(&self, address: IpAddr) -> Option<PidId> {
        self.closest(&IpNet::from(address.to_canonical()))
    }

    /// Finds the PID with the longest prefix that covers a prefix.
    pub(crate) fn closest(&self, net: &IpNet) -> Option<PidId> {
        let found = match net {
            IpNet::V4(net) => self.ipv4.closest(&net.trunc()).map(|(_, pid)| pid),
            IpNet::V6(net) => self.ipv6.closest(&net.trunc()).map(|(_, pid)| pid),
        };
        found.map(PidId)
    }

    /// IPv4 prefixes with their PIDs.
    pub(crate) fn ipv4(&self) -> &PrefixTable<Ipv4Net> {
        &self.ipv4
    }

    /// IPv6 prefixes with their PIDs.
    pub(crate) fn ipv6(&self) -> &PrefixTable<Ipv6Net> {
        &self.ipv6
    }

    /// Returns whether the map has IPv4 prefixes.
    pub fn has_ipv4(&self) -> bool {
        self.ipv4.len() > 0
    }

    /// Returns whether the map has IPv6 prefixes.
    pub fn has_ipv6(&self) -> bool {
        self.ipv6.len() > 0
    }

    /// Returns the number of prefixes of all PIDs.
    pub fn prefix_count(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }
}

impl Hashed {
    fn new(pid: Pid, blocks: (Blocks<Ipv4Net>, Blocks<Ipv6Net>)) -> Self {
        let mut hasher = Hasher::new("PID");
        hasher.text(pid.name.as_str());
        blocks.0.add_to(&mut hasher);
        blocks.1.add_to(&mut hasher);
        Self { pid: Arc::new(pid), blocks: Arc::new(blocks), digest: hasher.digest() }
    }

    /// Returns the PID after changes of its prefixes.
    fn with(&self, ipv4: &ListChanges<Ipv4Net>, ipv6: &ListChanges<Ipv6Net>) -> Self {
        if ipv4.is_empty() && ipv6.is_empty() {
            return self.clone();
        }
        let old = &self.pid;
        let pid = Pid { name: old.name.clone(), ipv4: merged(&old.ipv4, ipv4), ipv6: merged(&old.ipv6, ipv6) };
        let blocks = (
            self.blocks.0.after(&pid.ipv4, ipv4.iter().map(|(net, _)| *net)),
            self.blocks.1.after(&pid.ipv6, ipv6.iter().map(|(net, _)| *net)),
        );
        Self::new(pid, blocks)
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

/// Collects the prefixes of all PIDs, sorted, with the index of their PID.
fn sorted<N: Prefix>(pids: &[Pid], of: impl Fn(&Pid) -> &Vec<N>) -> Vec<(N, u32)> {
    let mut all = Vec::with_capacity(pids.iter().map(|pid| of(pid).len()).sum());
    for (place, pid) in (0..).zip(pids) {
        all.extend(of(pid).iter().map(|net| (*net, place)));
    }
    all.sort_unstable();
    all
}

/// Returns whether sorted prefixes leave no address uncovered.
fn covers_all<N: Prefix>(sorted: impl Iterator<Item = N>) -> bool {
    let mut covered: Option<N> = None;
    for net in sorted {
        match covered {
            Some(last) if last.holds(&net) => {}
            Some(last) if !net.follows(&last) => return false,
            None if !net.is_first() => return false,
            _ => covered = Some(net),
        }
    }
    covered.is_some_and(|last| last.is_last())
}

/// The changes to the prefixes of one PID, sorted: true for an added prefix, false for a removed one.
type ListChanges<N> = Vec<(N, bool)>;

/// Distributes changes over the PIDs that they affect.
fn lists<N: Prefix>(table: &PrefixTable<N>, changes: &[Change<N>], pids: usize) -> Vec<ListChanges<N>> {
    let mut lists = vec![Vec::new(); pids];
    for (net, new) in changes {
        let old = table.get(net);
        if old != *new {
            for (pid, added) in [(old, false), (*new, true)] {
                if let Some(list) = pid.and_then(|pid| lists.get_mut(pid as usize)) {
                    list.push((*net, added));
                }
            }
        }
    }
    lists
}

/// Merges sorted changes into a sorted list.
fn merged<N: Prefix>(old: &[N], changes: &ListChanges<N>) -> Vec<N> {
    let mut next = Vec::with_capacity(old.len() + changes.len());
    let mut rest = old;
    for (net, added) in changes {
        let (before, after) = rest.split_at(rest.partition_point(|known| known < net));
        next.extend_from_slice(before);
        rest = if after.first() == Some(net) { &after[1..] } else { after };
        if *added {
            next.push(*net);
        }
    }
    next.extend_from_slice(rest);
    next
}

/// Combines the digests of all PIDs, so that equal maps, and only these, have equal tags.
fn combine(pids: &[Hashed]) -> String {
    let mut hasher = Hasher::new("network map");
    for hashed in pids {
        hasher.bytes(&hashed.digest);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found() {
        let covers = |nets: &[&str]| {
            let mut nets: Vec<Ipv4Net> = nets.iter().map(|net| net.parse().unwrap()).collect();
            nets.sort_unstable();
            covers_all(nets.into_iter())
        };
        assert!(covers(&["0.0.0.0/0"]) && covers(&["0.0.0.0/1", "128.0.0.0/1"]));
        assert!(covers(&[
            "0.0.0.0/1",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "128.0.0.0/2",
            "192.0.0.0/2",
            "255.255.255.255/32"
        ]));
        assert!(!covers(&[]) && !covers(&["0.0.0.0/1"]) && !covers(&["128.0.0.0/1"]));
        assert!(!covers(&["0.0.0.0/1", "128.0.0.0/2", "193.0.0.0/8", "192.0.0.0/8"]));
        assert!(!covers(&["0.0.0.0/2", "0.0.0.0/8", "128.0.0.0/1"]));
    }
}
