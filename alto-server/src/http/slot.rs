//! What one request takes of the capacities that all clients share.

use std::sync::{Arc, OnceLock};

use super::HttpError;
use super::admission::{Admission, Pace};
use super::shares::{Client, Share};

/// Slot of a request, given up when the request and its answer are gone.
#[derive(Clone)]
pub(super) struct Slot(Arc<State>);

enum State {
    /// Health, metrics and administration, which have to work when all slots are taken. Request bodies of operators share
    /// memory of their own.
    Exempt(Arc<Admission>, Arc<Client>),
    Limited {
        admission: Arc<Admission>,
        client: Arc<Client>,
        request: OnceLock<Share>,
    },
}

/// Request body that is arriving, and what has arrived of it.
pub(super) struct Arrival {
    place: Option<Share>,
    bytes: Option<Share>,
}

impl Slot {
    /// Returns a slot without limits other than the one on the memory of request bodies.
    pub(super) fn exempted(&self) -> Self {
        match &*self.0 {
            State::Exempt(..) => self.clone(),
            State::Limited { admission, client, .. } => {
                Self(Arc::new(State::Exempt(Arc::clone(admission), Arc::clone(client))))
            }
        }
    }

    /// Creates the slot of a client's request, which is taken by [`Self::take`].
    pub(super) fn of(admission: Arc<Admission>, client: Arc<Client>) -> Self {
        Self(Arc::new(State::Limited { admission, client, request: OnceLock::new() }))
    }

    /// Client that the request is counted for; none if it is not counted.
    pub(super) fn client(&self) -> Option<&Arc<Client>> {
        match &*self.0 {
            State::Exempt(..) => None,
            State::Limited { client, .. } => Some(client),
        }
    }

    /// Tells whether no limits apply.
    pub(super) fn is_exempt(&self) -> bool {
        matches!(*self.0, State::Exempt(..))
    }

    /// Takes the slot, once the request has arrived to its end.
    pub(super) fn take(&self) -> Result<(), HttpError> {
        if let State::Limited { admission, client, request } = &*self.0
            && request.get().is_none()
        {
            // Nobody else sets it, and if somebody had, the share would be dropped.
            let _already_taken = request.set(admission.request(client)?);
        }
        Ok(())
    }

    /// Begins to receive the body of the request.
    pub(super) fn receive(&self) -> Result<Arrival, HttpError> {
        Ok(match &*self.0 {
            State::Exempt(admission, client) => Arrival { place: None, bytes: Some(admission.operator_bytes(client)?) },
            State::Limited { admission, client, .. } => {
                Arrival { place: Some(admission.body(client)?), bytes: Some(admission.bytes(client, 0)?) }
            }
        })
    }

    /// Slowest pace at which the body may arrive.
    pub(super) fn pace(&self) -> Pace {
        match &*self.0 {
            // Operators may pause as long as the time of the request allows.
            State::Exempt(..) => Pace { pause: std::time::Duration::from_mins(1), rate: 1 },
            State::Limited { admission, .. } => admission.limits().pace,
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
    use super::super::admission::AdmissionLimits;
    use super::*;

    #[test]
    fn bodies_of_operators_share_memory_of_their_own() {
        let admission = Admission::new(AdmissionLimits { waiting: 1000, ..AdmissionLimits::default() });
        let client = |number: u8| admission.client(std::net::IpAddr::from([192, 0, 2, number]));
        let receive = |number| Slot::of(Arc::clone(&admission), client(number)).exempted().receive().unwrap();
        let (mut large, mut small) = (receive(1), receive(2));
        large.add(200 << 20).unwrap();
        small.add(50 << 20).unwrap();
        assert!(matches!(receive(3).add(50 << 20), Err(HttpError::Overloaded(_))));
        drop(large);
        receive(3).add(50 << 20).unwrap();
        // The largest body of all is taken alone, and clients never wait for operators.
        drop(small);
        receive(1).add(256 << 20).unwrap();
        Slot::of(Arc::clone(&admission), client(4)).receive().unwrap().add(1000).unwrap();
    }
}
