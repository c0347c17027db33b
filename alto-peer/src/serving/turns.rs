//! Who may upload when: so many at a time, and those who wait take turns by address.
//!
//! A peer that asks for a hundred pieces at once waits as long for its second as another for its first.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Bounds on uploads and on who waits for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct TurnLimits {
    /// Uploads at a time.
    pub(super) at_a_time: usize,
    /// Requests of one address that wait.
    pub(super) waiting_per_address: usize,
    /// Requests that wait in all.
    pub(super) waiting: usize,
    /// Longest wait.
    pub(super) patience: Duration,
}

/// Gives out turns.
pub(super) struct Turns {
    limits: TurnLimits,
    state: Mutex<State>,
}

struct State {
    free: usize,
    waiting: HashMap<IpAddr, VecDeque<Waiter>>,
    /// Addresses that wait, each once, whose turn is next first.
    order: VecDeque<IpAddr>,
    count: usize,
    tickets: u64,
}

struct Waiter {
    ticket: u64,
    sender: oneshot::Sender<Turn>,
}

/// The right to upload, until it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
}

/// No turn: the queue is full, or it took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// Leaves the queue when the client does.
struct Place<'a> {
    turns: &'a Turns,
    address: IpAddr,
    ticket: u64,
}

impl Turns {
    pub(super) fn new(limits: TurnLimits) -> Arc<Self> {
        let free = limits.at_a_time.max(1);
        let state = State { free, waiting: HashMap::new(), order: VecDeque::new(), count: 0, tickets: 0 };
        Arc::new(Self { limits, state: Mutex::new(state) })
    }

    /// Waits for a turn.
    pub(super) async fn take(self: &Arc<Self>, address: IpAddr) -> Result<Turn, Busy> {
        let (receiver, _place) = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn { turns: Arc::clone(self) });
            }
            let waiting = state.waiting.get(&address).map_or(0, VecDeque::len);
            if state.count >= self.limits.waiting || waiting >= self.limits.waiting_per_address {
                return Err(Busy);
            }
            state.enqueue(self, address)
        };
        match tokio::time::timeout(self.limits.patience, receiver).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Busy),
        }
    }

    /// Uploads under way, and requests that wait.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.state();
        (self.limits.at_a_time.max(1) - state.free, state.count)
    }

    /// Gives the turn that ended to whoever is next.
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
            // Whoever left in this very moment drops the turn, which passes it on.
            let _left = waiter.sender.send(Turn { turns: Arc::clone(self) });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enqueue<'a>(&mut self, turns: &'a Turns, address: IpAddr) -> (oneshot::Receiver<Turn>, Place<'a>) {
        let (sender, receiver) = oneshot::channel();
        self.tickets += 1;
        self.count += 1;
        let queue = self.waiting.entry(address).or_default();
        if queue.is_empty() {
            self.order.push_back(address);
        }
        queue.push_back(Waiter { ticket: self.tickets, sender });
        (receiver, Place { turns, address, ticket: self.tickets })
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

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.pass_on();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state();
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

    const LIMITS: TurnLimits =
        TurnLimits { at_a_time: 1, waiting_per_address: 3, waiting: 5, patience: Duration::from_secs(20) };

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(127, 0, 0, last).into()
    }

    /// Asks, and notes who was served, in order.
    fn ask(turns: &Arc<Turns>, last: u8, served: &Arc<Mutex<Vec<u8>>>) -> tokio::task::JoinHandle<Result<(), Busy>> {
        let (turns, served) = (Arc::clone(turns), Arc::clone(served));
        tokio::spawn(async move {
            let _turn = turns.take(address(last)).await?;
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
    async fn addresses_take_turns() {
        let (turns, served) = (Turns::new(LIMITS), Arc::new(Mutex::new(Vec::new())));
        let first = turns.take(address(9)).await.unwrap();
        let mut asked = Vec::new();
        for last in [1, 1, 1, 2, 3] {
            asked.push(ask(&turns, last, &served));
            settle().await;
        }
        assert_eq!(turns.load(), (1, 5));
        drop(first);
        for asked in asked {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(*served.lock().unwrap(), [1, 2, 3, 1, 1]);
        assert_eq!(turns.load(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded_in_length_and_time() {
        let (turns, served) = (Turns::new(LIMITS), Arc::new(Mutex::new(Vec::new())));
        let first = turns.take(address(9)).await.unwrap();
        let waiting: Vec<_> = [1, 1, 1].into_iter().map(|last| ask(&turns, last, &served)).collect();
        settle().await;
        assert_eq!(turns.take(address(1)).await.err(), Some(Busy), "of one address");
        let others: Vec<_> = [2, 3].into_iter().map(|last| ask(&turns, last, &served)).collect();
        settle().await;
        assert_eq!(turns.take(address(4)).await.err(), Some(Busy), "in all");
        for asked in waiting.into_iter().chain(others) {
            assert_eq!(asked.await.unwrap(), Err(Busy), "after a while");
        }
        assert_eq!(turns.load(), (1, 0));
        drop(first);
        assert_eq!(turns.load(), (0, 0));
        assert!(turns.take(address(1)).await.is_ok());
    }

    #[tokio::test]
    async fn who_leaves_loses_its_place() {
        let (turns, served) = (Turns::new(LIMITS), Arc::new(Mutex::new(Vec::new())));
        let first = turns.take(address(9)).await.unwrap();
        let leaves = ask(&turns, 1, &served);
        settle().await;
        let stays = ask(&turns, 2, &served);
        settle().await;
        leaves.abort();
        assert!(leaves.await.unwrap_err().is_cancelled());
        assert_eq!(turns.load(), (1, 1));
        drop(first);
        stays.await.unwrap().unwrap();
        assert_eq!(*served.lock().unwrap(), [2]);
        assert_eq!(turns.load(), (0, 0));
    }
}
