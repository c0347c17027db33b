//! The minimum rate at which a client has to read what it asked for.

use std::time::Duration;

use tokio::time::Instant;

/// Minimum rate in bytes per second, over a window in which the peer had to wait for the client.
pub(super) const MIN_RATE: u64 = 4 * 1024;
/// Number of windows that a client gets which reads something in each, as one does behind lines that are full.
const FULL_LINES: u32 = 4;
/// Share of a window that has to be spent waiting for the client: the peer's own limits are not the client's fault.
const WAITING: f64 = 0.8;

/// Observation of how fast a client reads.
#[derive(Debug)]
pub(super) struct Flow {
    /// Beginning of the window.
    since: Instant,
    /// Bytes written to the connection before the window.
    written: u64,
    /// Time within the window spent waiting for the client.
    waited: Duration,
}

impl Flow {
    /// Begins an observation, with the bytes written to the connection so far.
    pub(super) fn new(written: u64, now: Instant) -> Self {
        Self { since: now, written, waited: Duration::ZERO }
    }

    /// Adds a wait for the client.
    pub(super) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// True if the client has read nothing over a window of this length, or too little for it over several. A window begins
    /// anew when it has passed, and as soon as enough was read for it: what the system buffers at the beginning counts for a
    /// moment only.
    pub(super) fn is_too_slow(&mut self, window: Duration, written: u64, now: Instant) -> bool {
        let elapsed = now - self.since;
        #[expect(clippy::cast_precision_loss, reason = "more than 2^53 bytes are enough")]
        let enough = (written - self.written) as f64 >= MIN_RATE as f64 * window.as_secs_f64();
        let window = if written == self.written { window } else { window * FULL_LINES };
        if !enough && elapsed < window {
            return false;
        }
        let waiting = self.waited.as_secs_f64() >= WAITING * elapsed.as_secs_f64();
        *self = Self::new(written, now);
        waiting && !enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(5);

    /// Whether a client is too slow that takes this many bytes over some windows, while the peer waits for a share of the
    /// time.
    fn is_too_slow(bytes: u64, windows: u32, waiting: f64) -> bool {
        let (start, time) = (Instant::now(), WINDOW * windows);
        let mut flow = Flow::new(1000, start);
        assert!(!flow.is_too_slow(WINDOW, 1000, start + WINDOW / 2), "too early");
        flow.waited(time.mul_f64(waiting));
        flow.is_too_slow(WINDOW, 1000 + bytes, start + time)
    }

    #[test]
    fn a_client_that_reads_nothing_is_too_slow_and_one_that_reads_a_little_only_later() {
        let enough = MIN_RATE * WINDOW.as_secs();
        assert!(is_too_slow(0, 1, 1.0) && !is_too_slow(1, 1, 1.0));
        assert!(is_too_slow(enough - 1, FULL_LINES, 1.0) && !is_too_slow(enough, FULL_LINES, 1.0));
    }

    #[test]
    fn a_client_that_the_peer_itself_keeps_waiting_is_not_too_slow() {
        assert!(!is_too_slow(0, 1, 0.5));
    }

    #[test]
    fn what_was_read_before_the_window_does_not_count() {
        let start = Instant::now();
        let mut flow = Flow::new(0, start);
        flow.waited(WINDOW);
        assert!(!flow.is_too_slow(WINDOW, 10_000_000, start + WINDOW));
        flow.waited(WINDOW);
        assert!(flow.is_too_slow(WINDOW, 10_000_000, start + 2 * WINDOW));
    }
}
