//! How often something is asked for again, while others may change their mind about it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An interval that can be changed while somebody rests for it.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug)]
struct State {
    interval: Duration,
    stopped: bool,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self(Arc::new((Mutex::new(State { interval, stopped: false }), Condvar::new())))
    }

    /// From now on, also for those that rest already.
    pub(super) fn set(&self, interval: Duration) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.interval != interval {
            state.interval = interval;
            self.0.1.notify_all();
        }
    }

    #[cfg(test)]
    pub(super) fn interval(&self) -> Duration {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).interval
    }

    /// Lets everybody go.
    pub(super) fn stop(&self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.0.1.notify_all();
    }

    /// Rests until the interval has passed since `last`; false when it is over.
    pub(super) fn rest(&self, last: Instant) -> bool {
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
    fn a_shorter_interval_and_the_end_wake_who_rests() {
        let pace = Pace::new(Duration::from_hours(1));
        let (resting, start) = (pace.clone(), Instant::now());
        let rest = std::thread::spawn(move || (resting.rest(start), resting.rest(Instant::now())));
        pace.set(Duration::from_millis(10));
        pace.set(Duration::from_hours(1));
        pace.set(Duration::ZERO);
        pace.set(Duration::from_hours(1));
        // Whichever of these it saw, both rests end.
        pace.stop();
        let (_, second) = rest.join().unwrap();
        assert!(!second && start.elapsed() < Duration::from_mins(1));
    }
}
