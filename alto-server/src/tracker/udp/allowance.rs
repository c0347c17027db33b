//! Bound on the packets of one address that are answered in a second, in a fixed amount of memory.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Number of counters. Two addresses share one seldom, and nobody can choose with whom.
const COUNTERS: usize = 16_384;

/// Counters of packets in the present second, by a keyed hash of what they are counted for.
pub(super) struct Allowance {
    per_second: u32,
    start: Instant,
    hasher: RandomState,
    /// The second in the upper half, the packets in it in the lower half.
    counters: Box<[AtomicU64]>,
}

impl Allowance {
    pub(super) fn new(per_second: u32, start: Instant) -> Self {
        let counters = std::iter::repeat_with(AtomicU64::default).take(COUNTERS).collect();
        Self { per_second, start, hasher: RandomState::new(), counters }
    }

    /// Counts a packet, unless there were as many in this second as there may be.
    pub(super) fn admits(&self, counted_for: impl Hash, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.start).as_secs() << 32;
        #[expect(clippy::cast_possible_truncation, reason = "the low bits decide")]
        let place = self.hasher.hash_one(counted_for) as usize % COUNTERS;
        let counted = self.counters[place].try_update(Ordering::Relaxed, Ordering::Relaxed, |counter| {
            let present = if counter >= second { counter } else { second };
            ((present - second) < u64::from(self.per_second)).then_some(present + 1)
        });
        counted.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_second_admits_as_many_of_each_address() {
        let start = Instant::now();
        let allowance = Allowance::new(3, start);
        let admitted = |address: u32, milliseconds| {
            let now = start + Duration::from_millis(milliseconds);
            (0..10).filter(|_| allowance.admits(address, now)).count()
        };
        assert_eq!([admitted(1, 0), admitted(1, 999), admitted(1, 1000), admitted(1, 90_000)], [3, 0, 3, 3]);
        // Of a hundred other addresses, hardly any shares the counter.
        let others = (100..200).filter(|address| admitted(*address, 90_000) == 3).count();
        assert!(others > 90, "{others}");
    }
}
