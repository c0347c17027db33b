//! State of the upload queue: slots, waiting requests and clients. It reads no clock and waits for nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use alto_types::ClientNet;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::opening::Opening;
use super::{Grant, QueueLimits};
use crate::content::Exchange;

/// Number of open slots from which on one is kept for clients without an upload.
const OPTIMISTIC_FROM: usize = 4;
/// One in so many slots is given without regard to what clients gave, so that those who have nothing yet get something to give.
const OPTIMISTIC_TURN: u64 = 8;
/// Time for which a client that read too slowly is served last.
const PENALTY: Duration = Duration::from_mins(1);
/// Maximum number of clients remembered as slow.
const MAX_SLOW: usize = 1024;

/// Slots, waiting requests and clients.
///
/// Invariants: a client is known while it has a slot or waits; no open slot is free while a request waits that may have it,
/// once [`State::grant`] has returned `None`.
pub(super) struct State {
    limits: QueueLimits,
    opening: Opening,
    slots: HashMap<u64, Slot>,
    /// Waiting requests by ticket, so in the order of arrival.
    waiting: BTreeMap<u64, Waiter>,
    clients: HashMap<ClientNet, Client>,
    /// Clients that are served last, and until when.
    slow: HashMap<ClientNet, Instant>,
    /// Number of slots that were revoked and whose uploads have not noticed yet.
    paused: usize,
    /// Number of slots that were given.
    granted: u64,
    /// Last number given to a slot or a request.
    last: u64,
}

struct Slot {
    client: ClientNet,
    since: Instant,
    revoked: Arc<AtomicBool>,
    /// True once the slot has been given to another upload.
    is_revoked: bool,
}

struct Waiter {
    client: ClientNet,
    sender: oneshot::Sender<Grant>,
}

#[derive(Default)]
struct Client {
    uploads: usize,
    waiting: usize,
    /// Number of its latest slot; lower for those served longer ago.
    served: u64,
}

impl State {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            opening: Opening::new(limits.uploads, limits.rate),
            slots: HashMap::new(),
            waiting: BTreeMap::new(),
            clients: HashMap::new(),
            slow: HashMap::new(),
            paused: 0,
            granted: 0,
            last: 0,
        }
    }

    /// Number of uploads in progress, and of waiting requests.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.running(), self.waiting.len())
    }

    /// True if another client waits than this one.
    pub(super) fn is_wanted_by_others(&self, client: ClientNet) -> bool {
        self.waiting.len() > self.clients.get(&client).map_or(0, |known| known.waiting)
    }

    /// Opens and closes slots by the number of bytes that were sent so far.
    pub(super) fn adapt(&mut self, sent: u64, now: Instant) {
        let is_full = self.running() >= self.opening.slots() && !self.waiting.is_empty();
        self.opening.observe(sent, is_full, now);
    }

    /// Notes that a client read too slowly.
    pub(super) fn note_slow(&mut self, client: ClientNet, now: Instant) {
        self.slow.retain(|_, until| now < *until);
        if self.slow.len() < MAX_SLOW {
            self.slow.insert(client, now + PENALTY);
        }
    }

    /// Adds a request to the queue. Returns its ticket, or `None` if the queue is full. The client with the most waiting
    /// requests makes room for one with fewer.
    pub(super) fn enqueue(&mut self, client: ClientNet, sender: oneshot::Sender<Grant>) -> Option<u64> {
        let waiting = self.clients.get(&client).map_or(0, |known| known.waiting);
        // A request that can be granted at once does not wait.
        let free = self.waiting.is_empty() && self.may_have_a_slot(client);
        if !free && waiting >= self.limits.waiting_per_client {
            return None;
        }
        if !free && self.waiting.len() >= self.limits.waiting {
            let most = self.clients.values().map(|known| known.waiting).max().unwrap_or(0);
            if most < waiting + 2 {
                return None;
            }
            let greedy = |waiter: &Waiter| self.clients.get(&waiter.client).is_some_and(|known| known.waiting == most);
            let newest = self.waiting.iter().rev().find(|(_, waiter)| greedy(waiter)).map(|(ticket, _)| *ticket)?;
            // Dropping its sender tells the request that it is not admitted.
            self.leave(newest);
        }
        self.last += 1;
        self.clients.entry(client).or_default().waiting += 1;
        self.waiting.insert(self.last, Waiter { client, sender });
        Some(self.last)
    }

    /// Removes a request from the queue, if it is still there.
    pub(super) fn leave(&mut self, ticket: u64) {
        if let Some(waiter) = self.waiting.remove(&ticket) {
            self.change(waiter.client, |client| client.waiting -= 1);
        }
    }

    /// Gives a free slot to the request that is next, if there are both.
    pub(super) fn grant(&mut self, exchange: &Exchange, now: Instant) -> Option<(oneshot::Sender<Grant>, Grant)> {
        let ticket = self.next(exchange, now, |state, client| {
            state.may_have_a_slot(client) && (!exchange.only_takes(client) || state.may_serve_takers(exchange))
        })?;
        let Waiter { client, sender } = self.waiting.remove(&ticket)?;
        self.last += 1;
        self.granted += 1;
        let (slot, revoked) = (self.last, Arc::new(AtomicBool::new(false)));
        self.slots.insert(slot, Slot { client, since: now, revoked: Arc::clone(&revoked), is_revoked: false });
        self.change(client, |client| {
            client.waiting -= 1;
            client.uploads += 1;
            client.served = slot;
        });
        Some((sender, Grant { slot, revoked }))
    }

    /// Takes back a slot whose upload has ended, or has noticed that its slot was revoked.
    pub(super) fn release(&mut self, slot: u64) {
        let Some(slot) = self.slots.remove(&slot) else { return };
        if slot.is_revoked {
            self.paused -= 1;
        } else {
            self.change(slot.client, |client| client.uploads -= 1);
        }
    }

    /// Takes the slot of the longest upload that has had its turn and has to give way to a waiting client. Returns the
    /// flag to set.
    pub(super) fn revoke(&mut self, exchange: &Exchange, now: Instant) -> Option<Arc<AtomicBool>> {
        // Every upload that was paused takes memory, until it continues or its client is disconnected.
        if self.paused >= self.limits.uploads.max(1) {
            return None;
        }
        let ticket = self.next(exchange, now, |_, _| true)?;
        let waiting = self.waiting.get(&ticket)?.client;
        let may_take = self.is_optimistic_turn() || !exchange.only_takes(waiting);
        if !may_take || self.slow.get(&waiting).is_some_and(|until| now < *until) {
            return None;
        }
        let uploads = self.uploads(waiting);
        let gives_way = |slot: &Slot| {
            let theirs = self.uploads(slot.client);
            let more = theirs >= uploads + 2 || (uploads == 0 && slot.client != waiting);
            !slot.is_revoked && more && now >= slot.since + self.limits.turn
        };
        let longest = self.slots.iter().filter(|(_, slot)| gives_way(slot)).min_by_key(|(_, slot)| slot.since);
        let number = longest.map(|(number, _)| *number)?;
        let slot = self.slots.get_mut(&number)?;
        slot.is_revoked = true;
        let (client, revoked) = (slot.client, Arc::clone(&slot.revoked));
        self.paused += 1;
        self.change(client, |client| client.uploads -= 1);
        Some(revoked)
    }

    /// Ticket of the request that is next among those of clients that `may` be served.
    fn next(&self, exchange: &Exchange, now: Instant, may: impl Fn(&Self, ClientNet) -> bool) -> Option<u64> {
        let is_optimistic = self.is_optimistic_turn();
        let rank = |(ticket, waiter): (&u64, &Waiter)| {
            let slow = self.slow.get(&waiter.client).is_some_and(|until| now < *until);
            let only_takes = !is_optimistic && exchange.only_takes(waiter.client);
            let client = self.clients.get(&waiter.client);
            (
                slow,
                only_takes,
                client.map_or(0, |client| client.uploads),
                client.map_or(0, |client| client.served),
                *ticket,
            )
        };
        let candidates = self.waiting.iter().filter(|(_, waiter)| may(self, waiter.client));
        candidates.map(rank).min().map(|(.., ticket)| ticket)
    }

    /// True if an open slot is free that this client may have.
    fn may_have_a_slot(&self, client: ClientNet) -> bool {
        let slots = self.opening.slots();
        let kept = usize::from(slots >= OPTIMISTIC_FROM && self.uploads(client) > 0);
        self.running() + kept < slots
    }

    /// True if clients that only take may be served now: it is their turn, or nobody else is served, who would get less of the
    /// uplink.
    fn may_serve_takers(&self, exchange: &Exchange) -> bool {
        let mut running = self.slots.values().filter(|slot| !slot.is_revoked);
        self.is_optimistic_turn() || running.all(|slot| exchange.only_takes(slot.client))
    }

    /// True if the next slot is given without regard to what clients gave.
    fn is_optimistic_turn(&self) -> bool {
        self.granted % OPTIMISTIC_TURN == OPTIMISTIC_TURN - 1
    }

    fn running(&self) -> usize {
        self.slots.len() - self.paused
    }

    fn uploads(&self, client: ClientNet) -> usize {
        self.clients.get(&client).map_or(0, |known| known.uploads)
    }

    /// Changes a client, and forgets it once it neither uploads nor waits.
    fn change(&mut self, client: ClientNet, change: impl FnOnce(&mut Client)) {
        if let Some(known) = self.clients.get_mut(&client) {
            change(known);
            if known.uploads == 0 && known.waiting == 0 {
                self.clients.remove(&client);
            }
        }
    }
}
