//! Capacities that clients share, so that no client can take all of one.
//!
//! A client may hold what its portion allows of the capacity that is left: with a portion of 75 percent, three times as
//! much as is free. A client alone gets up to three quarters; the more clients hold something, the less each may hold, and
//! a client that holds nothing finds something free.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use alto_types::ClientNet;

/// Number of tables that the clients are spread over, so that threads seldom wait for each other.
const SHARDS: usize = 64;

/// Number of the kinds of capacities.
const KINDS: usize = 7;

/// What a capacity consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Requests in progress.
    Requests,
    /// Request bodies that have not arrived to their end.
    Arriving,
    /// Bytes of requests and answers that wait in memory.
    Waiting,
    /// Bytes of the request bodies of operators.
    Operators,
    /// Streams of events to browsers.
    EventStreams,
    /// Answers that stay open until something changes.
    Streams,
    /// Requests whose answers are computed again whenever something changes.
    Followed,
}

/// Every client that has a connection or holds a share.
pub(crate) struct Clients {
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<ClientNet, Weak<Client>>>>,
}

/// What one client holds.
pub(crate) struct Client {
    net: ClientNet,
    held: [AtomicUsize; KINDS],
    clients: Weak<Clients>,
}

/// A limit that all clients share.
pub(super) struct Capacity {
    kind: Kind,
    limit: usize,
    /// Portion of one client, in percent.
    portion: usize,
    used: AtomicUsize,
}

/// Part of a capacity that a client holds until this is dropped.
pub(super) struct Share {
    capacity: Arc<Capacity>,
    client: Arc<Client>,
    amount: usize,
}

impl Clients {
    /// Creates the table without clients.
    pub(super) fn new() -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { hasher: RandomState::new(), shards })
    }

    /// Returns the client of a network.
    pub(super) fn get(self: &Arc<Self>, net: ClientNet) -> Arc<Client> {
        let mut shard = self.shard(net).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = shard.get(&net).and_then(Weak::upgrade) {
            return client;
        }
        let client = Arc::new(Client { net, held: Default::default(), clients: Arc::downgrade(self) });
        shard.insert(net, Arc::downgrade(&client));
        client
    }

    fn shard(&self, net: ClientNet) -> &Mutex<HashMap<ClientNet, Weak<Client>>> {
        let hash = usize::try_from(self.hasher.hash_one(net) % SHARDS as u64).unwrap_or_default();
        &self.shards[hash]
    }
}

impl Client {
    /// Network that the client is known by.
    pub(super) fn net(&self) -> ClientNet {
        self.net
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(clients) = self.clients.upgrade() else { return };
        let mut shard = clients.shard(self.net).lock().unwrap_or_else(PoisonError::into_inner);
        // Another entry of the same network may have replaced this one in the meantime.
        if shard.get(&self.net).is_some_and(|entry| entry.strong_count() == 0) {
            shard.remove(&self.net);
        }
    }
}

impl Capacity {
    /// Creates a capacity of which one client may hold `portion` percent.
    pub(super) fn new(kind: Kind, limit: usize, portion: usize) -> Arc<Self> {
        Arc::new(Self { kind, limit, portion: portion.min(100), used: AtomicUsize::new(0) })
    }

    /// Takes one for a client, to be given back by [`Self::leave`]. Returns false if that is more than the capacity or the
    /// client's portion of it.
    pub(super) fn enter(&self, client: &Client) -> bool {
        let is_allowed = self.add(client, 1, 1);
        if !is_allowed {
            self.leave(client);
        }
        is_allowed
    }

    /// Gives back one that a client has taken.
    pub(super) fn leave(&self, client: &Client) {
        self.give_back(client, 1);
    }

    /// Adds to what a client holds. Returns whether it may stand, where `amount` is what the holder has then.
    fn add(&self, client: &Client, more: usize, amount: usize) -> bool {
        let own = client.held[self.kind as usize].fetch_add(more, Ordering::Relaxed) + more;
        let used = self.used.fetch_add(more, Ordering::Relaxed) + more;
        self.allows(used, own, amount)
    }

    fn give_back(&self, client: &Client, amount: usize) {
        client.held[self.kind as usize].fetch_sub(amount, Ordering::Relaxed);
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Takes a part for a client; none if that is more than the capacity or the client's portion of it.
    pub(super) fn take(self: &Arc<Self>, client: &Arc<Client>, amount: usize) -> Option<Share> {
        let share = Share { capacity: Arc::clone(self), client: Arc::clone(client), amount: 0 };
        share.grown(amount)
    }

    /// Amount that is in use.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Tells whether the total in use and the client's part of it may stand, once `amount` was added to both.
    fn allows(&self, used: usize, own: usize, amount: usize) -> bool {
        // The only holder may exceed the limit, or what is larger than the limit could never be had.
        if used == amount {
            return true;
        }
        let Some(free) = self.limit.checked_sub(used) else { return false };
        own == amount || own.saturating_mul(100 - self.portion) <= free.saturating_mul(self.portion)
    }
}

impl Share {
    /// Adds to the share; drops it if that is more than allowed.
    pub(super) fn grown(mut self, more: usize) -> Option<Self> {
        self.amount += more;
        // Dropping gives back what was added.
        self.capacity.add(&self.client, more, self.amount).then_some(self)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.capacity.give_back(&self.client, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn client(clients: &Arc<Clients>, address: &str) -> Arc<Client> {
        clients.get(address.parse::<IpAddr>().unwrap().into())
    }

    fn take_all(capacity: &Arc<Capacity>, client: &Arc<Client>) -> Vec<Share> {
        std::iter::from_fn(|| capacity.take(client, 1)).collect()
    }

    #[test]
    fn a_client_leaves_its_portion_of_the_capacity_to_others() {
        let clients = Clients::new();
        let capacity = Capacity::new(Kind::Requests, 100, 75);
        let first = take_all(&capacity, &client(&clients, "192.0.2.1"));
        assert_eq!(first.len(), 75);
        let second = take_all(&capacity, &client(&clients, "192.0.2.2"));
        assert_eq!(second.len(), 18);
        // Whoever holds nothing gets something as long as something is free.
        for last in 1..=7 {
            assert!(capacity.take(&client(&clients, &format!("198.51.100.{last}")), 1).is_some());
        }
        drop(first);
        assert_eq!(second.len() + take_all(&capacity, &client(&clients, "192.0.2.2")).len(), 75);
    }

    #[test]
    fn a_capacity_of_one_serves_one_request_at_a_time() {
        let clients = Clients::new();
        let capacity = Capacity::new(Kind::Requests, 1, 75);
        let (one, other) = (client(&clients, "192.0.2.1"), client(&clients, "192.0.2.2"));
        assert!(capacity.enter(&one));
        assert!(!capacity.enter(&other));
        assert!(capacity.take(&other, 1).is_none());
        capacity.leave(&one);
        assert!(capacity.enter(&other));
        assert_eq!(capacity.used(), 1);
    }

    #[test]
    fn what_is_larger_than_the_limit_is_allowed_alone_only() {
        let clients = Clients::new();
        let capacity = Capacity::new(Kind::Waiting, 100, 75);
        let large = capacity.take(&client(&clients, "192.0.2.1"), 1000);
        assert!(large.is_some());
        assert!(capacity.take(&client(&clients, "192.0.2.2"), 1).is_none());
        drop(large);
        let small = capacity.take(&client(&clients, "192.0.2.2"), 1);
        assert!(small.is_some());
        assert!(capacity.take(&client(&clients, "192.0.2.1"), 1000).is_none());
    }

    #[test]
    fn a_share_that_must_not_grow_is_given_back() {
        let clients = Clients::new();
        let capacity = Capacity::new(Kind::Waiting, 100, 75);
        let (one, other) = (client(&clients, "192.0.2.1"), client(&clients, "192.0.2.2"));
        let _other = capacity.take(&other, 60).unwrap();
        let share = capacity.take(&one, 20).unwrap();
        assert!(share.grown(30).is_none());
        assert_eq!(capacity.used(), 60);
    }

    #[test]
    fn clients_without_connections_or_shares_are_forgotten() {
        let clients = Clients::new();
        let count = || clients.shards.iter().map(|shard| shard.lock().unwrap().len()).sum::<usize>();
        let one = client(&clients, "192.0.2.1");
        assert!(Arc::ptr_eq(&one, &client(&clients, "192.0.2.1")));
        assert_eq!(count(), 1);
        drop(one);
        assert_eq!(count(), 0);
    }
}
