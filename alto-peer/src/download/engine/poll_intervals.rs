//! Polling intervals of a download: as long as does no harm, so that a swarm on thin lines is not busy with itself.

use std::time::{Duration, Instant};

use crate::download::interval::Interval;

/// Bytes on the wire for asking one neighbour which pieces it has, headers of all layers in both directions included.
const POLL_BYTES: f64 = 700.0;
/// Share of the present download rate that all such polls together may take.
const POLL_SHARE: f64 = 0.015;
const SHORTEST_POLL: Duration = Duration::from_millis(250);
const LONGEST_POLL: Duration = Duration::from_secs(15);
/// Interval before there is a rate, and while nothing is being transferred.
const FIRST_POLL: Duration = Duration::from_secs(1);
/// Interval when an answer is needed at once.
const URGENT: Duration = Duration::from_secs(1);
/// Largest multiple of the usual interval at which the registry is asked while it names nobody who is needed.
const CALM: u32 = 4;
/// Seconds over which the rate is averaged.
const WINDOW: f64 = 5.0;

/// The intervals of all pollers of a download, and the download rate that they depend on.
#[derive(Debug)]
pub(super) struct PollIntervals {
    pub(super) registry: Interval,
    pub(super) costs: Interval,
    refresh: Duration,
    availability: Duration,
    /// Interval of the registry while nobody has anything for us, doubled each time; and since when.
    urgent: Option<(Duration, Instant)>,
    /// Multiple of the usual interval of the registry.
    calm: u32,
    started: Instant,
    last_tick: Instant,
    last_received: u64,
    rate: f64,
    last_progress: Instant,
}

impl PollIntervals {
    /// Intervals at the start; `refresh` is the usual one of registry and ALTO server.
    pub(super) fn new(refresh: Duration, now: Instant) -> Self {
        Self {
            registry: Interval::new(refresh),
            costs: Interval::new(URGENT.min(refresh)),
            refresh,
            availability: FIRST_POLL,
            urgent: None,
            calm: 1,
            started: now,
            last_tick: now,
            last_received: 0,
            rate: 0.0,
            last_progress: now,
        }
    }

    /// The interval at which a neighbour is asked for its pieces.
    pub(super) fn availability(&self) -> Duration {
        self.availability
    }

    /// Asks for costs soon, because those of a new holder are missing, or at the usual interval.
    pub(super) fn set_costs_urgent(&self, urgent: bool) {
        self.costs.set(if urgent { URGENT.min(self.refresh) } else { self.refresh });
    }

    /// Asks the registry at the usual interval after an answer that there is use for, and after others at twice the last one.
    pub(super) fn note_listed(&mut self, is_of_use: bool) {
        self.calm = if is_of_use { 1 } else { (self.calm * 2).min(CALM) };
    }

    /// Adapts the intervals to the bytes received so far; returns the rate once a second, for progress reports.
    pub(super) fn tick(&mut self, now: Instant, received: u64, starving: bool, neighbours: usize) -> Option<f64> {
        self.measure(now, received);
        self.availability = self.affordable(starving, neighbours);
        self.urgent = match self.urgent.filter(|_| starving) {
            None => starving.then_some((URGENT, now)),
            Some((interval, since)) if now >= since + interval => Some((interval * 2, now)),
            urgent => urgent,
        };
        self.registry.set(self.urgent.map_or(self.refresh * self.calm, |(interval, _)| interval.min(self.refresh)));
        (now >= self.last_progress + Duration::from_secs(1)).then(|| {
            self.last_progress = now;
            self.rate
        })
    }

    /// Ends the pollers of registry and ALTO server.
    pub(super) fn stop(&self) {
        self.registry.stop();
        self.costs.stop();
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes between two ticks")]
    fn measure(&mut self, now: Instant, received: u64) {
        let seconds = (now - self.last_tick).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let present = (received - self.last_received) as f64 / seconds;
        // The window is shorter while the download is younger.
        let window = (now - self.started).as_secs_f64().min(WINDOW).max(seconds);
        self.rate += (present - self.rate) * (seconds / window).min(1.0);
        self.last_tick = now;
        self.last_received = received;
    }

    #[expect(clippy::cast_precision_loss, reason = "neighbours are few")]
    fn affordable(&self, starving: bool, neighbours: usize) -> Duration {
        if starving || self.rate <= 0.0 {
            return FIRST_POLL;
        }
        let seconds = neighbours as f64 * POLL_BYTES / (self.rate * POLL_SHARE);
        Duration::from_secs_f64(seconds.clamp(SHORTEST_POLL.as_secs_f64(), LONGEST_POLL.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_take_a_small_part_of_a_thin_line() {
        let start = Instant::now();
        let mut intervals = PollIntervals::new(Duration::from_secs(10), start);
        // 1 Mbit/s and 20 neighbours.
        for tick in 1..100_u32 {
            intervals.tick(start + tick * Duration::from_millis(200), u64::from(tick) * 25_000, false, 20);
        }
        assert!((intervals.rate - 125_000.0).abs() < 1000.0, "{}", intervals.rate);
        let per_second = 20.0 * POLL_BYTES / intervals.availability().as_secs_f64();
        assert!(per_second <= 0.02 * 125_000.0, "{per_second} bytes per second");
        // The interval has a lower bound on a fast line.
        for tick in 100..200_u32 {
            intervals.tick(start + tick * Duration::from_millis(200), u64::from(tick) * 100_000_000, false, 1);
        }
        assert_eq!(intervals.availability(), SHORTEST_POLL);
    }

    #[test]
    fn the_registry_is_asked_less_often_while_it_names_nobody_who_is_needed() {
        let (start, ten) = (Instant::now(), Duration::from_secs(10));
        let mut intervals = PollIntervals::new(ten, start);
        for (second, (is_of_use, expected)) in
            (1..).zip([(true, ten), (false, ten * 2), (false, ten * 4), (false, ten * 4), (true, ten)])
        {
            intervals.note_listed(is_of_use);
            intervals.tick(start + Duration::from_secs(second), second * 1000, false, 2);
            assert_eq!(intervals.registry.get(), expected);
        }
    }

    #[test]
    fn a_starving_download_asks_the_registry_soon_and_then_less_often() {
        let start = Instant::now();
        let mut intervals = PollIntervals::new(Duration::from_secs(10), start);
        let mut seen = Vec::new();
        for tick in 1..300_u32 {
            let now = start + tick * Duration::from_millis(200);
            intervals.tick(now, 0, true, 0);
            let interval = intervals.registry.get();
            if seen.last() != Some(&interval) {
                seen.push(interval);
            }
        }
        assert_eq!(seen, [1, 2, 4, 8, 10].map(Duration::from_secs));
        intervals.tick(start + Duration::from_secs(100), 1, false, 0);
        assert_eq!(intervals.registry.get(), Duration::from_secs(10));
    }
}
