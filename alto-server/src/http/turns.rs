//! Threads that clients take turns on, so that the waiting work of one keeps nobody else's out.
//!
//! A free thread goes to the client with the fewest threads at work, and among equals to the one that has had none for the
//! longest time. A client alone gets all threads. Where the number of waiting turns is bounded and reached, the newest
//! waiting turn of the client with the most of them gives way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alto_types::ClientNet;
use tokio::sync::oneshot;

/// Client that a turn is counted for; none is the server itself, or its operator.
pub(crate) type Payer = Option<ClientNet>;

/// Threads and the queues of all clients for them.
#[derive(Clone)]
pub(super) struct Turns(Arc<Mutex<State>>);

struct State {
    /// Number of threads without work.
    free: usize,
    /// Greatest number of waiting turns, and their present number.
    most: usize,
    waiting: usize,
    /// Every client with work in progress or waiting.
    lanes: HashMap<Payer, Lane>,
    /// Number of turns given so far.
    given: u64,
    /// Number of the next ticket.
    next_ticket: u64,
}

/// Turns of one client.
#[derive(Default)]
struct Lane {
    /// Number of threads at work.
    working: usize,
    /// Tickets in the order of their arrival.
    waiting: VecDeque<(u64, oneshot::Sender<Turn>)>,
    /// Number of turns that all clients had been given when this one got its last.
    last: u64,
}

/// Use of one thread, until dropped.
pub(super) struct Turn {
    turns: Turns,
    client: Payer,
}

/// Refusal of a turn: too many wait, and the client has more of them than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much work waits")]
pub(super) struct Crowded;

/// Place in a queue, left when this is dropped.
struct Ticket<'a> {
    turns: &'a Turns,
    client: Payer,
    number: u64,
}

impl Turns {
    /// Creates turns on some threads, for which at most `most` may wait.
    pub(super) fn new(threads: usize, most: usize) -> Self {
        let state = State { free: threads, most, waiting: 0, lanes: HashMap::new(), given: 0, next_ticket: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for a thread.
    pub(super) async fn take(&self, client: Payer) -> Result<Turn, Crowded> {
        let (ticket, turn) = {
            let mut state = self.state();
            if state.free > 0 && state.waiting == 0 {
                state.start(client);
                return Ok(Turn { turns: self.clone(), client });
            }
            state.make_room(client)?;
            state.enter(client)
        };
        let _ticket = Ticket { turns: self, client, number: ticket };
        // The sender is dropped where the turn had to give way.
        turn.await.map_err(|_| Crowded)
    }

    /// Gives free threads to those that wait.
    fn dispatch(&self) {
        loop {
            let Some((client, sender)) = self.state().next() else { return };
            // Whoever waited may have left just now; dropping the turn then frees the thread again.
            drop(sender.send(Turn { turns: self.clone(), client }));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a thread that begins to work for a client.
    fn start(&mut self, client: Payer) {
        self.free -= 1;
        self.given += 1;
        let lane = self.lanes.entry(client).or_default();
        (lane.working, lane.last) = (lane.working + 1, self.given);
    }

    /// Makes room for one more waiting turn, at the cost of the client with the most of them.
    fn make_room(&mut self, client: Payer) -> Result<(), Crowded> {
        if self.waiting < self.most {
            return Ok(());
        }
        let own = self.lanes.get(&client).map_or(0, |lane| lane.waiting.len());
        let largest = self.lanes.values_mut().max_by_key(|lane| lane.waiting.len()).ok_or(Crowded)?;
        if largest.waiting.len() <= own + 1 {
            return Err(Crowded);
        }
        largest.waiting.pop_back();
        self.waiting -= 1;
        Ok(())
    }

    /// Enters the queue of a client.
    fn enter(&mut self, client: Payer) -> (u64, oneshot::Receiver<Turn>) {
        let (sender, receiver) = oneshot::channel();
        let number = self.next_ticket;
        self.next_ticket += 1;
        self.waiting += 1;
        self.lanes.entry(client).or_default().waiting.push_back((number, sender));
        (number, receiver)
    }

    /// Leaves the queue of a client, if the ticket is still in it.
    fn leave(&mut self, client: Payer, number: u64) {
        let Some(lane) = self.lanes.get_mut(&client) else { return };
        if let Some(place) = lane.waiting.iter().position(|(ticket, _)| *ticket == number) {
            lane.waiting.remove(place);
            self.waiting -= 1;
        }
        self.forget(client);
    }

    /// Starts the turn that is next, if a thread is free.
    fn next(&mut self) -> Option<(Payer, oneshot::Sender<Turn>)> {
        if self.free == 0 {
            return None;
        }
        let waiting = self.lanes.iter().filter(|(_, lane)| !lane.waiting.is_empty());
        let (&client, _) = waiting.min_by_key(|(_, lane)| (lane.working, lane.last))?;
        let (_, sender) = self.lanes.get_mut(&client)?.waiting.pop_front()?;
        self.waiting -= 1;
        self.start(client);
        Some((client, sender))
    }

    /// Removes a client without turns.
    fn forget(&mut self, client: Payer) {
        if self.lanes.get(&client).is_some_and(|lane| lane.working == 0 && lane.waiting.is_empty()) {
            self.lanes.remove(&client);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        {
            let mut state = self.turns.state();
            state.free += 1;
            if let Some(lane) = state.lanes.get_mut(&self.client) {
                lane.working -= 1;
            }
            state.forget(self.client);
        }
        self.turns.dispatch();
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.turns.state().leave(self.client, self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::pin::Pin;

    use futures_util::FutureExt;

    use super::*;

    type Taking<'a> = Pin<Box<dyn Future<Output = Result<Turn, Crowded>> + 'a>>;

    fn client(number: u8) -> ClientNet {
        IpAddr::from([192, 0, 2, number]).into()
    }

    fn begin<'a>(turns: &'a Turns, number: u8) -> Taking<'a> {
        let mut taking: Taking<'a> = Box::pin(turns.take(Some(client(number))));
        assert!(taking.as_mut().now_or_never().is_none(), "no thread is free");
        taking
    }

    fn free_and_waiting(turns: &Turns) -> (usize, usize) {
        let state = turns.state();
        (state.free, state.waiting)
    }

    /// Result of each future that is ready.
    fn ready(taking: Taking<'_>) -> Option<Result<Turn, Crowded>> {
        taking.now_or_never()
    }

    #[test]
    fn a_client_alone_gets_all_threads() {
        let turns = Turns::new(3, 10);
        let all: Vec<_> = (0..3).map(|_| ready(Box::pin(turns.take(Some(client(1))))).unwrap().unwrap()).collect();
        assert!(turns.take(Some(client(1))).now_or_never().is_none());
        drop(all);
        assert!(turns.state().lanes.is_empty(), "clients without turns are forgotten");
        assert_eq!(free_and_waiting(&turns), (3, 0));
    }

    #[test]
    fn a_new_client_comes_before_the_queue_of_another() {
        let turns = Turns::new(1, 10);
        let first = ready(Box::pin(turns.take(Some(client(1))))).unwrap().unwrap();
        let many: Vec<_> = (0..5).map(|_| begin(&turns, 1)).collect();
        let one = begin(&turns, 2);
        drop(first);
        let turn = ready(one).unwrap().unwrap();
        assert_eq!(many.into_iter().filter_map(ready).count(), 0);
        drop(turn);
    }

    #[test]
    fn clients_with_work_without_end_share_the_threads_equally() {
        let turns = Turns::new(2, 100);
        let mut working: Vec<_> =
            (0..2).map(|_| ready(Box::pin(turns.take(Some(client(1))))).unwrap().unwrap()).collect();
        let mut waiting: Vec<(u8, Taking<'_>)> =
            (0..40).map(|place| (1 + place % 4, begin(&turns, 1 + place % 4))).collect();
        let mut given = [0; 5];
        for _ in 0..20 {
            working.remove(0);
            let place = waiting.iter_mut().position(|(_, taking)| {
                let turn = taking.as_mut().now_or_never();
                let is_given = turn.is_some();
                working.extend(turn.map(Result::unwrap));
                is_given
            });
            given[usize::from(waiting.remove(place.unwrap()).0)] += 1;
        }
        assert_eq!(given, [0, 5, 5, 5, 5]);
    }

    #[test]
    fn a_full_queue_makes_room_at_the_cost_of_whoever_waits_most() {
        let turns = Turns::new(1, 4);
        let thread = ready(Box::pin(turns.take(Some(client(1))))).unwrap().unwrap();
        let mut many: Vec<_> = (0..4).map(|_| begin(&turns, 1)).collect();
        assert!(matches!(ready(Box::pin(turns.take(Some(client(1))))), Some(Err(Crowded))));
        let other = [begin(&turns, 2), begin(&turns, 2)];
        // Both have an equal part now.
        assert!(matches!(ready(Box::pin(turns.take(Some(client(2))))), Some(Err(Crowded))));
        for newest in many.split_off(2) {
            assert!(matches!(ready(newest), Some(Err(Crowded))));
        }
        let third = begin(&turns, 3);
        assert_eq!(turns.state().waiting, 4);
        drop((many, other, third, thread));
        assert_eq!(free_and_waiting(&turns), (1, 0));
    }

    #[test]
    fn whoever_leaves_the_queue_takes_no_place_and_no_thread() {
        let turns = Turns::new(1, 2);
        let thread = ready(Box::pin(turns.take(Some(client(1))))).unwrap().unwrap();
        for _ in 0..10 {
            drop((begin(&turns, 1), begin(&turns, 2)));
        }
        assert_eq!(turns.state().waiting, 0);
        let gone = begin(&turns, 1);
        drop(thread);
        // It had been given the thread, but never looked.
        drop(gone);
        assert_eq!(turns.state().free, 1);
    }
}
