//! The number of open slots: the fewest that fill the uplink.
//!
//! With eight uploads at a time, a thin uplink takes half a minute for each, and nobody can pass on what is not complete.
//! With one it takes a few seconds, and as many bytes are sent. Which number is enough is found by trial: while all open
//! slots are taken and clients wait, one more is opened or one closed, and the change stays if it was worth it.

use std::time::Duration;

use tokio::time::Instant;

/// Smallest number of open slots.
const FEWEST: usize = 1;
/// Rate in bytes per second that is worth a slot in any case.
const PER_SLOT: f64 = 64.0 * 1024.0;
/// Rate in bytes per second of a slot whose client hardly reads: whoever takes all slots like that gets the others, too, so
/// that they are soon disconnected together.
const HARDLY: f64 = 8.0 * 1024.0;
/// Time over which a rate is measured.
const PERIOD: Duration = Duration::from_secs(3);
/// Time between a trial that was not worth it and the next.
const REST: Duration = Duration::from_secs(12);

/// The number of open slots, and the trial of another number.
#[derive(Debug)]
pub(super) struct Opening {
    most: usize,
    open: usize,
    /// Beginning of the present measurement, and the bytes sent before; absent while not all slots are taken.
    measured: Option<(Instant, u64)>,
    /// The latest observation, by which the rate of a moment is known.
    last: Option<(Instant, u64)>,
    trial: Option<Trial>,
    next: Direction,
    rested: Option<Instant>,
}

/// A change that is being tried.
#[derive(Clone, Copy, Debug)]
struct Trial {
    direction: Direction,
    /// Number of open slots before.
    from: usize,
    /// Rate before.
    rate: f64,
}

/// A change of the number of open slots by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Opening {
    /// The fewest of at most so many slots, or those that a limit of the rate is worth.
    pub(super) fn new(most: usize, limit: Option<u64>) -> Self {
        let most = most.max(1);
        #[expect(clippy::cast_precision_loss, reason = "a rate of 2^53 is no limit")]
        let open = limit.map_or(0, |limit| deserved(limit as f64)).clamp(FEWEST, most);
        Self { most, open, measured: None, last: None, trial: None, next: Direction::Up, rested: None }
    }

    /// Number of open slots.
    pub(super) fn slots(&self) -> usize {
        self.open
    }

    /// Takes note of the bytes sent so far. `is_full` is true if all open slots are taken and clients wait.
    pub(super) fn observe(&mut self, sent: u64, is_full: bool, now: Instant) {
        let moment = self.last.replace((now, sent)).map(|before| rate(before, sent, now));
        let deserved = moment.map_or(0, deserved).min(self.most);
        if deserved > self.open {
            (self.open, self.trial, self.measured) = (deserved, None, None);
            return;
        }
        if !is_full {
            self.measured = None;
            return;
        }
        let since = *self.measured.get_or_insert((now, sent));
        if now >= since.0 + PERIOD {
            self.measured = Some((now, sent));
            self.judge(rate(since, sent, now), deserved, now);
        }
    }

    /// Judges the present trial by the rate that was measured, and begins another if it is time.
    fn judge(&mut self, rate: f64, deserved: usize, now: Instant) {
        #[expect(clippy::cast_precision_loss, reason = "slots are few")]
        if rate < HARDLY * self.open as f64 {
            (self.open, self.trial) = (self.most, None);
            return;
        }
        if let Some(trial) = self.trial.take() {
            // Half of what a slot carried before.
            #[expect(clippy::cast_precision_loss, reason = "slots are few")]
            let noteworthy = trial.rate / trial.from as f64 / 2.0;
            let was_worth_it = match trial.direction {
                Direction::Up => rate >= trial.rate + noteworthy,
                Direction::Down => rate >= trial.rate - noteworthy,
            };
            if !was_worth_it {
                self.open = trial.from;
                self.rested = Some(now + REST);
                self.next = match trial.direction {
                    Direction::Up => Direction::Down,
                    Direction::Down => Direction::Up,
                };
                return;
            }
        }
        if self.rested.is_some_and(|rested| now < rested) {
            return;
        }
        let to = match self.next {
            Direction::Up => (self.open + 1).min(self.most),
            Direction::Down => self.open.saturating_sub(1).max(FEWEST).max(deserved),
        };
        if to == self.open {
            self.next = if self.next == Direction::Up { Direction::Down } else { Direction::Up };
            self.rested = Some(now + REST);
        } else {
            self.trial = Some(Trial { direction: self.next, from: self.open, rate });
            self.open = to;
        }
    }
}

/// Number of slots that a rate is worth.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is not negative")]
fn deserved(rate: f64) -> usize {
    (rate / PER_SLOT) as usize
}

/// Rate since an earlier observation.
#[expect(clippy::cast_precision_loss, reason = "bytes of a few seconds")]
fn rate((since, before): (Instant, u64), sent: u64, now: Instant) -> f64 {
    let seconds = (now - since).as_secs_f64();
    if seconds > 0.0 { sent.saturating_sub(before) as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of open slots, second by second, where the rate depends on the number.
    fn slots(opening: &mut Opening, seconds: u64, rate: impl Fn(usize) -> u64) -> Vec<usize> {
        let start = opening.last.map_or_else(Instant::now, |(at, _)| at);
        let mut sent = opening.last.map_or(0, |(_, sent)| sent);
        let second = |n| {
            sent += rate(opening.slots());
            opening.observe(sent, true, start + Duration::from_secs(n));
            opening.slots()
        };
        (1..=seconds).map(second).collect()
    }

    /// The mean in hundredths.
    fn mean(slots: &[usize]) -> usize {
        100 * slots.iter().sum::<usize>() / slots.len()
    }

    #[test]
    fn a_thin_uplink_has_few_slots_however_many_there_may_be() {
        let mut opening = Opening::new(8, None);
        let seen = slots(&mut opening, 300, |_| 119_000);
        assert!(mean(&seen) < 150 && seen.iter().all(|slots| (1..=2).contains(slots)), "{seen:?}");
    }

    #[test]
    fn slow_clients_open_more_slots_until_the_uplink_is_full() {
        let mut opening = Opening::new(8, None);
        // Each client takes 10 kB/s, and the uplink carries five of them.
        let seen = slots(&mut opening, 120, |open| 10_000 * open.min(5) as u64);
        assert!((450..=600).contains(&mean(&seen[30..])), "{seen:?}");
        // Then one client takes everything.
        let seen = slots(&mut opening, 200, |_| 50_000);
        assert!(mean(&seen[100..]) < 300, "{seen:?}");
    }

    #[test]
    fn clients_that_hardly_read_get_all_slots_and_so_do_not_hold_up_others_for_long() {
        let mut opening = Opening::new(8, None);
        assert_eq!(slots(&mut opening, 5, |_| 1000), [1, 1, 1, 8, 8]);
        let seen = slots(&mut opening, 100, |_| 119_000);
        assert!(mean(&seen[50..]) < 300, "{seen:?}");
    }

    #[test]
    fn a_fast_uplink_has_all_slots_at_once() {
        let mut opening = Opening::new(8, None);
        assert_eq!(slots(&mut opening, 3, |_| 10_000_000), [1, 8, 8]);
        assert_eq!(Opening::new(1, None).slots(), 1);
        assert_eq!([100_000, 500_000, 9_000_000].map(|rate| Opening::new(8, Some(rate)).slots()), [1, 7, 8]);
        assert_eq!(slots(&mut Opening::new(1, None), 30, |_| 10_000), [1; 30]);
    }

    #[test]
    fn nothing_is_tried_while_nobody_waits() {
        let (mut opening, start) = (Opening::new(8, None), Instant::now());
        for n in 0..60 {
            opening.observe(n * 1000, n % 2 == 0, start + Duration::from_secs(n));
            assert_eq!(opening.slots(), 1);
        }
    }
}
