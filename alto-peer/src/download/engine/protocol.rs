//! Inputs and actions of the coordinator: everything it learns, and everything it has done for it.

use std::net::SocketAddr;

use crate::download::cancel::Cancel;
use crate::download::helpers::availability_poller::AvailabilityReport;
use crate::download::helpers::cost_view::CostReport;
use crate::download::helpers::holder_poller::HolderReport;
use crate::download::helpers::round_trip_prober::RoundTripReport;
use crate::download::helpers::workers::JobReport;
use crate::download::interval::Interval;
use crate::download::request::Job;
use crate::events::Event;

/// A report of a helper thread.
#[derive(Debug)]
pub(super) enum Input {
    /// From a worker: progress of a request.
    Job(JobReport),
    /// From an availability poller: the pieces of a neighbour.
    Availability(AvailabilityReport),
    /// From the registry: holders of the file.
    Holders(HolderReport),
    /// From the ALTO server: costs of the holders.
    Costs(CostReport),
    /// A measured round-trip time.
    RoundTrip(RoundTripReport),
}

/// Something the coordinator wants done.
#[derive(Debug)]
pub(super) enum Action {
    /// Request pieces of a holder.
    Request(Job),
    /// Poll a neighbour for the pieces it has.
    Follow(SocketAddr, Following),
    /// Measure round-trip times.
    MeasureRoundTrips(Vec<SocketAddr>),
    /// Start polling the ALTO server for costs.
    PollCosts,
    /// Count bytes that were written to the file.
    CountWritten(u64),
    /// Note that a holder gave so many bytes of them.
    NoteGiven(SocketAddr, u64),
    /// Tell others of this piece without hurry, as most of them have it.
    NoteCommon(usize),
    /// Emit an event.
    Emit(Event),
}

/// Control over the thread that polls a neighbour for its pieces.
#[derive(Clone, Debug)]
pub(super) struct Following {
    pub(super) cancel: Cancel,
    pub(super) interval: Interval,
}

impl Following {
    /// Ends the thread.
    pub(super) fn stop(&self) {
        self.cancel.cancel();
        self.interval.stop();
    }
}
