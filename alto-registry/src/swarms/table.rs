//! The table as front ends call it: locked by parts, bounded, and swept of what has ended.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::shard::Shard;
use super::survey::Survey;
use super::swarm::{Counts, Members};
use super::{Announcement, Infohash, Locator, SwarmLimits, SwarmStats};
use crate::limits::Limit;
use crate::origin::Origin;
use crate::peer::PeerAddress;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Number of parts, each with a lock of its own.
const SHARDS: usize = 64;

/// All swarms of a tracker.
pub struct Swarms {
    limits: SwarmLimits,
    shards: Vec<Mutex<Shard>>,
    /// Number of peers of each origin, by parts. Locked while a shard is, never the other way around.
    origins: Vec<Mutex<HashMap<Origin, u32>>>,
    /// Chooses parts. Keyed, so that nobody can choose infohashes that share one.
    hasher: RandomState,
    swarm_count: AtomicUsize,
    peer_count: AtomicUsize,
}

impl Swarms {
    /// Creates an empty table.
    pub fn new(limits: SwarmLimits) -> Self {
        Self {
            limits,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            origins: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            swarm_count: AtomicUsize::new(0),
            peer_count: AtomicUsize::new(0),
        }
    }

    /// Bounds that are in force.
    pub fn limits(&self) -> &SwarmLimits {
        &self.limits
    }

    /// Records an announcement, and calls `answer` with the other peers of the swarm.
    ///
    /// Where a limit is reached, nothing is recorded and `answer` is not called. A peer that is known already is never
    /// refused.
    pub fn announce<T>(
        &self,
        announcement: &Announcement,
        locator: &dyn Locator,
        now: Timestamp,
        answer: impl FnOnce(&Members<'_>) -> T,
    ) -> Result<T, Refusal> {
        let mut shard = self.shard(&announcement.infohash, now);
        let present = shard.find(&announcement.infohash, announcement.address);
        if present.is_none() {
            self.admit(&shard, announcement)?;
        }
        let end = now.plus(self.limits.lease);
        let swarms = shard.swarm_count();
        let own = shard.put(announcement, present, locator, end);
        self.swarm_count.fetch_add(shard.swarm_count() - swarms, Ordering::Relaxed);
        Ok(answer(&shard.members(own, locator)))
    }

    /// Removes a peer from a swarm, and returns the number of those that stay.
    pub fn stop(&self, infohash: &Infohash, address: PeerAddress, now: Timestamp) -> Counts {
        let mut shard = self.shard(infohash, now);
        if let Some(number) = shard.find(infohash, address) {
            let swarms = shard.swarm_count();
            shard.remove(number);
            self.leave(address);
            self.swarm_count.fetch_sub(swarms - shard.swarm_count(), Ordering::Relaxed);
        }
        shard.counts(infohash).unwrap_or_default()
    }

    /// Counts the peers of a swarm; `None` if it has none.
    pub fn counts(&self, infohash: &Infohash, now: Timestamp) -> Option<Counts> {
        self.shard(infohash, now).counts(infohash)
    }

    /// Ends the leases that have ended. Other calls do so as well, but only for swarms near the one they are about.
    pub fn sweep(&self, now: Timestamp) {
        for shard in &self.shards {
            self.advance(&mut lock(shard), now);
        }
    }

    /// Counts swarms and peers.
    pub fn stats(&self) -> SwarmStats {
        SwarmStats { swarms: self.swarm_count.load(Ordering::Relaxed), peers: self.peer_count.load(Ordering::Relaxed) }
    }

    /// Counts the peers of all swarms by place, and lists the `most` largest swarms. Takes time in proportion to the number
    /// of swarms and places; other calls wait for a part of it only.
    pub fn survey(&self, most: usize, locator: &dyn Locator, now: Timestamp) -> Survey {
        let mut survey = Survey::default();
        for shard in &self.shards {
            let mut shard = lock(shard);
            self.advance(&mut shard, now);
            shard.survey(&mut survey, most, locator);
        }
        survey
    }

    /// Collects the peers of each part with `add`, which also gets the number of finished downloads of the swarm. Nothing is
    /// locked between two parts.
    pub(super) fn parts<T: Default>(&self, add: impl Fn(&mut T, &Announcement, u32)) -> impl Iterator<Item = T> {
        self.shards.iter().map(move |shard| {
            let mut part = T::default();
            lock(shard).each(&mut |peer, finished| add(&mut part, peer, finished));
            part
        })
    }

    /// Puts a saved peer back, with a whole lease. One that a limit excludes is left out.
    pub(super) fn restore(&self, announcement: &Announcement, finished: u32, locator: &dyn Locator, now: Timestamp) {
        if self.announce(announcement, locator, now, |_| ()).is_ok() {
            self.shard(&announcement.infohash, now).set_finished(&announcement.infohash, finished);
        }
    }

    /// Locks the part that has a swarm.
    fn shard(&self, infohash: &Infohash, now: Timestamp) -> MutexGuard<'_, Shard> {
        let mut shard = lock(&self.shards[part(self.hasher.hash_one(infohash))]);
        self.advance(&mut shard, now);
        shard
    }

    fn advance(&self, shard: &mut Shard, now: Timestamp) {
        let swarms = shard.swarm_count();
        shard.advance(now, |address| self.leave(address));
        self.swarm_count.fetch_sub(swarms - shard.swarm_count(), Ordering::Relaxed);
    }

    /// Counts a new peer in, unless a limit is reached.
    fn admit(&self, shard: &Shard, announcement: &Announcement) -> Result<(), Refusal> {
        let SwarmLimits { lease, peers, peers_per_address, swarms } = self.limits;
        let reached = |limit, maximum| Err(Refusal::LimitReached { limit, maximum, retry_after: retry_after(lease) });
        // Parts are locked one by one, so that the limits on all of them may be passed by as many as there are parts.
        if self.peer_count.load(Ordering::Relaxed) >= peers as usize {
            return reached(Limit::Holdings, peers);
        }
        let is_new = !shard.has_swarm(&announcement.infohash);
        if is_new && self.swarm_count.load(Ordering::Relaxed) >= swarms as usize {
            return reached(Limit::Files, swarms);
        }
        let origin = Origin::of(announcement.address.ip());
        let mut origins = lock(&self.origins[part(self.hasher.hash_one(origin))]);
        let count = origins.entry(origin).or_default();
        if *count >= peers_per_address {
            return reached(Limit::FilesPerAddress, peers_per_address);
        }
        *count += 1;
        self.peer_count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Counts a peer out.
    fn leave(&self, address: PeerAddress) {
        let origin = Origin::of(address.ip());
        let mut origins = lock(&self.origins[part(self.hasher.hash_one(origin))]);
        if let Some(count) = origins.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                origins.remove(&origin);
            }
        }
        self.peer_count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Index of the part that a hash belongs to.
#[expect(clippy::cast_possible_truncation, reason = "the low bits decide")]
const fn part(hash: u64) -> usize {
    hash as usize % SHARDS
}

/// Time after which a refused peer should try again: some leases have ended by then.
fn retry_after(lease: Duration) -> Duration {
    lease / 4
}

/// Locks. A panic while a part was locked left it usable: every change keeps its lists in step before it can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
