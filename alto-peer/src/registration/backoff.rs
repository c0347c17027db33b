//! Exponential backoff with jitter between attempts to reach the registry.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Upper bound of the first wait.
const FIRST: Duration = Duration::from_millis(500);
/// Upper bound of every wait.
const LONGEST: Duration = Duration::from_secs(30);

/// Sequence of waits between attempts.
pub(super) struct Backoff {
    next: Duration,
    rng: StdRng,
}

impl Backoff {
    /// Starts a sequence, reproducible with a seed and random without.
    pub(super) fn new(seed: Option<u64>) -> Self {
        let rng = seed.map_or_else(|| StdRng::seed_from_u64(rand::random()), StdRng::seed_from_u64);
        Self { next: FIRST, rng }
    }

    /// Next wait; at least the time that the server asked for, within bounds.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let next = self.next;
        self.next = (next * 2).min(LONGEST);
        // Half to all of it, so that a thousand peers do not return in the same second.
        let wait = next.mul_f64(self.rng.random_range(0.5..=1.0));
        match asked {
            // Somewhat later, since a lease that ends in 5 s has not ended after 4.999 s.
            Some(asked) => (asked + wait / 4).min(2 * LONGEST),
            None => wait,
        }
    }

    /// Starts over after a success.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_within_bounds() {
        let mut backoff = Backoff::new(Some(7));
        let mut bound = FIRST;
        for _ in 0..20 {
            let wait = backoff.next(None);
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} {bound:?}");
            bound = (bound * 2).min(LONGEST);
        }
        assert!(backoff.next(Some(Duration::from_hours(1))) <= 2 * LONGEST);
        assert!(backoff.next(Some(Duration::from_secs(9))) >= Duration::from_secs(9));
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }

    #[test]
    fn peers_do_not_wait_alike() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Some(seed));
            (0..5).map(|_| backoff.next(None)).collect::<Vec<_>>()
        };
        assert_ne!(waits(1), waits(2));
        assert_eq!(waits(1), waits(1));
    }
}
