//! A holder of the file: its place, standing, pieces, costs and contribution.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use alto_types::PidName;
use alto_types::swarm::Holder as Listing;

use super::protocol::Following;
use crate::content::Bitfield;
use crate::download::request::Arrival;
use crate::events::{self, Contribution};
use crate::policy::{Candidate, Metrics};

/// Longest time for which a holder that failed is left alone.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);
/// Time in which a wait that was seen loses half of its weight, as queues come and go.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// Everything a download knows about one holder of the file.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) source: SocketAddr,
    pub(super) name: String,
    /// True if the registry still lists the holder.
    pub(super) listed: bool,
    pub(super) place: Place,
    pub(super) standing: Standing,
    /// The pieces it has, once known.
    pub(super) have: Option<Bitfield>,
    /// Costs from the ALTO server, one per metric.
    pub(super) costs: Vec<Option<f64>>,
    /// The costs combined into one number.
    pub(super) rating: Option<f64>,
    pub(super) pid: Option<PidName>,
    pub(super) round_trip: RoundTrip,
    /// True if the holder was reported as connected and has not failed since.
    pub(super) connected: bool,
    /// Failures since the last piece.
    failures: u32,
    /// Refusals since the last piece.
    refusals: u32,
    /// False once it has turned out not to choose pieces itself, as peers of earlier versions do not.
    pub(super) chooses: bool,
    /// Pieces since the last arrival that it was believed to have and did not.
    pub(super) misses: u32,
    /// Moving average of its transfer rate within answers, in bytes per second.
    rate: Option<f64>,
    /// How long the latest request waited for its turn, or to be refused, and when that was known.
    waited: Option<(Duration, Instant)>,
    pub(super) contribution: Contribution,
}

/// Relation of a holder to the download.
#[derive(Debug)]
pub(super) enum Place {
    /// Not a neighbour; can become one.
    Outside,
    /// Gave its place to another for want of pieces; cannot become a neighbour again before that time.
    Parked { until: Instant },
    /// Asked for pieces.
    Neighbour {
        /// Control over the thread that polls it for its pieces.
        following: Option<Following>,
        /// Time since when it has had nothing to be asked for.
        idle_since: Option<Instant>,
    },
}

/// Trust in a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// May be asked.
    Good,
    /// Failed or refused: not asked before that time.
    BackingOff { until: Instant },
    /// Sent something wrong: not asked again in this download.
    Banned,
}

/// State of the round-trip measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoundTrip {
    Unknown,
    Measuring,
    Measured(Duration),
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
            RoundTrip::Unknown | RoundTrip::Measuring | RoundTrip::Unreachable => None,
        }
    }
}

impl Holder {
    /// A holder as listed by the registry, of a file with so many pieces.
    pub(super) fn new(listing: &Listing, pieces: usize) -> Self {
        Self {
            source: SocketAddr::new(listing.address, listing.port),
            name: listing.name.clone(),
            listed: true,
            place: Place::Outside,
            standing: Standing::Good,
            have: listing.complete.then(|| Bitfield::full(pieces)),
            costs: Vec::new(),
            rating: None,
            pid: None,
            round_trip: RoundTrip::Unknown,
            connected: false,
            failures: 0,
            refusals: 0,
            chooses: true,
            misses: 0,
            rate: None,
            waited: None,
            contribution: Contribution { name: listing.name.clone(), ..Contribution::default() },
        }
    }

    /// True if the holder has the whole file.
    pub(super) fn is_complete(&self) -> bool {
        self.have.as_ref().is_some_and(Bitfield::is_complete)
    }

    /// True if the holder is one of those asked for pieces.
    pub(super) fn is_neighbour(&self) -> bool {
        matches!(self.place, Place::Neighbour { .. })
    }

    /// The pieces by which it makes others less rare: those of a neighbour with a part of the file.
    pub(super) fn counted_pieces(&self) -> Option<&Bitfield> {
        self.have.as_ref().filter(|have| self.is_neighbour() && !have.is_complete())
    }

    /// True if the holder was banned.
    pub(super) fn is_banned(&self) -> bool {
        self.standing == Standing::Banned
    }

    /// True if the holder failed or refused so recently that it is left alone.
    pub(super) fn is_backing_off(&self, now: Instant) -> bool {
        matches!(self.standing, Standing::BackingOff { until } if now < until)
    }

    /// True if the holder gave up its place too recently to get another one.
    pub(super) fn is_parked(&self, now: Instant) -> bool {
        matches!(self.place, Place::Parked { until } if now < until)
    }

    /// True if the holder can be a neighbour, apart from being parked.
    pub(super) fn is_eligible(&self, now: Instant) -> bool {
        // A registry that has lost its state, as one may that was restarted, does not make a neighbour any worse.
        (self.listed || self.is_neighbour()) && !self.is_banned() && !self.is_backing_off(now)
    }

    /// Cost by the first metric.
    pub(super) fn first_cost(&self) -> Option<f64> {
        self.costs.first().copied().flatten()
    }

    /// The holder as events describe it; `metrics` are those of its costs.
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
            chosen: self.is_neighbour(),
        }
    }

    /// Counts a failure and backs off, for longer each time and in proportion to `weight`.
    pub(super) fn back_off(&mut self, weight: u32, now: Instant) {
        self.failures += 1;
        let time = Duration::from_secs(1) * weight * 2_u32.saturating_pow(self.failures.min(10) - 1);
        self.standing = Standing::BackingOff { until: now + time.min(LONGEST_BACKOFF) };
    }

    /// Counts a refusal and leaves it alone for the time it asked for, doubled with each refusal up to a minute. True for
    /// the first refusal since the last piece.
    pub(super) fn refuse(&mut self, time: Duration, now: Instant) -> bool {
        let longer = time.saturating_mul(2_u32.saturating_pow(self.refusals.min(10)));
        self.standing = Standing::BackingOff { until: now + longer.min(LONGEST_BACKOFF.max(time)) };
        self.refusals += 1;
        self.refusals == 1
    }

    /// Counts a piece that arrived from it.
    pub(super) fn contributed(&mut self, arrival: &Arrival) {
        self.failures = 0;
        self.refusals = 0;
        self.misses = 0;
        self.contribution.bytes += arrival.own_bytes();
        self.contribution.pieces += 1;
        let seconds = arrival.transfer.as_secs_f64();
        if seconds > 0.0 {
            #[expect(clippy::cast_precision_loss, reason = "a piece has few bytes")]
            let rate = arrival.bytes as f64 / seconds;
            self.rate = Some(self.rate.map_or(rate, |before| before * 0.7 + rate * 0.3));
        }
    }

    /// Number of pieces it sends in about this time, from one to `most`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded before")]
    pub(super) fn pieces_in(&self, time: Duration, piece_size: u32, most: u32) -> usize {
        let pieces = self.rate.unwrap_or(0.0) * time.as_secs_f64() / f64::from(piece_size);
        pieces.clamp(1.0, f64::from(most.max(1))) as usize
    }

    /// Notes how long a request waited for its turn, or to be refused.
    pub(super) fn note_wait(&mut self, time: Duration, now: Instant) {
        self.waited = Some((time, now));
    }

    /// Time that a request is expected to wait for its turn: the latest wait, which counts less the older it is. A holder
    /// that was not asked for long is tried again.
    pub(super) fn expected_wait(&self, now: Instant) -> Duration {
        let Some((time, since)) = self.waited else { return Duration::ZERO };
        let age = now.saturating_duration_since(since).as_secs_f64() / HALF_LIFE.as_secs_f64();
        time.mul_f64((-age).exp2())
    }

    /// Stops polling it for its pieces.
    pub(super) fn unfollow(&mut self) {
        if let Place::Neighbour { following, .. } = &mut self.place
            && let Some(following) = following.take()
        {
            following.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use alto_types::swarm::PeerId;

    use super::*;
    use crate::content::Written;
    use crate::content::manifest::DEFAULT_PIECE_SIZE;

    fn holder() -> Holder {
        let listing = Listing {
            peer: PeerId("p".to_owned()),
            name: "p".to_owned(),
            address: [127, 0, 0, 1].into(),
            port: 1,
            manifest: alto_types::swarm::FileId::from_digest([1; 32]),
            complete: true,
        };
        Holder::new(&listing, 8)
    }

    fn arrival(bytes: u64, seconds: u64) -> Arrival {
        let took = Duration::from_secs(seconds);
        Arrival { piece: 0, bytes, from_others: Vec::new(), took, transfer: took, written: Written::New }
    }

    #[test]
    fn back_off_doubles_with_each_failure_up_to_a_minute_and_a_piece_resets_it() {
        let (mut holder, now) = (holder(), Instant::now());
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            holder.back_off(1, now);
            assert_eq!(holder.standing, Standing::BackingOff { until: now + Duration::from_secs(seconds) });
        }
        assert!(holder.is_backing_off(now) && !holder.is_backing_off(now + LONGEST_BACKOFF));
        holder.contributed(&arrival(1000, 1));
        holder.back_off(10, now);
        assert_eq!(holder.standing, Standing::BackingOff { until: now + Duration::from_secs(10) });
        assert!(!holder.is_eligible(now) && holder.is_eligible(now + Duration::from_secs(10)));
    }

    #[test]
    fn a_holder_that_refuses_is_left_alone_for_longer_each_time_and_reported_once() {
        let (mut holder, now, five) = (holder(), Instant::now(), Duration::from_secs(5));
        for (seconds, first) in [(5, true), (10, false), (20, false), (40, false), (60, false), (60, false)] {
            assert_eq!(holder.refuse(five, now), first);
            assert_eq!(holder.standing, Standing::BackingOff { until: now + Duration::from_secs(seconds) });
        }
        holder.contributed(&arrival(1000, 1));
        assert!(holder.refuse(five, now), "a piece resets it");
        assert_eq!(holder.standing, Standing::BackingOff { until: now + five });
    }

    #[test]
    fn a_long_wait_is_expected_again_until_it_is_long_ago() {
        let (mut holder, now) = (holder(), Instant::now());
        assert_eq!(holder.expected_wait(now), Duration::ZERO, "it was not asked yet");
        holder.note_wait(Duration::from_secs(8), now);
        assert_eq!(holder.expected_wait(now), Duration::from_secs(8));
        assert_eq!(holder.expected_wait(now + HALF_LIFE * 3), Duration::from_secs(1));
        holder.note_wait(Duration::from_secs(2), now);
        assert_eq!(holder.expected_wait(now), Duration::from_secs(2), "the latest counts");
    }

    #[test]
    fn a_faster_holder_is_asked_for_more_pieces_at_once() {
        let mut holder = holder();
        let pieces = |holder: &Holder| holder.pieces_in(Duration::from_secs(1), DEFAULT_PIECE_SIZE, 16);
        assert_eq!(pieces(&holder), 1, "its rate is not known");
        holder.contributed(&arrival(4 * u64::from(DEFAULT_PIECE_SIZE), 1));
        assert_eq!(pieces(&holder), 4);
        holder.contributed(&arrival(400 * u64::from(DEFAULT_PIECE_SIZE), 1));
        assert_eq!(pieces(&holder), 16);
        assert_eq!(holder.contribution.pieces, 2);
    }
}
