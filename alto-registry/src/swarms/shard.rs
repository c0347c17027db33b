//! Part of the table under one lock: swarms, their peers, and the order in which these end.
//!
//! All leases are equally long, so a linked list through the entries keeps them sorted at constant cost.

use std::collections::HashMap;
use std::num::NonZeroU64;

use slab::Slab;

use super::entry::{Entry, NONE, bytes};
use super::survey::Survey;
use super::swarm::{Counts, Members, Swarm};
use super::{Announcement, Infohash, Locator};
use crate::peer::PeerAddress;
use crate::time::Timestamp;

/// Swarms whose infohashes fall into one part of the table.
#[derive(Default)]
pub(super) struct Shard {
    swarms: Slab<Swarm>,
    by_infohash: HashMap<Infohash, u32>,
    entries: Slab<Entry>,
    by_address: HashMap<(u32, [u8; 16], u16), u32>,
    ends: Option<Ends>,
    now: Timestamp,
}

/// First and last entry in the order in which their leases end.
#[derive(Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
}

impl Shard {
    pub(super) fn swarm_count(&self) -> usize {
        self.swarms.len()
    }

    /// Ends every lease that has ended by `now`, and calls `ended` with the address of each peer.
    pub(super) fn advance(&mut self, now: Timestamp, mut ended: impl FnMut(PeerAddress)) {
        self.now = now.max(self.now);
        while let Some(Ends { first, .. }) = self.ends
            && self.entries[first as usize].end <= self.now
        {
            ended(self.entries[first as usize].address());
            self.remove(first);
        }
    }

    /// Number of the entry of a peer.
    pub(super) fn find(&self, infohash: &Infohash, address: PeerAddress) -> Option<u32> {
        let swarm = *self.by_infohash.get(infohash)?;
        self.by_address.get(&(swarm, bytes(address.ip()), address.port())).copied()
    }

    pub(super) fn has_swarm(&self, infohash: &Infohash) -> bool {
        self.by_infohash.contains_key(infohash)
    }

    /// Renews a peer until `end`, or inserts it where `present`, the number that [`Shard::find`] returned, is none. Returns
    /// the number of its entry.
    pub(super) fn put(
        &mut self,
        announcement: &Announcement,
        present: Option<u32>,
        locator: &dyn Locator,
        end: Timestamp,
    ) -> u32 {
        let Announcement { infohash, address, identity, complete, finished } = *announcement;
        let identity = identity.and_then(NonZeroU64::new);
        let number = if let Some(number) = present {
            self.unlink(number);
            let entry = &self.entries[number as usize];
            let swarm = entry.swarm;
            if finished && complete && !entry.complete {
                let finished = &mut self.swarms[swarm as usize].finished;
                *finished = finished.saturating_add(1);
            }
            if entry.complete != complete || entry.identity != identity {
                self.swarms[swarm as usize].remove(number, &mut self.entries);
                let entry = &mut self.entries[number as usize];
                (entry.complete, entry.identity) = (complete, identity);
                self.swarms[swarm as usize].insert(number, &mut self.entries);
            }
            number
        } else {
            let swarm = self.swarm_of(&infohash, locator);
            let place = locator.place(address.ip());
            let (ip, port) = (bytes(address.ip()), address.port());
            let number = self.entries.insert(Entry {
                ip,
                port,
                complete,
                swarm,
                place,
                index: 0,
                previous: NONE,
                next: NONE,
                end,
                identity,
            });
            let number = u32::try_from(number).expect("the limits admit fewer than 2^32");
            self.by_address.insert((swarm, ip, port), number);
            self.swarms[swarm as usize].insert(number, &mut self.entries);
            number
        };
        self.link(number, end);
        number
    }

    /// Removes the entry with a number that [`Shard::find`] or [`Shard::put`] returned.
    pub(super) fn remove(&mut self, number: u32) {
        self.unlink(number);
        let Entry { swarm, ip, port, .. } = self.entries[number as usize];
        let of = &mut self.swarms[swarm as usize];
        of.remove(number, &mut self.entries);
        if of.is_empty() {
            self.by_infohash.remove(&of.infohash);
            self.swarms.remove(swarm as usize);
        }
        self.by_address.remove(&(swarm, ip, port));
        self.entries.remove(number as usize);
    }

    /// Shows a swarm, with its peers at their present places, to one of them, by the number of its entry.
    pub(super) fn members(&mut self, own: u32, locator: &dyn Locator) -> Members<'_> {
        let swarm = self.entries[own as usize].swarm;
        self.shown(swarm, Some(own), locator)
    }

    pub(super) fn counts(&self, infohash: &Infohash) -> Option<Counts> {
        let swarm = self.by_infohash.get(infohash)?;
        self.swarms.get(*swarm as usize).map(Swarm::counts)
    }

    /// Adds all swarms to a survey.
    pub(super) fn survey(&mut self, survey: &mut Survey, most: usize, locator: &dyn Locator) {
        let swarms: Vec<(Infohash, u32)> =
            self.by_infohash.iter().map(|(infohash, swarm)| (*infohash, *swarm)).collect();
        for (infohash, swarm) in swarms {
            survey.add(infohash, &self.shown(swarm, None, locator), most);
        }
    }

    /// Calls `each` with every peer, and the number of peers that have finished in its swarm.
    pub(super) fn each(&self, each: &mut dyn FnMut(&Announcement, u32)) {
        for (_, entry) in &self.entries {
            let swarm = &self.swarms[entry.swarm as usize];
            let announcement = Announcement {
                infohash: swarm.infohash,
                address: entry.address(),
                identity: entry.identity.map(NonZeroU64::get),
                complete: entry.complete,
                finished: false,
            };
            each(&announcement, swarm.finished);
        }
    }

    /// Sets the number of peers that have finished in a swarm.
    pub(super) fn set_finished(&mut self, infohash: &Infohash, finished: u32) {
        if let Some(swarm) = self.by_infohash.get(infohash) {
            self.swarms[*swarm as usize].finished = finished;
        }
    }

    /// Shows a swarm to one of its peers, by the number of its entry, or to nobody in particular.
    fn shown(&mut self, swarm: u32, own: Option<u32>, locator: &dyn Locator) -> Members<'_> {
        self.locate(swarm, locator);
        Members::new(&self.swarms[swarm as usize], &self.entries, own)
    }

    fn swarm_of(&mut self, infohash: &Infohash, locator: &dyn Locator) -> u32 {
        if let Some(&swarm) = self.by_infohash.get(infohash) {
            self.locate(swarm, locator);
            return swarm;
        }
        let swarm = self.swarms.insert(Swarm::new(*infohash, locator.version()));
        let swarm = u32::try_from(swarm).expect("the limits admit fewer than 2^32");
        self.by_infohash.insert(*infohash, swarm);
        swarm
    }

    /// Locates the peers of a swarm anew if the division into places is another one.
    fn locate(&mut self, number: u32, locator: &dyn Locator) {
        let swarm = &mut self.swarms[number as usize];
        if swarm.version == locator.version() {
            return;
        }
        swarm.version = locator.version();
        let all: Vec<u32> = swarm.entries().collect();
        swarm.clear();
        for number in all {
            let entry = &mut self.entries[number as usize];
            entry.place = locator.place(entry.address().ip());
            swarm.insert(number, &mut self.entries);
        }
    }

    /// Appends an entry to the order of leases.
    fn link(&mut self, number: u32, end: Timestamp) {
        let previous = self.ends.map_or(NONE, |ends| ends.last);
        let entry = &mut self.entries[number as usize];
        (entry.end, entry.previous, entry.next) = (end, previous, NONE);
        if let Some(last) = self.entries.get_mut(previous as usize) {
            last.next = number;
        }
        let first = self.ends.map_or(number, |ends| ends.first);
        self.ends = Some(Ends { first, last: number });
    }

    /// Takes an entry out of the order of leases.
    fn unlink(&mut self, number: u32) {
        let Entry { previous, next, .. } = self.entries[number as usize];
        if let Some(previous) = self.entries.get_mut(previous as usize) {
            previous.next = next;
        }
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.previous = previous;
        }
        let Some(ends) = &mut self.ends else { return };
        if ends.first == number {
            ends.first = next;
        }
        if ends.last == number {
            ends.last = previous;
        }
        if ends.first == NONE {
            self.ends = None;
        }
    }
}
