//! All swarms at a glance: how many peers there are at each place, and which swarms are the largest.

use std::collections::BTreeMap;

use super::{Counts, Infohash, Members, Place};

/// Peers of all swarms by place, and the largest swarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Peers at each place, counted once per swarm and address.
    pub places: BTreeMap<Place, Population>,
    /// The largest swarms, the largest first.
    pub largest: Vec<SurveyedSwarm>,
}

/// Peers at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// Peers that have everything.
    pub seeds: u64,
    /// Peers that have parts.
    pub leechers: u64,
}

/// One swarm with its peers by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedSwarm {
    /// Torrent of the swarm.
    pub infohash: Infohash,
    /// Peers in all.
    pub counts: Counts,
    /// Peers at each place, counted once per address.
    pub places: BTreeMap<Place, Population>,
}

impl Population {
    /// Number of peers.
    pub const fn total(&self) -> u64 {
        self.seeds + self.leechers
    }

    fn add(&mut self, other: Self) {
        (self.seeds, self.leechers) = (self.seeds + other.seeds, self.leechers + other.leechers);
    }
}

impl Survey {
    /// Adds a swarm, of which at most `most` stay in the list of the largest.
    pub(super) fn add(&mut self, infohash: Infohash, members: &Members<'_>, most: usize) {
        let mut places: BTreeMap<Place, Population> = BTreeMap::new();
        for section in members.sections() {
            let here = Population { seeds: section.seeds.into(), leechers: section.leechers.into() };
            places.entry(section.place).or_default().add(here);
            self.places.entry(section.place).or_default().add(here);
        }
        let swarm = SurveyedSwarm { infohash, counts: members.counts(), places };
        // Equal ones by infohash, so that the list does not depend on the order of the table.
        let order = |swarm: &SurveyedSwarm| {
            let Counts { complete, incomplete, .. } = swarm.counts;
            (std::cmp::Reverse(u64::from(complete) + u64::from(incomplete)), swarm.infohash)
        };
        let place = self.largest.partition_point(|known| order(known) < order(&swarm));
        if place < most {
            self.largest.insert(place, swarm);
            self.largest.truncate(most);
        }
    }
}
