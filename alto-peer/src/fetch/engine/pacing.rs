//! How often others are asked: as rarely as does no harm, so that a swarm on thin lines is not busy with itself.

use std::time::{Duration, Instant};

use crate::fetch::pace::Pace;

/// What asking one neighbour for what it has takes on the wire, headers of all layers and both ways together.
const POLL_BYTES: f64 = 700.0;
/// The part of the present rate that all such questions together may take.
const POLL_SHARE: f64 = 0.015;
const SHORTEST_POLL: Duration = Duration::from_millis(250);
const LONGEST_POLL: Duration = Duration::from_secs(15);
/// Until there is a rate, and where nothing else is going on.
const FIRST_POLL: Duration = Duration::from_secs(1);
/// Where somebody is needed at once.
const HURRY: Duration = Duration::from_secs(1);
/// The rate is that of about so long.
const WINDOW: f64 = 5.0;

/// The paces of all threads that ask again and again.
#[derive(Debug)]
pub(super) struct Pacing {
    pub(super) registry: Pace,
    pub(super) costs: Pace,
    refresh: Duration,
    following: Duration,
    /// For the registry while nobody has anything for us; longer each time.
    hurry: Option<(Duration, Instant)>,
    started: Instant,
    last_tick: Instant,
    last_received: u64,
    rate: f64,
    last_progress: Instant,
}

impl Pacing {
    pub(super) fn new(refresh: Duration, now: Instant) -> Self {
        Self {
            registry: Pace::new(refresh),
            costs: Pace::new(HURRY.min(refresh)),
            refresh,
            following: FIRST_POLL,
            hurry: None,
            started: now,
            last_tick: now,
            last_received: 0,
            rate: 0.0,
            last_progress: now,
        }
    }

    /// How long to leave a neighbour alone between two questions.
    pub(super) fn following(&self) -> Duration {
        self.following
    }

    /// Costs are wanted of somebody new, or no longer.
    pub(super) fn costs_wanted(&self, soon: bool) {
        self.costs.set(if soon { HURRY.min(self.refresh) } else { self.refresh });
    }

    /// Adapts to what has happened since the last tick; returns the rate if it is time to tell it.
    pub(super) fn tick(&mut self, now: Instant, received: u64, starving: bool, neighbours: usize) -> Option<f64> {
        self.measure(now, received);
        self.following = self.poll(starving, neighbours);
        self.hurry = match self.hurry.filter(|_| starving) {
            None => starving.then_some((HURRY, now)),
            Some((interval, since)) if now >= since + interval => Some((interval * 2, now)),
            hurry => hurry,
        };
        self.registry.set(self.hurry.map_or(self.refresh, |(interval, _)| interval.min(self.refresh)));
        (now >= self.last_progress + Duration::from_secs(1)).then(|| {
            self.last_progress = now;
            self.rate
        })
    }

    /// Lets everybody go.
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
        // At the beginning the window is as long as there is something to see.
        let window = (now - self.started).as_secs_f64().min(WINDOW).max(seconds);
        self.rate += (present - self.rate) * (seconds / window).min(1.0);
        self.last_tick = now;
        self.last_received = received;
    }

    #[expect(clippy::cast_precision_loss, reason = "neighbours are few")]
    fn poll(&self, starving: bool, neighbours: usize) -> Duration {
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
    fn questions_take_a_small_part_of_a_thin_line() {
        let start = Instant::now();
        let mut pacing = Pacing::new(Duration::from_secs(10), start);
        // 1 Mbit/s and 20 neighbours.
        for tick in 1..100_u32 {
            pacing.tick(start + tick * Duration::from_millis(200), u64::from(tick) * 25_000, false, 20);
        }
        assert!((pacing.rate - 125_000.0).abs() < 1000.0, "{}", pacing.rate);
        let per_second = 20.0 * POLL_BYTES / pacing.following().as_secs_f64();
        assert!(per_second <= 0.02 * 125_000.0, "{per_second} bytes per second");
        // And nothing is asked for without end on a fast one.
        for tick in 100..200_u32 {
            pacing.tick(start + tick * Duration::from_millis(200), u64::from(tick) * 100_000_000, false, 1);
        }
        assert_eq!(pacing.following(), SHORTEST_POLL);
    }

    #[test]
    fn who_starves_asks_the_registry_soon_and_then_less_often() {
        let start = Instant::now();
        let mut pacing = Pacing::new(Duration::from_secs(10), start);
        let mut intervals = Vec::new();
        for tick in 1..300_u32 {
            let now = start + tick * Duration::from_millis(200);
            pacing.tick(now, 0, true, 0);
            let interval = pacing.registry.interval();
            if intervals.last() != Some(&interval) {
                intervals.push(interval);
            }
        }
        assert_eq!(intervals, [1, 2, 4, 8, 10].map(Duration::from_secs));
        pacing.tick(start + Duration::from_secs(100), 1, false, 0);
        assert_eq!(pacing.registry.interval(), Duration::from_secs(10));
    }
}
