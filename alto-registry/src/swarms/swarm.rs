//! One swarm: its peers by place and address family, and how many they are.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::entry::{Entry, ipv4};
use super::{Infohash, Place};
use crate::peer::PeerAddress;

/// Peers of one swarm.
pub(super) struct Swarm {
    pub(super) infohash: Infohash,
    /// Version of the places in `sections`.
    pub(super) version: u64,
    /// Number of times that a peer reported to have finished.
    pub(super) finished: u32,
    /// Sorted by place and family.
    sections: Vec<Peers>,
    /// Peers at several addresses, once there is more than one family.
    twins: Option<Box<Twins>>,
    counts: Counts,
}

/// Peers of one place and address family.
struct Peers {
    place: Place,
    ipv6: bool,
    /// Number of seeds, which come first in the list.
    seeds: u32,
    list: Vec<Listed>,
}

/// Peer in the list of its section. An answer names dozens of peers, whose entries are spread over all of the memory;
/// IPv4 addresses are therefore in the list as well.
#[derive(Clone, Copy)]
struct Listed {
    /// Number of the entry.
    number: u32,
    /// Unspecified for IPv6 peers.
    ipv4: Ipv4Addr,
    port: u16,
}

/// Entries by the number that peers give at each of their addresses.
#[derive(Default)]
struct Twins(HashMap<u64, Twin>);

/// Number of entries that give the same number.
#[derive(Clone, Copy, Default)]
struct Twin {
    seeds: u32,
    leechers: u32,
}

/// Number of peers in a swarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Peers that have everything.
    pub complete: u32,
    /// Peers that have parts.
    pub incomplete: u32,
    /// Number of times that a peer reported to have finished.
    pub finished: u32,
}

/// Peers of a swarm as one of them may see them: without itself.
pub struct Members<'a> {
    swarm: &'a Swarm,
    entries: &'a slab::Slab<Entry>,
    /// Position of the peer to leave out.
    own: Option<Position>,
}

/// Section of a peer, and the index in its list.
#[derive(Clone, Copy)]
struct Position {
    place: Place,
    ipv6: bool,
    index: u32,
}

/// Peers of a place and address family, without the one that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Location of the peers.
    pub place: Place,
    /// Whether they have IPv6 addresses.
    pub ipv6: bool,
    /// Number of peers that have everything.
    pub seeds: u32,
    /// Number of peers that have parts.
    pub leechers: u32,
}

impl Swarm {
    pub(super) fn new(infohash: Infohash, version: u64) -> Self {
        Self { infohash, version, finished: 0, sections: Vec::new(), twins: None, counts: Counts::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { finished: self.finished, ..self.counts }
    }

    /// Numbers of all entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = u32> {
        self.sections.iter().flat_map(|section| section.list.iter().map(|listed| listed.number))
    }

    /// Adds an entry, of which place, completeness and identity are set.
    pub(super) fn insert(&mut self, number: u32, entries: &mut slab::Slab<Entry>) {
        let entry = &entries[number as usize];
        let (place, ipv6, complete) = (entry.place, entry.is_ipv6(), entry.complete);
        self.append(number, place, ipv6, entries);
        if complete {
            self.move_to_seeds(number, entries);
        }
        if self.twins.is_none() && self.sections.iter().any(|section| section.ipv6 != ipv6) {
            // The first of a second family: from now on, peers may be here twice.
            self.twins = Some(Box::default());
            self.counts = Counts::default();
            let all: Vec<u32> = self.entries().collect();
            for other in all {
                self.count(&entries[other as usize], true);
            }
            return;
        }
        self.count(&entries[number as usize], true);
    }

    /// Removes an entry, which keeps its fields.
    pub(super) fn remove(&mut self, number: u32, entries: &mut slab::Slab<Entry>) {
        let entry = &entries[number as usize];
        self.count(entry, false);
        let (complete, mut index) = (entry.complete, entry.index);
        let Some(section) = self.find(entry.place, entry.is_ipv6()) else { return };
        let peers = &mut self.sections[section];
        if complete {
            // The last seed takes the place of this one, and the last leecher that of the last seed.
            peers.seeds -= 1;
            peers.swap(index, peers.seeds, entries);
            index = peers.seeds;
        }
        let last = u32::try_from(peers.list.len()).unwrap_or(u32::MAX) - 1;
        peers.swap(index, last, entries);
        peers.list.pop();
        if peers.list.is_empty() {
            self.sections.remove(section);
        }
    }

    /// Forgets all sections, for entries to be inserted at other places. Counts stay as [`Swarm::insert`] makes them.
    pub(super) fn clear(&mut self) {
        self.sections.clear();
        self.twins = None;
        self.counts = Counts::default();
    }

    /// Appends an entry to the section of a place.
    fn append(&mut self, number: u32, place: Place, ipv6: bool, entries: &mut slab::Slab<Entry>) {
        let section = match self.search(place, ipv6) {
            Ok(section) => section,
            Err(section) => {
                self.sections.insert(section, Peers { place, ipv6, seeds: 0, list: Vec::new() });
                section
            }
        };
        let list = &mut self.sections[section].list;
        let entry = &mut entries[number as usize];
        entry.index = u32::try_from(list.len()).unwrap_or(u32::MAX);
        list.push(Listed { number, ipv4: ipv4(entry.ip).unwrap_or(Ipv4Addr::UNSPECIFIED), port: entry.port });
    }

    fn move_to_seeds(&mut self, number: u32, entries: &mut slab::Slab<Entry>) {
        let entry = &entries[number as usize];
        let index = entry.index;
        if let Some(section) = self.find(entry.place, entry.is_ipv6()) {
            let peers = &mut self.sections[section];
            peers.swap(index, peers.seeds, entries);
            peers.seeds += 1;
        }
    }

    fn search(&self, place: Place, ipv6: bool) -> Result<usize, usize> {
        self.sections.binary_search_by_key(&(place, ipv6), |section| (section.place, section.ipv6))
    }

    fn find(&self, place: Place, ipv6: bool) -> Option<usize> {
        self.search(place, ipv6).ok()
    }

    /// Counts an entry in, or out.
    fn count(&mut self, entry: &Entry, enters: bool) {
        let own = Twin { seeds: u32::from(entry.complete), leechers: u32::from(!entry.complete) };
        let (before, after) = match (&mut self.twins, entry.identity) {
            (Some(twins), Some(identity)) => twins.change(identity.get(), own, enters),
            _ if enters => (Twin::default(), own),
            _ => (own, Twin::default()),
        };
        let ((complete, incomplete), (more_complete, more_incomplete)) = (before.counts(), after.counts());
        self.counts.complete = self.counts.complete + more_complete - complete;
        self.counts.incomplete = self.counts.incomplete + more_incomplete - incomplete;
    }
}

impl Peers {
    fn swap(&mut self, one: u32, other: u32, entries: &mut slab::Slab<Entry>) {
        self.list.swap(one as usize, other as usize);
        for index in [one, other] {
            entries[self.list[index as usize].number as usize].index = index;
        }
    }
}

impl Twins {
    /// Adds to the entries of one identity, or removes from them. Returns their numbers before and after.
    fn change(&mut self, identity: u64, own: Twin, enters: bool) -> (Twin, Twin) {
        let before = self.0.get(&identity).copied().unwrap_or_default();
        let after = if enters {
            Twin { seeds: before.seeds + own.seeds, leechers: before.leechers + own.leechers }
        } else {
            Twin { seeds: before.seeds - own.seeds, leechers: before.leechers - own.leechers }
        };
        if after.seeds + after.leechers == 0 {
            self.0.remove(&identity);
        } else {
            self.0.insert(identity, after);
        }
        (before, after)
    }
}

impl Twin {
    /// Contribution to the numbers of complete and incomplete peers: one peer, complete if it is so at any address.
    fn counts(self) -> (u32, u32) {
        (u32::from(self.seeds > 0), u32::from(self.seeds == 0 && self.leechers > 0))
    }
}

impl<'a> Members<'a> {
    /// Shows a swarm to one of its peers, by the number of its entry, or to nobody in particular.
    pub(super) fn new(swarm: &'a Swarm, entries: &'a slab::Slab<Entry>, own: Option<u32>) -> Self {
        let own = own.and_then(|number| entries.get(number as usize));
        let position = |entry: &Entry| Position { place: entry.place, ipv6: entry.is_ipv6(), index: entry.index };
        Self { swarm, entries, own: own.map(position) }
    }

    /// Number of peers in the swarm, the asking one included.
    pub fn counts(&self) -> Counts {
        self.swarm.counts()
    }

    /// Peers by place and family. Empty sections are given, too, so that positions are those of [`Members::address`].
    pub fn sections(&self) -> impl Iterator<Item = Section> {
        self.swarm.sections.iter().map(|peers| {
            let length = u32::try_from(peers.list.len()).unwrap_or(u32::MAX);
            let own = self.own_in(peers);
            let own_seed = own.is_some_and(|index| index < peers.seeds);
            let seeds = peers.seeds - u32::from(own_seed);
            let leechers = length - peers.seeds - u32::from(own.is_some() && !own_seed);
            Section { place: peers.place, ipv6: peers.ipv6, seeds, leechers }
        })
    }

    /// Address of a peer by section and by its position among the seeds or leechers there. `None` where there is none.
    pub fn address(&self, section: usize, seed: bool, position: u32) -> Option<PeerAddress> {
        let peers = self.swarm.sections.get(section)?;
        let first = if seed { 0 } else { peers.seeds };
        let end = if seed { peers.seeds as usize } else { peers.list.len() };
        let index = first + position;
        // Positions from that of the asking peer on move up by one.
        let skips = self.own_in(peers).is_some_and(|own| own >= first && index >= own);
        let index = (index + u32::from(skips)) as usize;
        let Listed { number, ipv4, port } = *peers.list.get(index).filter(|_| index < end)?;
        if peers.ipv6 {
            return self.entries.get(number as usize).map(Entry::address);
        }
        Some(PeerAddress::new(IpAddr::V4(ipv4), port))
    }

    /// Index of the asking peer in a section, if it is there.
    fn own_in(&self, peers: &Peers) -> Option<u32> {
        let Position { place, ipv6, index } = self.own?;
        ((place, ipv6) == (peers.place, peers.ipv6)).then_some(index)
    }
}
