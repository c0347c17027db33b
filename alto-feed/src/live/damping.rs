//! Damping of measurements: costs that follow every movement of the load make traffic oscillate (RFC 7285 §16.1).

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Damper of one kind of measurement.
#[derive(Clone, Debug)]
pub struct Damper<K> {
    /// Smallest change that counts.
    threshold: f64,
    /// Shortest time between two reports about the same thing.
    interval: Duration,
    reported: HashMap<K, (f64, Instant)>,
}

impl<K: Eq + Hash> Damper<K> {
    /// Creates a damper that has reported nothing yet.
    pub fn new(threshold: f64, interval: Duration) -> Self {
        Self { threshold, interval, reported: HashMap::new() }
    }

    /// Returns whether a value is worth a report now. The caller says with [`Damper::reported`] when it was made.
    pub fn admits(&self, key: &K, value: f64, now: Instant) -> bool {
        self.reported.get(key).is_none_or(|(last, at)| {
            (value - last).abs() >= self.threshold && now.saturating_duration_since(*at) >= self.interval
        })
    }

    /// Notes that a value was reported.
    pub fn reported(&mut self, key: K, value: f64, now: Instant) {
        self.reported.insert(key, (value, now));
    }

    /// Forgets all reports, so that the next values are reported again.
    pub fn clear(&mut self) {
        self.reported.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_frequent_changes_wait() {
        let (mut damper, start) = (Damper::new(0.05, Duration::from_mins(1)), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(damper.admits(&1, 0.5, start), "the first value of a link counts");
        damper.reported(1, 0.5, start);
        assert!(damper.admits(&2, 0.5, start), "links are independent");
        assert!(!damper.admits(&1, 0.7, after(59)), "too early");
        assert!(!damper.admits(&1, 0.54, after(60)), "too small");
        assert!(damper.admits(&1, 0.44, after(60)));
    }
}
