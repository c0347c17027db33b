//! The open connections of all clients: their number is bounded, and whoever has the most makes room for others.
//!
//! A client is an IPv4 address or an IPv6 /64. A single client may have all connections, until another one needs one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use alto_types::ClientNet;
use tokio::sync::Notify;

use super::counted::Written;

/// The open connections.
pub(super) struct Connections {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<u64, Connection>,
    last: u64,
}

struct Connection {
    client: ClientNet,
    activity: Activity,
    cut: Arc<Notify>,
}

/// Requests on a connection.
#[derive(Clone, Copy)]
enum Activity {
    Idle { since: Instant },
    Busy { requests: usize, since: Instant },
}

/// Place of a connection, given up when it is dropped.
pub(super) struct Place {
    connections: Arc<Connections>,
    number: u64,
    /// Ends the connection when notified.
    pub(super) cut: Arc<Notify>,
}

/// Marks a connection as busy, until it is dropped: from the head of a request to the end of its answer.
pub(super) struct Busy {
    connections: Arc<Connections>,
    number: u64,
}

/// Facts about the connection of a request.
#[derive(Clone)]
pub(super) struct ConnectionInfo {
    pub(super) client: ClientNet,
    /// Ends the connection when notified.
    pub(super) cut: Arc<Notify>,
    /// Number of bytes written to the connection so far.
    pub(super) written: Arc<Written>,
    /// Marks the connection as busy until the last copy is dropped.
    pub(super) _busy: Arc<Busy>,
}

impl Connections {
    /// A set of at most `limit` connections.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit.max(1), state: Mutex::default() })
    }

    /// Takes a place for a new connection. `None` if all are taken and no other client has more; otherwise the longest
    /// idle connection of the client with the most is ended for it.
    pub(super) fn admit(self: &Arc<Self>, client: ClientNet, now: Instant) -> Option<Place> {
        let mut state = self.state();
        if state.open.len() >= self.limit {
            let number = state.dispensable(client)?;
            state.open.remove(&number)?.cut.notify_one();
        }
        state.last += 1;
        let (number, cut) = (state.last, Arc::new(Notify::new()));
        let activity = Activity::Idle { since: now };
        state.open.insert(number, Connection { client, activity, cut: Arc::clone(&cut) });
        Some(Place { connections: Arc::clone(self), number, cut })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Number of the connection that makes room for one of this client.
    fn dispensable(&self, client: ClientNet) -> Option<u64> {
        let mut counts = HashMap::new();
        for connection in self.open.values() {
            *counts.entry(connection.client).or_insert(0_usize) += 1;
        }
        let most = counts.values().copied().max()?;
        let own = counts.get(&client).copied().unwrap_or(0) + 1;
        if own > most {
            return None;
        }
        let of_largest = self.open.iter().filter(|(_, connection)| counts.get(&connection.client) == Some(&most));
        // Idle ones first. Between equals a request in progress counts more than a new connection.
        let rank = |(number, connection): (&u64, &Connection)| match connection.activity {
            Activity::Idle { since } => Some((false, since, *number)),
            Activity::Busy { since, .. } => (most > own).then_some((true, since, *number)),
        };
        of_largest.filter_map(rank).min().map(|(.., number)| number)
    }
}

impl Place {
    /// Marks the connection as busy with one more request.
    pub(super) fn begin(&self, now: Instant) -> Busy {
        if let Some(connection) = self.connections.state().open.get_mut(&self.number) {
            connection.activity = match connection.activity {
                Activity::Idle { .. } => Activity::Busy { requests: 1, since: now },
                Activity::Busy { requests, since } => Activity::Busy { requests: requests + 1, since },
            };
        }
        Busy { connections: Arc::clone(&self.connections), number: self.number }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.state().open.remove(&self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(connection) = self.connections.state().open.get_mut(&self.number) {
            connection.activity = match connection.activity {
                Activity::Busy { requests, since } if requests > 1 => Activity::Busy { requests: requests - 1, since },
                Activity::Idle { .. } | Activity::Busy { .. } => Activity::Idle { since: Instant::now() },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    fn client(address: &str) -> ClientNet {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn is_cut(place: &Place) -> bool {
        place.cut.notified().now_or_never().is_some()
    }

    #[test]
    fn one_client_may_have_all_connections_until_another_needs_one() {
        let (connections, start) = (Connections::new(3), Instant::now());
        let mut places = Vec::new();
        for n in 0..3 {
            places.push(connections.admit(client("2001:db8::1"), start + Duration::from_secs(n)).unwrap());
        }
        assert!(connections.admit(client("2001:db8::2"), start).is_none(), "another address of the same /64");
        let busy = places[0].begin(start);
        let other = connections.admit(client("192.0.2.1"), start).unwrap();
        assert_eq!(places.iter().map(is_cut).collect::<Vec<_>>(), [false, true, false], "the longest idle one");
        let second = connections.admit(client("192.0.2.2"), start).unwrap();
        assert!(is_cut(&places[2]) && !is_cut(&other));
        assert!(connections.admit(client("192.0.2.2"), start).is_none(), "nobody has more");
        drop((busy, second));
        assert!(connections.admit(client("192.0.2.2"), start).is_some(), "a place is free");
    }

    #[test]
    fn a_request_in_progress_is_ended_only_for_a_client_with_fewer_connections() {
        let (connections, now) = (Connections::new(2), Instant::now());
        let places = ["192.0.2.1", "192.0.2.2"].map(|address| connections.admit(client(address), now).unwrap());
        let _busy = places.each_ref().map(|place| place.begin(now));
        assert!(connections.admit(client("192.0.2.3"), now).is_none());
        let connections = Connections::new(2);
        let places = ["192.0.2.1", "192.0.2.1"].map(|address| connections.admit(client(address), now).unwrap());
        let _busy = places.each_ref().map(|place| place.begin(now));
        assert!(connections.admit(client("192.0.2.3"), now).is_some() && is_cut(&places[0]));
    }
}
