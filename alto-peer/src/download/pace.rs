//! Limits of all downloads of a peer together: the rate of new connections, so that no list of holders turns this peer into
//! a scanner of other networks, and the rate at which bytes are received.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cancel::Cancel;

/// Interval at which connections are made in the long run: 25 a second.
const INTERVAL: Duration = Duration::from_millis(40);
/// Number of connections that may be made at once after a pause: as many as a download has neighbours and requests.
const BURST: u32 = 64;
/// Longest time without a look at the cancellation flag.
const STEP: Duration = Duration::from_millis(50);

/// Smallest number of bytes read at a time with a limited rate.
const MIN_CHUNK: usize = 1024;
/// Time over which a limited rate is spread evenly.
const SPREAD: Duration = Duration::from_millis(50);

/// Limiter shared by all downloads of a peer.
#[derive(Debug)]
pub(super) struct Pace {
    /// Time until which connections are allotted at the long-run rate.
    allotted: Mutex<Instant>,
    /// Bytes per second that are received; unlimited if absent.
    rate: Option<u64>,
    /// Time at which all bytes received so far are paid for at the rate.
    paid: Mutex<Instant>,
}

impl Pace {
    /// A limiter that has allotted nothing yet, to so many bytes per second.
    pub(super) fn new(now: Instant, rate: Option<u64>) -> Self {
        Self { allotted: Mutex::new(now), rate, paid: Mutex::new(now) }
    }

    /// Number of bytes to read at a time.
    pub(super) fn chunk(&self) -> usize {
        let Some(rate) = self.rate else { return usize::MAX };
        let spread = u64::from(SPREAD.subsec_millis());
        usize::try_from(rate.saturating_mul(spread) / 1000).unwrap_or(usize::MAX).max(MIN_CHUNK)
    }

    /// Pays for bytes that were received; returns the time until more may be.
    fn pay(&self, bytes: usize, now: Instant) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        #[expect(clippy::cast_precision_loss, reason = "a chunk is small, and a rate of 2^53 is no limit")]
        let time = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        // Unused time is not saved up, apart from what timers are late.
        *paid = (*paid).max(now.checked_sub(SPREAD).unwrap_or(now)) + time;
        paid.saturating_duration_since(now)
    }

    /// Waits until more may be received after these bytes; true if that took a while.
    pub(super) fn received(&self, bytes: usize, cancel: &Cancel) -> bool {
        let start = Instant::now();
        let wait = self.pay(bytes, start);
        while !cancel.is_cancelled() {
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(STEP));
        }
        !wait.is_zero()
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
        let pace = Pace::new(now, None);
        assert!((0..BURST).all(|_| pace.allot(now).is_zero()));
        for n in 1..100 {
            assert_eq!(pace.allot(now), INTERVAL * n);
        }
        let later = now + INTERVAL * 200;
        assert!((0..BURST).all(|_| pace.allot(later).is_zero()), "a pause allows another burst");
        assert!(!pace.allot(later).is_zero());
    }

    #[test]
    fn bytes_are_received_at_the_rate_without_saving_up() {
        let now = Instant::now();
        let pace = Pace::new(now, Some(100_000));
        assert_eq!(pace.chunk(), 5000);
        let waits: Vec<u128> = (0..4).map(|_| pace.pay(100_000, now).as_millis()).collect();
        assert_eq!(waits, [1000, 2000, 3000, 4000]);
        let later = now + Duration::from_mins(1);
        assert_eq!(pace.pay(100_000, later).as_millis(), 950, "only what timers are late");
        assert!(Pace::new(now, None).pay(usize::MAX, now).is_zero());
        assert_eq!(Pace::new(now, Some(1)).chunk(), MIN_CHUNK);
    }

    #[test]
    fn a_cancelled_wait_ends() {
        let pace = Pace::new(Instant::now() + Duration::from_hours(1), None);
        let cancel = Cancel::default();
        cancel.cancel();
        assert!(!pace.wait(&cancel));
    }
}
