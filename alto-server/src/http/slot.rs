//! What one request takes of the capacities that all clients share.

use std::sync::{Arc, OnceLock};

use super::HttpError;
use super::admission::{Admission, Pace};
use super::shares::{Client, Share};

/// Slot of a request, given up when the request and its answer are gone. An extension of the answer.
#[derive(Clone)]
pub(super) struct Slot(Arc<State>);

enum State {
    /// Health, metrics and administration, which have to work when all slots are taken.
    Exempt,
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
    /// Creates the slot of a request without limits.
    pub(super) fn exempt() -> Self {
        Self(Arc::new(State::Exempt))
    }

    /// Creates the slot of a client's request, which is taken by [`Self::take`].
    pub(super) fn of(admission: Arc<Admission>, client: Arc<Client>) -> Self {
        Self(Arc::new(State::Limited { admission, client, request: OnceLock::new() }))
    }

    /// Client that the request is counted for; none if it is not counted.
    pub(super) fn client(&self) -> Option<&Arc<Client>> {
        match &*self.0 {
            State::Exempt => None,
            State::Limited { client, .. } => Some(client),
        }
    }

    /// Tells whether no limits apply.
    pub(super) fn is_exempt(&self) -> bool {
        matches!(*self.0, State::Exempt)
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
            State::Exempt => Arrival { place: None, bytes: None },
            State::Limited { admission, client, .. } => {
                Arrival { place: Some(admission.body(client)?), bytes: Some(admission.bytes(client, 0)?) }
            }
        })
    }

    /// Slowest pace at which the body may arrive.
    pub(super) fn pace(&self) -> Pace {
        match &*self.0 {
            // Operators may pause as long as the time of the request allows.
            State::Exempt => Pace { pause: std::time::Duration::from_mins(1), rate: 1 },
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
