//! Prefixes that sources outside the topology give to its PIDs, as a layer above those of the topology.
//!
//! A source has one set of prefixes, in which a PID is a name, so that a set outlives the topologies that have the PID.
//! Of several sources with the same prefix, the one that sorts first counts, and any of them before the topology.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::mapped;
use super::network_map::{DEFAULT, NetworkMap, Pid};
use super::table::{Change, PrefixTable};
use super::tree::Prefix;
use crate::name::PidName;

/// The prefixes of one source. A copy shares what did not change.
#[derive(Clone, Debug, Default)]
pub struct PrefixSet {
    /// PIDs by the values of the tables.
    pids: Arc<Vec<PidName>>,
    ipv4: PrefixTable<Ipv4Net>,
    ipv6: PrefixTable<Ipv6Net>,
}

/// Changes to the prefixes of one source, of which the last one about a prefix counts.
#[derive(Clone, Debug, Default)]
pub struct PrefixChanges {
    pids: Vec<PidName>,
    ids: HashMap<PidName, u32>,
    ipv4: Vec<Change<Ipv4Net>>,
    ipv6: Vec<Change<Ipv6Net>>,
}

/// The effect of changes on a set.
#[derive(Clone, Debug, Default)]
pub struct PrefixDifference {
    /// Number of prefixes that are new, or in another PID than before.
    pub added: usize,
    /// Number of prefixes that are gone.
    pub removed: usize,
    ipv4: Vec<Ipv4Net>,
    ipv6: Vec<Ipv6Net>,
}

/// The prefixes of all sources, by the name of the source.
#[derive(Clone, Debug, Default)]
pub struct PrefixLayer(BTreeMap<String, Arc<PrefixSet>>);

impl PrefixChanges {
    /// Gives a prefix to a PID, or removes it from the set.
    pub fn set(&mut self, net: IpNet, pid: Option<&PidName>) {
        let id = pid.map(|name| {
            if let Some(id) = self.ids.get(name) {
                return *id;
            }
            let id = u32::try_from(self.pids.len()).unwrap_or(u32::MAX);
            self.pids.push(name.clone());
            self.ids.insert(name.clone(), id);
            id
        });
        match mapped::canonical(&net.trunc()) {
            IpNet::V4(net) => self.ipv4.push((net, id)),
            IpNet::V6(net) => self.ipv6.push((net, id)),
        }
    }

    /// PIDs that prefixes are given to, each once.
    pub fn pids(&self) -> &[PidName] {
        &self.pids
    }

    /// Returns the number of changes.
    pub fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }

    /// Returns whether there is no change.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over the changes, sorted, each prefix once, after [`sort`](Self::sort).
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, Option<&PidName>)> {
        let name = |id: Option<u32>| id.and_then(|id| self.pids.get(id as usize));
        let ipv4 = self.ipv4.iter().map(move |(net, id)| (IpNet::V4(*net), name(*id)));
        ipv4.chain(self.ipv6.iter().map(move |(net, id)| (IpNet::V6(*net), name(*id))))
    }

    /// Sorts the changes and keeps the last one about each prefix.
    pub fn sort(&mut self) {
        fn sort<N: Prefix>(changes: &mut Vec<Change<N>>) {
            // The sort is stable; of equal prefixes the first one after reversal is the last one given.
            changes.reverse();
            changes.sort_by_key(|(net, _)| *net);
            changes.dedup_by_key(|(net, _)| *net);
        }
        sort(&mut self.ipv4);
        sort(&mut self.ipv6);
    }
}

impl PrefixSet {
    /// Returns the set after changes, and their effect.
    pub fn with(&self, mut changes: PrefixChanges) -> (Self, PrefixDifference) {
        changes.sort();
        let mut pids = Arc::clone(&self.pids);
        let known: HashMap<&PidName, u32> = self.pids.iter().zip(0..).collect();
        let ids: Vec<u32> = changes
            .pids
            .iter()
            .map(|name| {
                known.get(name).copied().unwrap_or_else(|| {
                    let all = Arc::make_mut(&mut pids);
                    all.push(name.clone());
                    u32::try_from(all.len() - 1).unwrap_or(u32::MAX)
                })
            })
            .collect();
        let mut difference = PrefixDifference::default();
        let (ipv4, nets4) = apply(&self.ipv4, changes.ipv4, &ids, &mut difference);
        let (ipv6, nets6) = apply(&self.ipv6, changes.ipv6, &ids, &mut difference);
        (difference.ipv4, difference.ipv6) = (nets4, nets6);
        (Self { pids, ipv4, ipv6 }, difference)
    }

    /// Returns the effect of replacing this set by another.
    pub fn difference(&self, other: &Self) -> PrefixDifference {
        let mut difference = PrefixDifference::default();
        let same = |a: u32, b: u32| self.pids.get(a as usize) == other.pids.get(b as usize);
        difference.ipv4 = compare(&self.ipv4, &other.ipv4, &same, (&mut difference.added, &mut difference.removed));
        difference.ipv6 = compare(&self.ipv6, &other.ipv6, &same, (&mut difference.added, &mut difference.removed));
        difference
    }

    /// Returns the number of prefixes.
    pub fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }

    /// Returns whether the set has no prefixes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over all prefixes with their PIDs, IPv4 first, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, &PidName)> {
        let name = |id: u32| self.pids.get(id as usize);
        let ipv4 = self.ipv4.iter().filter_map(move |(net, id)| Some((IpNet::V4(net), name(id)?)));
        ipv4.chain(self.ipv6.iter().filter_map(move |(net, id)| Some((IpNet::V6(net), name(id)?))))
    }

    /// Counts the prefixes whose PID `map` does not have.
    pub fn unknown_in(&self, map: &NetworkMap) -> usize {
        let unknown: Vec<bool> = self.pids.iter().map(|name| map.id(name.as_str()).is_none()).collect();
        if unknown.iter().all(|unknown| !unknown) {
            return 0;
        }
        let is_unknown = |id: u32| unknown.get(id as usize).copied().unwrap_or(true);
        let ipv4 = self.ipv4.iter().filter(|(_, id)| is_unknown(*id)).count();
        ipv4 + self.ipv6.iter().filter(|(_, id)| is_unknown(*id)).count()
    }

    /// Maps the values of the tables to the PIDs of a map.
    fn ids_in(&self, map: &NetworkMap) -> Vec<Option<u32>> {
        self.pids.iter().map(|name| map.id(name.as_str()).map(|pid| pid.0)).collect()
    }
}

/// Applies sorted changes, whose PIDs `ids` translates, and lists the prefixes that are different afterwards.
fn apply<N: Prefix>(
    table: &PrefixTable<N>,
    mut changes: Vec<Change<N>>,
    ids: &[u32],
    difference: &mut PrefixDifference,
) -> (PrefixTable<N>, Vec<N>) {
    for (_, id) in &mut changes {
        *id = id.and_then(|id| ids.get(id as usize).copied());
    }
    changes.retain(|(net, id)| {
        let old = table.get(net);
        match (old, id) {
            (Some(_), None) => difference.removed += 1,
            (_, Some(id)) if old != Some(*id) => difference.added += 1,
            _ => return false,
        }
        true
    });
    let nets = changes.iter().map(|(net, _)| *net).collect();
    (table.with(&changes), nets)
}

/// Lists the prefixes that two tables do not have in common.
fn compare<N: Prefix>(
    old: &PrefixTable<N>,
    new: &PrefixTable<N>,
    same: &impl Fn(u32, u32) -> bool,
    (added, removed): (&mut usize, &mut usize),
) -> Vec<N> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut nets = Vec::new();
    loop {
        let nets_of = (old.peek().map(|(net, _)| *net), new.peek().map(|(net, _)| *net));
        let Some(net) = nets_of.0.into_iter().chain(nets_of.1).min() else { return nets };
        let before = old.next_if(|(known, _)| *known == net).map(|(_, id)| id);
        let after = new.next_if(|(known, _)| *known == net).map(|(_, id)| id);
        match (before, after) {
            (Some(before), Some(after)) if same(before, after) => continue,
            (_, None) => *removed += 1,
            (_, Some(_)) => *added += 1,
        }
        nets.push(net);
    }
}

impl PrefixDifference {
    /// Returns the number of prefixes that are different.
    pub fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }

    /// Returns whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the effect of later changes, possibly of another source.
    pub fn extend(&mut self, later: &Self) {
        self.added += later.added;
        self.removed += later.removed;
        self.ipv4.extend(&later.ipv4);
        self.ipv6.extend(&later.ipv6);
    }
}

impl PrefixLayer {
    /// Returns the set of a source.
    pub fn get(&self, source: &str) -> Option<&Arc<PrefixSet>> {
        self.0.get(source)
    }

    /// Sets the set of a source.
    pub fn insert(&mut self, source: &str, set: Arc<PrefixSet>) {
        self.0.insert(source.to_owned(), set);
    }

    /// Removes a source and returns its set.
    pub fn remove(&mut self, source: &str) -> Option<Arc<PrefixSet>> {
        self.0.remove(source)
    }

    /// Iterates over all sources by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<PrefixSet>)> {
        self.0.iter().map(|(source, set)| (source.as_str(), set))
    }

    /// Returns the number of prefixes of all sources.
    pub fn len(&self) -> usize {
        self.0.values().map(|set| set.len()).sum()
    }

    /// Returns whether no source has a prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Builds the network map of a topology with this layer above it.
    pub(crate) fn over(&self, base: &NetworkMap) -> NetworkMap {
        if self.is_empty() {
            return base.clone();
        }
        let mut pids: Vec<Pid> =
            base.pids().map(|(_, pid)| Pid { name: pid.name.clone(), ipv4: Vec::new(), ipv6: Vec::new() }).collect();
        let sources: Vec<(&PrefixSet, Vec<Option<u32>>)> =
            self.0.values().map(|set| (&**set, set.ids_in(base))).collect();
        for (net, pid) in stacked(base.ipv4(), sources.iter().map(|(set, ids)| (&set.ipv4, &ids[..]))) {
            pids[pid as usize].ipv4.push(net);
        }
        for (net, pid) in stacked(base.ipv6(), sources.iter().map(|(set, ids)| (&set.ipv6, &ids[..]))) {
            pids[pid as usize].ipv6.push(net);
        }
        // A topology with IPv6 is complete by itself.
        let is_open = !base.has_ipv6() && pids.iter().any(|pid| !pid.ipv6.is_empty());
        if is_open && !pids.iter().any(|pid| pid.ipv6.first() == Some(&Ipv6Net::default())) {
            let place = pids.binary_search_by(|pid| pid.name.as_str().cmp(DEFAULT)).unwrap_or_else(|place| {
                let name = DEFAULT.parse().expect("a legal name");
                pids.insert(place, Pid { name, ipv4: Vec::new(), ipv6: Vec::new() });
                place
            });
            pids[place].ipv6.insert(0, Ipv6Net::default());
        }
        NetworkMap::of(pids)
    }

    /// Updates a network map that this layer was above before it changed; equals [`over`](Self::over).
    pub(crate) fn update(&self, map: &NetworkMap, base: &NetworkMap, difference: &PrefixDifference) -> NetworkMap {
        if map.len() != base.len() {
            return self.over(base);
        }
        let sources: Vec<(&PrefixSet, Vec<Option<u32>>)> =
            self.0.values().map(|set| (&**set, set.ids_in(base))).collect();
        let mut ipv4: Vec<Change<Ipv4Net>> = difference.ipv4.iter().map(|net| (*net, None)).collect();
        resolve(&mut ipv4, base.ipv4(), || sources.iter().map(|(set, ids)| (&set.ipv4, &ids[..])));
        let mut ipv6: Vec<Change<Ipv6Net>> = difference.ipv6.iter().map(|net| (*net, None)).collect();
        resolve(&mut ipv6, base.ipv6(), || sources.iter().map(|(set, ids)| (&set.ipv6, &ids[..])));
        if !base.has_ipv6() && !ipv6.is_empty() {
            let catch_all = ipv6.iter().any(|(net, _)| *net == Ipv6Net::default());
            let lost = ipv6.iter().filter(|(net, pid)| pid.is_none() && map.ipv6().get(net).is_some()).count();
            // Where IPv6 appears or disappears, its catch-all prefix does as well.
            if !map.has_ipv6() || catch_all || map.ipv6().len().saturating_sub(lost) <= 1 {
                return self.over(base);
            }
        }
        map.with(&ipv4, &ipv6)
    }
}

/// Merges the prefixes of all sources over those of a topology, sorted.
fn stacked<'a, N: Prefix + 'a>(
    base: &PrefixTable<N>,
    sources: impl Iterator<Item = (&'a PrefixTable<N>, &'a [Option<u32>])>,
) -> Vec<(N, u32)> {
    let mut all: Vec<(N, u32, u32)> = Vec::with_capacity(base.len());
    for (rank, (table, ids)) in (0..).zip(sources) {
        all.extend(table.iter().filter_map(|(net, id)| Some((net, rank, (*ids.get(id as usize)?)?))));
    }
    all.extend(base.iter().map(|(net, pid)| (net, u32::MAX, pid)));
    all.sort_unstable();
    all.dedup_by_key(|(net, ..)| *net);
    all.into_iter().map(|(net, _, pid)| (net, pid)).collect()
}

/// Finds the PID that each prefix has now, and sorts the changes.
fn resolve<'a, N: Prefix + 'a, I>(changes: &mut Vec<Change<N>>, base: &PrefixTable<N>, sources: impl Fn() -> I)
where
    I: Iterator<Item = (&'a PrefixTable<N>, &'a [Option<u32>])>,
{
    changes.sort_unstable_by_key(|(net, _)| *net);
    changes.dedup_by_key(|(net, _)| *net);
    for (net, pid) in changes {
        let of_source = |(table, ids): (&PrefixTable<N>, &[Option<u32>])| *ids.get(table.get(net)? as usize)?;
        *pid = sources().find_map(of_source).or_else(|| base.get(net));
    }
}
