//! A polling interval that can be changed while a thread waits for it to pass.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two polls, shared by the thread that polls and the one that sets the interval.
#[derive(Clone, Debug)]
pub(super) struct Interval(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug)]
struct State {
    interval: Duration,
    stopped: bool,
}

impl Interval {
    /// An interval of this length.
    pub(super) fn new(interval: Duration) -> Self {
        Self(Arc::new((Mutex::new(State { interval, stopped: false }), Condvar::new())))
    }

    /// Changes the interval, also for threads that are waiting already.
    pub(super) fn set(&self, interval: Duration) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.interval != interval {
            state.interval = interval;
            self.0.1.notify_all();
        }
    }

    /// The present interval.
    #[cfg(test)]
    pub(super) fn get(&self) -> Duration {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).interval
    }

    /// Ends polling: every present and future wait returns at once.
    pub(super) fn stop(&self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.0.1.notify_all();
    }

    /// Waits until the interval has passed since `last`; false once polling has ended.
    pub(super) fn wait_since(&self, last: Instant) -> bool {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = state.interval.saturating_sub(last.elapsed());
            if state.stopped || left.is_zero() {
                return !state.stopped;
            }
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_interval_and_the_end_wake_a_waiting_thread() {
        let interval = Interval::new(Duration::from_hours(1));
        // Each ends also if the thread begins to wait only afterwards.
        for ends in [Interval::stop as fn(&Interval), |interval| interval.set(Duration::ZERO)].into_iter().rev() {
            let waiting = interval.clone();
            let waits = std::thread::spawn(move || waiting.wait_since(Instant::now()));
            ends(&interval);
            assert_eq!(waits.join().unwrap(), !interval.0.0.lock().unwrap().stopped);
            interval.set(Duration::from_hours(1));
        }
        assert!(!interval.wait_since(Instant::now()));
    }
}
