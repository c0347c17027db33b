//! The open connections by client, and whose place a new one gets when all are taken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alto_types::ClientNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::connection::Connection;

/// Time after which a full server looks again for a connection to close.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Connections that are open, up to a number.
pub(super) struct Roster {
    limit: usize,
    slots: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    by_client: HashMap<ClientNet, HashMap<u64, Arc<Connection>>>,
}

/// Place of an open connection, given up when dropped.
pub(super) struct Place {
    roster: Arc<Roster>,
    net: ClientNet,
    id: u64,
    _slot: OwnedSemaphorePermit,
}

impl Roster {
    /// Creates a roster for a number of connections.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, slots: Arc::new(Semaphore::new(limit)), open: Mutex::default() })
    }

    /// Waits for a free slot for a client, closing a connection of another if all are taken; none once `stop` is true.
    pub(super) async fn slot(
        &self,
        newcomer: ClientNet,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return Some(slot);
            }
            if let Some(longest_idle) = self.dispensable(newcomer) {
                longest_idle.evict();
            }
            tokio::select! {
                slot = Arc::clone(&self.slots).acquire_owned() => return slot.ok(),
                _ = stop.wait_for(|stop| *stop) => return None,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Enters an open connection. One of a proxy that the operator trusts stands for many clients, and never loses its
    /// place to another.
    pub(super) fn enter(self: &Arc<Self>, connection: &Arc<Connection>, slot: OwnedSemaphorePermit) -> Place {
        metrics::counter!("alto_connections_total").increment(1);
        metrics::gauge!("alto_connections").increment(1.0);
        let net = connection.client().net();
        let mut open = self.open();
        let id = open.next_id;
        open.next_id += 1;
        if !connection.is_of_proxy() {
            open.by_client.entry(net).or_default().insert(id, Arc::clone(connection));
        }
        drop(open);
        Place { roster: Arc::clone(self), net, id, _slot: slot }
    }

    /// Connection to close for a newcomer when all slots are taken: the longest idle one of the client with the most
    /// connections. One with requests in progress is closed only if its client has more than an equal part of all slots;
    /// a client without a connection to close is passed over.
    fn dispensable(&self, newcomer: ClientNet) -> Option<Arc<Connection>> {
        let open = self.open();
        let clients = open.by_client.len() + usize::from(!open.by_client.contains_key(&newcomer));
        let part = self.limit / clients.max(1);
        let mut holders: Vec<_> = open.by_client.values().collect();
        holders.sort_unstable_by_key(|connections| std::cmp::Reverse(connections.len()));
        holders.into_iter().find_map(|connections| {
            let states = connections.values().map(|connection| (connection.last_active(), connection));
            let candidates = states.filter(|((_, busy), _)| !busy || connections.len() > part);
            candidates.min_by_key(|((last, busy), _)| (*busy, *last)).map(|(_, connection)| Arc::clone(connection))
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Passes the place of a TCP proxy's connection to the client that it is for.
    pub(super) fn pass_to(&mut self, connection: &Arc<Connection>) {
        let net = connection.client().net();
        if !connection.is_of_proxy() {
            self.roster.open().by_client.entry(net).or_default().insert(self.id, Arc::clone(connection));
        }
        self.net = net;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("alto_connections").decrement(1.0);
        let mut open = self.roster.open();
        if let Some(connections) = open.by_client.get_mut(&self.net) {
            connections.remove(&self.id);
            if connections.is_empty() {
                open.by_client.remove(&self.net);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::time::Instant;

    use super::*;
    use crate::http::admission::{Admission, AdmissionLimits};
    use crate::http::connection::ConnectionBounds;

    const BOUNDS: ConnectionBounds =
        ConnectionBounds { idle: Duration::from_mins(1), stall: Duration::from_mins(1), requests: 1000 };

    struct Fixture {
        admission: Arc<Admission>,
        roster: Arc<Roster>,
        stop: watch::Sender<bool>,
    }

    impl Fixture {
        fn new(limit: usize) -> Self {
            let admission = Admission::new(AdmissionLimits::default());
            Self { admission, roster: Roster::new(limit), stop: watch::channel(false).0 }
        }

        /// Opens a connection, which closes when it is evicted.
        async fn open(&self, address: &str) -> Arc<Connection> {
            let client = self.admission.client(address.parse::<IpAddr>().unwrap());
            let slot = self.roster.slot(client.net(), &mut self.stop.subscribe()).await.unwrap();
            let connection = Connection::new(Arc::clone(&self.admission), client, BOUNDS, false);
            let place = self.roster.enter(&connection, slot);
            let evicted = Arc::clone(&connection);
            tokio::spawn(async move {
                evicted.evicted().await;
                drop(place);
            });
            tokio::time::advance(Duration::from_secs(1)).await;
            connection
        }

        fn count(&self, address: &str) -> usize {
            let net = address.parse::<IpAddr>().unwrap().into();
            self.roster.open().by_client.get(&net).map_or(0, HashMap::len)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_client_gets_the_place_of_the_longest_idle_connection_of_the_largest_holder() {
        let fixture = Fixture::new(4);
        let modest = fixture.open("192.0.2.7").await;
        let busy = fixture.open("192.0.2.1").await;
        let _request = busy.begin(Instant::now());
        let idle = fixture.open("192.0.2.1").await;
        fixture.open("192.0.2.1").await;
        fixture.open("192.0.2.9").await;
        assert_eq!((fixture.count("192.0.2.1"), fixture.count("192.0.2.7"), fixture.count("192.0.2.9")), (2, 1, 1));
        idle.evicted().await;
        drop(modest);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_all_slots_loses_even_a_busy_connection_but_not_to_itself() {
        let fixture = Fixture::new(2);
        let busy = [fixture.open("192.0.2.1").await, fixture.open("192.0.2.1").await];
        let _requests = busy.each_ref().map(|connection| connection.begin(Instant::now()));
        let waits = tokio::time::timeout(Duration::from_secs(5), fixture.open("192.0.2.1")).await;
        assert!(waits.is_err());
        fixture.open("192.0.2.9").await;
        assert_eq!((fixture.count("192.0.2.1"), fixture.count("192.0.2.9")), (1, 1));
        // With an equal part each, nobody loses a busy connection.
        let _request = busy[1].begin(Instant::now());
        let waits = tokio::time::timeout(Duration::from_secs(5), fixture.open("192.0.2.1")).await;
        assert!(waits.is_ok(), "the idle connection of 192.0.2.9 is closed");
    }
}
