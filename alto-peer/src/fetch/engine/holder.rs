//! What the engine knows about one holder.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alto_types::PidName;
use alto_types::swarm::Holder as Listing;

use crate::content::Bitfield;
use crate::events::{self, Contribution};
use crate::fetch::pace::Pace;
use crate::fetch::request::Arrival;
use crate::fetch::transport::Cancel;
use crate::policy::{Candidate, Metrics};

/// Longest time a holder that failed is left alone.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// A holder.
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) source: SocketAddr,
    pub(super) name: String,
    /// Whether the registry still names it.
    pub(super) listed: bool,
    /// As far as is known.
    pub(super) have: Option<Bitfield>,
    /// What the ALTO server said, by each metric.
    pub(super) costs: Vec<Option<f64>>,
    /// What that comes to.
    pub(super) rating: Option<f64>,
    pub(super) pid: Option<PidName>,
    pub(super) round_trip: RoundTrip,
    /// Whether it is one of those whose pieces are followed and asked for.
    pub(super) neighbour: bool,
    /// Ends the thread that follows what it has.
    pub(super) following: Option<(Cancel, Pace)>,
    /// Requests that are running.
    pub(super) jobs: usize,
    /// It sent something wrong: it is not asked again.
    pub(super) banned: bool,
    /// It failed, or has no time: it is not asked before that.
    pub(super) rests_until: Option<Instant>,
    /// It has nothing for us: others get its place until then.
    pub(super) parked_until: Option<Instant>,
    /// As a neighbour it has had nothing to ask it for since then.
    pub(super) idle_since: Option<Instant>,
    failures: u32,
    /// It said that it does not have what we believed it to have.
    pub(super) misses: u32,
    pub(super) connected: bool,
    /// Bytes per second of a request once it is being answered.
    speed: Option<f64>,
    pub(super) contribution: Contribution,
}

/// What is known of the way there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoundTrip {
    Unknown,
    Asked,
    Measured(Duration),
    /// Nothing came back.
    Unreachable,
}

impl Candidate for Holder {
    type Pid = PidName;

    fn address(&self) -> SocketAddr {
        self.source
    }

    fn cost(&self) -> Option<f64> {
        self.rating
    }

    fn pid(&self) -> Option<&PidName> {
        self.pid.as_ref()
    }

    fn round_trip(&self) -> Option<Duration> {
        match self.round_trip {
            RoundTrip::Measured(time) => Some(time),
            RoundTrip::Unknown | RoundTrip::Asked | RoundTrip::Unreachable => None,
        }
    }
}

impl Holder {
    pub(super) fn new(listing: &Listing, pieces: usize) -> Self {
        Self {
            source: SocketAddr::new(listing.address, listing.port),
            name: listing.name.clone(),
            listed: true,
            have: listing.complete.then(|| Bitfield::full(pieces)),
            costs: Vec::new(),
            rating: None,
            pid: None,
            round_trip: RoundTrip::Unknown,
            neighbour: false,
            following: None,
            jobs: 0,
            banned: false,
            rests_until: None,
            parked_until: None,
            idle_since: None,
            failures: 0,
            misses: 0,
            connected: false,
            speed: None,
            contribution: Contribution { name: listing.name.clone(), ..Contribution::default() },
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.have.as_ref().is_some_and(Bitfield::is_complete)
    }

    /// Whether it can be a neighbour, parked or not.
    pub(super) fn is_eligible(&self, now: Instant) -> bool {
        // A registry that forgot everything, as one that was restarted may, does not make a neighbour any worse.
        (self.listed || self.neighbour) && !self.banned && !self.rests(now)
    }

    pub(super) fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }

    pub(super) fn is_parked(&self, now: Instant) -> bool {
        self.parked_until.is_some_and(|until| now < until)
    }

    /// The cost by the first metric.
    pub(super) fn first_cost(&self) -> Option<f64> {
        self.costs.first().copied().flatten()
    }

    /// As it is told; `metrics` are those of its costs.
    pub(super) fn event(&self, metrics: &Metrics) -> events::Candidate {
        let several = metrics.as_slice().len() > 1;
        let named = metrics.as_slice().iter().zip(&self.costs).filter(|_| several);
        events::Candidate {
            source: self.source,
            name: self.name.clone(),
            cost: self.first_cost(),
            costs: named.filter_map(|(one, cost)| Some((one.metric.to_string(), (*cost)?))).collect(),
            rating: self.rating.filter(|_| metrics.is_compromise()),
            pid: self.pid.as_ref().map(|pid| pid.as_str().to_owned()),
            rtt: self.round_trip().map(|time| time.as_secs_f64()),
            chosen: self.neighbour,
        }
    }

    /// It failed once more: how long it is left alone, longer each time. `weight` says how bad it was.
    pub(super) fn failed(&mut self, now: Instant, weight: u32) {
        self.failures += 1;
        let rest = Duration::from_secs(1) * weight * 2_u32.saturating_pow(self.failures.min(10) - 1);
        self.rests_until = Some(now + rest.min(LONGEST_REST));
    }

    /// It sent a right piece.
    pub(super) fn sent(&mut self, arrival: &Arrival) {
        self.failures = 0;
        self.misses = 0;
        let seconds = arrival.transfer.as_secs_f64();
        if seconds > 0.0 {
            #[expect(clippy::cast_precision_loss, reason = "a piece has few bytes")]
            let speed = arrival.bytes as f64 / seconds;
            self.speed = Some(self.speed.map_or(speed, |before| before * 0.7 + speed * 0.3));
        }
    }

    /// How many pieces it sends in about this time, at least one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded before")]
    pub(super) fn pieces_in(&self, time: Duration, piece_size: u32, most: u32) -> usize {
        let pieces = self.speed.unwrap_or(0.0) * time.as_secs_f64() / f64::from(piece_size);
        pieces.clamp(1.0, f64::from(most.max(1))) as usize
    }

    /// Nobody follows any more what it has.
    pub(super) fn unfollow(&mut self) {
        if let Some((cancel, pace)) = self.following.take() {
            cancel.cancel();
            pace.stop();
        }
    }
}
