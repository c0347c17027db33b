//! The upload queue: a bounded number of uploads at a time, shared fairly among the clients that want one.
//!
//! A client is an IPv4 address or an IPv6 /64. Shares bind only while another client waits:
//!
//! * Of the slots that there may be, only the [fewest that fill the uplink](opening) are open, so that an upload is soon
//!   over and its client can pass on what it got.
//! * A free slot goes to the waiting client that has the fewest uploads, and among equals to the one served longest ago.
//! * The last free slot is kept for clients without an upload, as the optimistic slot of BitTorrent is, so that nobody
//!   waits until others have finished.
//! * An upload that has had its turn gives its slot to a client that has at least two uploads fewer or none, and
//!   continues when it is its client's turn again.
//! * Clients that [only take](Exchange::only_takes) while this peer downloads are served while nobody else is. Every eighth slot
//!   is given without regard to what clients gave.
//! * A client that was cut off because it read too slowly is served last for a while.

mod opening;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_types::ClientNet;
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::state::State;
use crate::content::Exchange;

/// Limits of the upload queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    /// Maximum number of uploads at a time; at least one.
    pub(super) uploads: usize,
    /// Maximum rate of all uploads together, in bytes per second, if there is one.
    pub(super) rate: Option<u64>,
    /// Maximum number of waiting requests per client.
    pub(super) waiting_per_client: usize,
    /// Maximum number of waiting requests in all.
    pub(super) waiting: usize,
    /// Longest time that a request waits.
    pub(super) patience: Duration,
    /// Time for which an upload keeps its slot while clients with fewer uploads wait.
    pub(super) turn: Duration,
}

/// Queue of requests for uploads.
pub(super) struct UploadQueue {
    limits: QueueLimits,
    exchange: Arc<Exchange>,
    state: Mutex<State>,
}

/// Permission to upload, until it is dropped.
pub(super) struct UploadPermit {
    queue: Arc<UploadQueue>,
    slot: u64,
    revoked: Arc<AtomicBool>,
}

/// A request was not admitted: the queue is full, or the wait took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAdmitted;

/// Place in the queue, given up when the client disconnects.
struct Place<'a> {
    queue: &'a Arc<UploadQueue>,
    ticket: u64,
}

/// A slot that was granted, without the way back to its queue.
#[derive(Debug)]
struct Grant {
    slot: u64,
    revoked: Arc<AtomicBool>,
}

impl UploadQueue {
    /// An empty queue.
    pub(super) fn new(limits: QueueLimits, exchange: Arc<Exchange>) -> Arc<Self> {
        Arc::new(Self { limits, exchange, state: Mutex::new(State::new(limits)) })
    }

    /// Waits for permission to upload to this client.
    pub(super) async fn admit(self: &Arc<Self>, client: ClientNet) -> Result<UploadPermit, NotAdmitted> {
        let (sender, receiver) = oneshot::channel();
        let ticket = self.state().enqueue(client, sender).ok_or(NotAdmitted)?;
        let _place = Place { queue: self, ticket };
        self.pass_on();
        match tokio::time::timeout(self.limits.patience, receiver).await {
            Ok(Ok(grant)) => Ok(self.permit(grant)),
            _ => Err(NotAdmitted),
        }
    }

    /// Number of uploads in progress, and of waiting requests.
    pub(super) fn load(&self) -> (usize, usize) {
        self.state().load()
    }

    /// True if another client waits than this one.
    pub(super) fn is_wanted_by_others(&self, client: ClientNet) -> bool {
        self.state().is_wanted_by_others(client)
    }

    /// Serves a client last for a while, because it read too slowly.
    pub(super) fn note_slow(&self, client: ClientNet) {
        self.state().note_slow(client, Instant::now());
    }

    /// Opens and closes slots by the number of bytes that were sent so far. Called regularly.
    pub(super) fn adapt(self: &Arc<Self>, sent: u64) {
        self.state().adapt(sent, Instant::now());
        self.pass_on();
    }

    /// Takes the slot of an upload that has had its turn, if a client with fewer uploads waits. Called regularly.
    pub(super) fn rechoose(self: &Arc<Self>) {
        let revoked = self.state().revoke(&self.exchange, Instant::now());
        if let Some(revoked) = revoked {
            revoked.store(true, Ordering::Relaxed);
            self.pass_on();
        }
    }

    /// Passes free slots to those next in line.
    fn pass_on(self: &Arc<Self>) {
        loop {
            let Some((sender, grant)) = self.state().grant(&self.exchange, Instant::now()) else { return };
            // A client that has just disconnected gives the slot back, outside the lock.
            if let Err(unused) = sender.send(grant) {
                self.state().release(unused.slot);
            }
        }
    }

    fn permit(self: &Arc<Self>, Grant { slot, revoked }: Grant) -> UploadPermit {
        UploadPermit { queue: Arc::clone(self), slot, revoked }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UploadPermit {
    /// True if the slot was given to another client; the upload has to wait for the next one.
    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }
}

impl Drop for UploadPermit {
    fn drop(&mut self) {
        self.queue.state().release(self.slot);
        self.queue.pass_on();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.queue.state().leave(self.ticket);
    }
}

#[cfg(test)]
mod tests;
