//! A bound on the rate of new connections, so that no list of holders turns this peer into a scanner of other networks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cancel::Cancel;

/// Interval at which connections are made in the long run: 25 a second.
const INTERVAL: Duration = Duration::from_millis(40);
/// Number of connections that may be made at once after a pause: as many as a download has neighbours and requests.
const BURST: u32 = 64;
/// Longest time without a look at the cancellation flag.
const STEP: Duration = Duration::from_millis(50);

/// Limiter of new connections, shared by all downloads of a peer.
#[derive(Debug)]
pub(super) struct Pace {
    /// Time until which connections are allotted at the long-run rate.
    allotted: Mutex<Instant>,
}

impl Pace {
    /// A limiter that has allotted nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { allotted: Mutex::new(now) }
    }

    /// Allots one connection; returns the time until it may be made.
    fn allot(&self, now: Instant) -> Duration {
        let mut allotted = self.allotted.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*allotted).max(now);
        *allotted = start + INTERVAL;
        start.saturating_duration_since(now + INTERVAL * (BURST - 1))
    }

    /// Waits until a connection may be made; false if `over` returned true before.
    pub(super) fn wait_unless(&self, over: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        let wait = self.allot(start);
        loop {
            if over() {
                return false;
            }
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(STEP));
        }
    }

    /// Waits until a connection may be made; false if that was cancelled.
    pub(super) fn wait(&self, cancel: &Cancel) -> bool {
        self.wait_unless(|| cancel.is_cancelled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_connections_keep_the_long_run_rate() {
        let now = Instant::now();
        let pace = Pace::new(now);
        assert!((0..BURST).all(|_| pace.allot(now).is_zero()));
        for n in 1..100 {
            assert_eq!(pace.allot(now), INTERVAL * n);
        }
        let later = now + INTERVAL * 200;
        assert!((0..BURST).all(|_| pace.allot(later).is_zero()), "a pause allows another burst");
        assert!(!pace.allot(later).is_zero());
    }

    #[test]
    fn a_cancelled_wait_ends() {
        let pace = Pace::new(Instant::now() + Duration::from_hours(1));
        let cancel = Cancel::default();
        cancel.cancel();
        assert!(!pace.wait(&cancel));
    }
}
