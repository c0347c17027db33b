//! What one request takes of the capacities that all clients share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::HttpError;
use super::admission::{Admission, Pace};
use super::connection::Connection;
use super::shares::{Client, Share};

/// Slot of a request, given up when the request and its answer are gone.
#[derive(Clone)]
pub(super) struct Slot(Arc<State>);

struct State {
    connection: Arc<Connection>,
    /// Client behind a proxy; absent for the one at the other end of the connection.
    proxied: Option<Arc<Client>>,
    taken: AtomicU8,
}

/// Value of `taken` for a request that has not arrived to its end.
const NOT_YET: u8 = 0;
/// Value of `taken` for a request that counts.
const TAKEN: u8 = 1;
/// Value of `taken` for health, metrics and administration, which have to work when all slots are taken. Request bodies of
/// operators share memory of their own.
const EXEMPT: u8 = 2;

/// Request body that is arriving, and what has arrived of it.
pub(super) struct Arrival {
    place: Option<Share>,
    bytes: Option<Share>,
}

impl Slot {
    /// Creates the slot of a request, which is taken by [`Self::take`]. The client is that of the connection unless it is
    /// behind a proxy.
    pub(super) fn of(connection: Arc<Connection>, proxied: Option<Arc<Client>>) -> Self {
        Self(Arc::new(State { connection, proxied, taken: AtomicU8::new(NOT_YET) }))
    }

    /// Lifts all limits but the one on the memory of request bodies, before the slot is taken.
    pub(super) fn exempt(&self) {
        self.0.taken.store(EXEMPT, Ordering::Relaxed);
    }

    /// Client that the request is counted for; none if it is not counted.
    pub(super) fn client(&self) -> Option<&Arc<Client>> {
        (!self.is_exempt()).then(|| self.0.client())
    }

    /// Tells whether no limits apply.
    pub(super) fn is_exempt(&self) -> bool {
        self.0.taken.load(Ordering::Relaxed) == EXEMPT
    }

    /// Takes the slot, once the request has arrived to its end.
    pub(super) fn take(&self) -> Result<(), HttpError> {
        let State { connection, taken, .. } = &*self.0;
        if taken.load(Ordering::Relaxed) == NOT_YET {
            connection.admission().begin_request(self.0.client())?;
            taken.store(TAKEN, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Begins to receive the body of the request.
    pub(super) fn receive(&self) -> Result<Arrival, HttpError> {
        let (admission, client) = (self.0.connection.admission(), self.0.client());
        Ok(if self.is_exempt() {
            Arrival { place: None, bytes: Some(admission.operator_bytes(client)?) }
        } else {
            Arrival { place: Some(admission.body(client)?), bytes: Some(admission.bytes(client, 0)?) }
        })
    }

    /// Slowest pace at which the body may arrive.
    pub(super) fn pace(&self) -> Pace {
        if self.is_exempt() {
            // Operators may pause as long as the time of the request allows.
            return Pace { pause: std::time::Duration::from_mins(1), rate: 1 };
        }
        self.0.connection.admission().limits().pace
    }
}

impl State {
    fn client(&self) -> &Arc<Client> {
        self.proxied.as_ref().unwrap_or_else(|| self.connection.client())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if *self.taken.get_mut() == TAKEN {
            self.connection.admission().end_request(self.client());
        }
    }
}

impl Arrival {
    /// Counts bytes that have arrived.
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), HttpError> {
        if let Some(share) = self.bytes.take() {
            self.bytes = Some(Admission::more_bytes(share, bytes)?);
        }
        Ok(())
    }

    /// Ends the arrival. The bytes that have arrived keep their share until the rest of this is dropped.
    pub(super) fn complete(&mut self) {
        self.place = None;
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::super::admission::AdmissionLimits;
    use super::super::connection::ConnectionBounds;
    use super::*;

    /// Slot of a request of the client with a number.
    fn slot(admission: &Arc<Admission>, number: u8) -> Slot {
        let client = admission.client(IpAddr::from([192, 0, 2, number]));
        let bounds = ConnectionBounds { idle: Duration::MAX, stall: Duration::MAX, requests: 1 };
        Slot::of(Connection::new(Arc::clone(admission), client, bounds, false), None)
    }

    #[tokio::test]
    async fn bodies_of_operators_share_memory_of_their_own() {
        let admission = Admission::new(AdmissionLimits { waiting: 1000, ..AdmissionLimits::default() });
        let receive = |number| {
            let slot = slot(&admission, number);
            slot.exempt();
            slot.receive().unwrap()
        };
        let (mut large, mut small) = (receive(1), receive(2));
        large.add(200 << 20).unwrap();
        small.add(50 << 20).unwrap();
        assert!(matches!(receive(3).add(50 << 20), Err(HttpError::Overloaded(_))));
        drop(large);
        receive(3).add(50 << 20).unwrap();
        // The largest body of all is taken alone, and clients never wait for operators.
        drop(small);
        receive(1).add(256 << 20).unwrap();
        slot(&admission, 4).receive().unwrap().add(1000).unwrap();
    }

    #[tokio::test]
    async fn a_slot_is_taken_once_and_given_back_with_its_last_copy() {
        let admission = Admission::new(AdmissionLimits { requests: 1, ..AdmissionLimits::default() });
        let (first, second, exempt) = (slot(&admission, 1), slot(&admission, 2), slot(&admission, 3));
        exempt.exempt();
        let copy = first.clone();
        assert!(first.take().is_ok() && copy.take().is_ok());
        assert!(second.take().is_err() && exempt.take().is_ok());
        drop(first);
        assert!(second.take().is_err());
        drop(copy);
        assert!(second.take().is_ok());
    }
}
