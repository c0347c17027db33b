//! The candidates that policies choose among.

use std::net::SocketAddr;
use std::time::Duration;

/// A holder as a policy sees it, implemented by the caller's own type.
pub trait Candidate {
    /// Identifier of a network location (a PID of RFC 7285 §5.1): a name, or a number where comparisons must be cheap.
    type Pid: Ord;

    /// Transport address; breaks ties between equal costs, so that two runs agree.
    fn address(&self) -> SocketAddr;

    /// Cost of the route from the candidate to the downloader, the direction in which content flows. `None` where it is
    /// undefined or unknown. For several metrics, the [rating](crate::ratings).
    fn cost(&self) -> Option<f64> {
        None
    }

    /// PID of the candidate, if known.
    fn pid(&self) -> Option<&Self::Pid> {
        None
    }

    /// Shortest measured round-trip time, if any.
    fn round_trip(&self) -> Option<Duration> {
        None
    }
}

/// The candidates of one choice, seen from the downloader.
#[derive(Debug)]
pub struct Candidates<'a, C: Candidate> {
    /// PID of the downloader, if known.
    pub own_pid: Option<&'a C::Pid>,
    /// Holders that can be asked. Policies refer to them by index.
    pub all: &'a [C],
}

impl<C: Candidate> Clone for Candidates<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Candidate> Copy for Candidates<'_, C> {}

impl<C: Candidate + ?Sized> Candidate for &C {
    type Pid = C::Pid;

    fn address(&self) -> SocketAddr {
        (**self).address()
    }

    fn cost(&self) -> Option<f64> {
        (**self).cost()
    }

    fn pid(&self) -> Option<&C::Pid> {
        (**self).pid()
    }

    fn round_trip(&self) -> Option<Duration> {
        (**self).round_trip()
    }
}
