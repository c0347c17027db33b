//! Registrations by number, found by ID and by address.
//!
//! The two tables have numbers only, and compare with the registration itself: five bytes for each of its places instead of
//! one key and one number.

use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use slab::Slab;

use super::holdings::number;
use super::store::SavedPeer;
use crate::id::PeerId;
use crate::name::PeerName;
use crate::peer::PeerAddress;

/// All registrations. No two have the same ID or the same address.
#[derive(Default)]
pub(super) struct Peers {
    all: Slab<SavedPeer>,
    by_id: HashTable<u32>,
    by_address: HashTable<u32>,
    /// Keyed, so that nobody can choose addresses that share a place.
    hasher: RandomState,
}

impl Peers {
    /// Number of registrations.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Registration with a number that [`Peers::find`] or [`Peers::at`] returned.
    pub(super) fn get(&self, number: u32) -> &SavedPeer {
        &self.all[number as usize]
    }

    /// Number of the registration with an ID.
    pub(super) fn find(&self, id: PeerId) -> Option<u32> {
        self.by_id.find(self.hash(&id), |number| self.get(*number).id == id).copied()
    }

    /// Number of the registration at an address.
    pub(super) fn at(&self, address: PeerAddress) -> Option<u32> {
        self.by_address.find(self.hash(&address), |number| self.get(*number).address == address).copied()
    }

    /// Adds a registration, whose ID and address no other has.
    pub(super) fn insert(&mut self, peer: SavedPeer) -> u32 {
        let (id, address) = (self.hash(&peer.id), self.hash(&peer.address));
        let added = number(self.all.insert(peer));
        let Self { all, by_id, by_address, hasher } = self;
        by_id.insert_unique(id, added, |number| hasher.hash_one(all[*number as usize].id));
        by_address.insert_unique(address, added, |number| hasher.hash_one(all[*number as usize].address));
        added
    }

    /// Removes a registration.
    pub(super) fn remove(&mut self, number: u32) -> SavedPeer {
        let removed = self.all.remove(number as usize);
        take(&mut self.by_id, self.hasher.hash_one(removed.id), number);
        take(&mut self.by_address, self.hasher.hash_one(removed.address), number);
        removed
    }

    /// Gives a registration another address and another name. Returns the address of before.
    pub(super) fn relocate(&mut self, number: u32, address: PeerAddress, name: Option<PeerName>) -> PeerAddress {
        let new = self.hash(&address);
        let Self { all, by_address, hasher, .. } = self;
        let peer = &mut all[number as usize];
        peer.name = name;
        let old = std::mem::replace(&mut peer.address, address);
        take(by_address, hasher.hash_one(old), number);
        by_address.insert_unique(new, number, |number| hasher.hash_one(all[*number as usize].address));
        old
    }

    fn hash(&self, key: &impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }
}

fn take(table: &mut HashTable<u32>, hash: u64, number: u32) {
    if let Ok(entry) = table.find_entry(hash, |other| *other == number) {
        entry.remove();
    }
}
