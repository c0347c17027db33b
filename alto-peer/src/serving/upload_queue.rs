//! The upload queue: a bounded number of uploads at a time, and a fair order among the addresses that wait.
//!
//! Addresses are served in permit, so that a peer with a hundred requests waits as long for its second upload as another
//! waits for its first.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Limits of the upload queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    /// Maximum number of uploads at a time; at least one.
    pub(super) uploads: usize,
    /// Maximum number of waiting requests per address.
    pub(super) waiting_per_address: usize,
    /// Maximum number of waiting requests in all.
    pub(super) waiting: usize,
    /// Longest time that a request waits.
    pub(super) patience: Duration,
}

/// Queue of requests for uploads.
pub(super) struct UploadQueue {
    limits: QueueLimits,
    state: Mutex<State>,
}

struct State {
    free: usize,
    waiting: HashMap<IpAddr, VecDeque<Waiter>>,
    /// Waiting addresses, each once, in the order of their queue.
    order: VecDeque<IpAddr>,
    count: usize,
    tickets: u64,
}

struct Waiter {
    ticket: u64,
    sender: oneshot::Sender<UploadPermit>,
}

/// Permission to upload, until it is dropped.
pub(super) struct UploadPermit {
    queue: Arc<UploadQueue>,
}

/// A request was not admitted: the queue is full, or the wait took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAdmitted;

/// Place in the queue, given up when the client disconnects.
struct Place<'a> {
    queue: &'a UploadQueue,
    address: IpAddr,
    ticket: u64,
}

impl UploadQueue {
    /// An empty queue.
    pub(super) fn new(limits: QueueLimits) -> Arc<Self> {
        let free = limits.uploads.max(1);
        let state = State { free, waiting: HashMap::new(), order: VecDeque::new(), count: 0, tickets: 0 };
        Arc::new(Self { limits, state: Mutex::new(state) })
    }

    /// Waits for permission to upload to this address.
    pub(super) async fn admit(self: &Arc<Self>, address: IpAddr) -> Result<UploadPermit, NotAdmitted> {
        let (receiver, _place) = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(UploadPermit { queue: Arc::clone(self) });
            }
            let waiting = state.waiting.get(&address).map_or(0, VecDeque::len);
            if state.count >= self.limits.waiting || waiting >= self.limits.waiting_per_address {
                return Err(NotAdmitted);
            }
            state.enqueue(self, address)
        };
        match tokio::time::timeout(self.limits.patience, receiver).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(NotAdmitted),
        }
    }

    /// Number of uploads in progress, and of waiting requests.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.state();
        (self.limits.uploads.max(1) - state.free, state.count)
    }

    /// Passes a permission that ended to the next in line.
    fn pass_on(self: &Arc<Self>) {
        let next = {
            let mut state = self.state();
            let next = state.next();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some(waiter) = next {
            // A client that has just disconnected drops the permission, which passes it on again.
            let _left = waiter.sender.send(UploadPermit { queue: Arc::clone(self) });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enqueue<'a>(&mut self, queue: &'a UploadQueue, address: IpAddr) -> (oneshot::Receiver<UploadPermit>, Place<'a>) {
        let (sender, receiver) = oneshot::channel();
        self.tickets += 1;
        self.count += 1;
        let waiting = self.waiting.entry(address).or_default();
        if waiting.is_empty() {
            self.order.push_back(address);
        }
        waiting.push_back(Waiter { ticket: self.tickets, sender });
        (receiver, Place { queue, address, ticket: self.tickets })
    }

    fn next(&mut self) -> Option<Waiter> {
        let address = self.order.pop_front()?;
        let queue = self.waiting.get_mut(&address)?;
        let waiter = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&address);
        } else {
            self.order.push_back(address);
        }
        self.count -= usize::from(waiter.is_some());
        waiter
    }
}

impl Drop for UploadPermit {
    fn drop(&mut self) {
        self.queue.pass_on();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let Some(queue) = state.waiting.get_mut(&self.address) else { return };
        let before = queue.len();
        queue.retain(|waiter| waiter.ticket != self.ticket);
        let (left, empty) = (before - queue.len(), queue.is_empty());
        state.count -= left;
        if empty {
            state.waiting.remove(&self.address);
            state.order.retain(|address| *address != self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMITS: QueueLimits =
        QueueLimits { uploads: 1, waiting_per_address: 3, waiting: 5, patience: Duration::from_secs(20) };

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(127, 0, 0, last).into()
    }

    /// Requests an upload, and records the order in which addresses are admitted.
    fn ask(
        queue: &Arc<UploadQueue>,
        last: u8,
        served: &Arc<Mutex<Vec<u8>>>,
    ) -> tokio::task::JoinHandle<Result<(), NotAdmitted>> {
        let (queue, served) = (Arc::clone(queue), Arc::clone(served));
        tokio::spawn(async move {
            let _permit = queue.admit(address(last)).await?;
            served.lock().unwrap().push(last);
            Ok(())
        })
    }

    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn addresses_are_served_in_turn() {
        let (queue, served) = (UploadQueue::new(LIMITS), Arc::new(Mutex::new(Vec::new())));
        let first = queue.admit(address(9)).await.unwrap();
        let mut asked = Vec::new();
        for last in [1, 1, 1, 2, 3] {
            asked.push(ask(&queue, last, &served));
            settle().await;
        }
        assert_eq!(queue.load(), (1, 5));
        drop(first);
        for asked in asked {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(*served.lock().unwrap(), [1, 2, 3, 1, 1]);
        assert_eq!(queue.load(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded_in_length_and_in_time() {
        let (queue, served) = (UploadQueue::new(LIMITS), Arc::new(Mutex::new(Vec::new())));
        let first = queue.admit(address(9)).await.unwrap();
        let waiting: Vec<_> = [1, 1, 1].into_iter().map(|last| ask(&queue, last, &served)).collect();
        settle().await;
        assert_eq!(queue.admit(address(1)).await.err(), Some(NotAdmitted), "of one address");
        let others: Vec<_> = [2, 3].into_iter().map(|last| ask(&queue, last, &served)).collect();
        settle().await;
        assert_eq!(queue.admit(address(4)).await.err(), Some(NotAdmitted), "in all");
        for asked in waiting.into_iter().chain(others) {
            assert_eq!(asked.await.unwrap(), Err(NotAdmitted), "after a while");
        }
        assert_eq!(queue.load(), (1, 0));
        drop(first);
        assert_eq!(queue.load(), (0, 0));
        assert!(queue.admit(address(1)).await.is_ok());
    }

    #[tokio::test]
    async fn a_client_that_disconnects_loses_its_place() {
        let (queue, served) = (UploadQueue::new(LIMITS), Arc::new(Mutex::new(Vec::new())));
        let first = queue.admit(address(9)).await.unwrap();
        let leaves = ask(&queue, 1, &served);
        settle().await;
        let stays = ask(&queue, 2, &served);
        settle().await;
        leaves.abort();
        assert!(leaves.await.unwrap_err().is_cancelled());
        assert_eq!(queue.load(), (1, 1));
        drop(first);
        stays.await.unwrap().unwrap();
        assert_eq!(*served.lock().unwrap(), [2]);
        assert_eq!(queue.load(), (0, 0));
    }
}
