//! Metrics of the tracker. The handles are created once, because looking them up by label costs more than an answer.

use std::time::Duration;

use alto_registry::swarms::SwarmStats;
use alto_types::tracker::announce::Event;
use metrics::{Counter, Histogram};

use super::refusal::Refused;

/// Protocol over which a request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Http,
    Udp,
}

/// Metrics by the labels that they have.
pub(super) struct Meters {
    transports: [TransportMeters; 2],
    /// By location: own PID, near, other.
    named: [Counter; 3],
    connects: Counter,
    dropped: Counter,
    limited: Counter,
}

struct TransportMeters {
    /// By event, in the order of [`Event::ALL`].
    announces: [Counter; 4],
    scrapes: Counter,
    seconds: Histogram,
}

impl Transport {
    const fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Udp => "udp",
        }
    }
}

impl Meters {
    pub(super) fn new() -> Self {
        let transport = |transport: Transport| {
            let label = transport.label();
            let announces = Event::ALL.map(|event| {
                let event = event.name().unwrap_or("periodic");
                metrics::counter!("alto_tracker_announces_total", "transport" => label, "event" => event)
            });
            TransportMeters {
                announces,
                scrapes: metrics::counter!("alto_tracker_scrapes_total", "transport" => label),
                seconds: metrics::histogram!("alto_tracker_answer_seconds", "transport" => label),
            }
        };
        let named = ["own-pid", "near", "other"]
            .map(|location| metrics::counter!("alto_tracker_named_peers_total", "location" => location));
        Self {
            transports: [transport(Transport::Http), transport(Transport::Udp)],
            named,
            connects: metrics::counter!("alto_tracker_udp_connects_total"),
            dropped: metrics::counter!("alto_tracker_udp_dropped_total"),
            limited: metrics::counter!("alto_tracker_udp_limited_total"),
        }
    }

    /// Counts an announcement that was answered.
    pub(super) fn announced(&self, transport: Transport, event: Event) {
        let place = Event::ALL.iter().position(|known| *known == event).unwrap_or_default();
        self.transports[transport as usize].announces[place].increment(1);
    }

    /// Counts an answered question for numbers of peers.
    pub(super) fn scraped(&self, transport: Transport) {
        self.transports[transport as usize].scrapes.increment(1);
    }

    /// Records the time that an answer took.
    pub(super) fn took(&self, transport: Transport, time: Duration) {
        self.transports[transport as usize].seconds.record(time.as_secs_f64());
    }

    /// Counts the peers of one answer by their location, in the order of [`Tier`](alto_selection::Tier).
    pub(super) fn named(&self, counts: [u64; 3]) {
        for (counter, count) in self.named.iter().zip(counts).filter(|(_, count)| *count > 0) {
            counter.increment(count);
        }
    }

    /// Counts a connection ID that was given out.
    pub(super) fn connected(&self) {
        self.connects.increment(1);
    }

    /// Counts a packet that gets no answer.
    pub(super) fn dropped(&self) {
        self.dropped.increment(1);
    }

    /// Counts a packet that gets no answer because its address had too many.
    pub(super) fn limited(&self) {
        self.limited.increment(1);
    }
}

/// Counts a refused request. Rare enough to look the counter up.
pub(super) fn refused(refused: &Refused) {
    metrics::counter!("alto_tracker_refused_total", "reason" => refused.label()).increment(1);
}

/// Records the size of the tracker.
pub(super) fn sized(stats: SwarmStats) {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    {
        metrics::gauge!("alto_tracker_swarms").set(stats.swarms as f64);
        metrics::gauge!("alto_tracker_peers").set(stats.peers as f64);
    }
}

/// Describes the metrics to those who read `/metrics`.
pub(super) fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("alto_tracker_announces_total", "Announcements answered, by transport and event.");
    describe_counter!("alto_tracker_scrapes_total", "Questions for numbers of peers answered, by transport.");
    describe_counter!("alto_tracker_refused_total", "Requests refused by the tracker, by reason.");
    describe_counter!(
        "alto_tracker_named_peers_total",
        "Peers named in answers, by their location relative to the client."
    );
    describe_counter!("alto_tracker_udp_connects_total", "Connection IDs given out over UDP.");
    describe_counter!(
        "alto_tracker_udp_dropped_total",
        "UDP packets without answer: malformed, or without a valid connection ID."
    );
    describe_counter!(
        "alto_tracker_udp_limited_total",
        "UDP packets without answer: more from one address than tracker-max-udp-rate."
    );
    describe_histogram!("alto_tracker_answer_seconds", "Time to answer a request to the tracker, by transport.");
    describe_gauge!("alto_tracker_swarms", "Torrents with at least one peer.");
    describe_gauge!("alto_tracker_peers", "Peers of all torrents, counted once per torrent and address.");
}
