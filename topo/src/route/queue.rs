//! The queue of switches that a search settles next.
//!
//! A search takes switches in order of length, and never adds one that is nearer than what it took last. The queue therefore
//! spreads its entries over a ring of buckets of equal width, which spans the dearest step. Where the lightest step leads out
//! of every bucket, as in most networks with whole costs, all entries of the bucket that is due are final, and their order
//! does not matter (after Dial, and Denardo and Fox). Elsewhere the bucket that is due is ordered in a heap, and where one
//! link is far dearer than all others, the queue is no slower than a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::length::Length;
use super::switches::SwitchId;
use crate::value::Value;

/// Maximum number of buckets in the ring, a power of two.
const MOST_BUCKETS: u64 = 1024;

/// A switch with the length of a route from it, and ordered by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waiting<L> {
    pub(crate) length: L,
    pub(crate) switch: SwitchId,
}

/// A queue for one search after another.
#[derive(Debug)]
pub(crate) struct BucketQueue<L> {
    /// Width of a bucket in millionths, as the exponent of a power of two.
    width: u32,
    /// Number of the bucket that is due; bucket 0 begins at cost 0.
    due: u64,
    /// Whether the entries of the bucket that is due have an order.
    ordered: bool,
    /// Entries of the bucket that is due, if they have an order.
    heap: BinaryHeap<Reverse<Waiting<L>>>,
    /// First entry of the bucket that is due, if they have none.
    first: u32,
    /// All entries that were added to buckets in this search.
    entries: Vec<Listed<L>>,
    /// First entry of each bucket, at its number modulo the size of the ring, which is a power of two.
    ring: Vec<u32>,
    /// Places in the ring that have entries, one bit each.
    filled: Vec<u64>,
}

/// An entry in the list of a bucket.
#[derive(Clone, Copy, Debug)]
struct Listed<L> {
    entry: Waiting<L>,
    /// Index of the next entry of the bucket, or [`NONE`].
    next: u32,
}

/// Index of no entry.
const NONE: u32 = u32::MAX;

impl<L: Length> Default for BucketQueue<L> {
    fn default() -> Self {
        let (heap, entries, ring, filled) = (BinaryHeap::new(), Vec::new(), Vec::new(), Vec::new());
        Self { width: 0, due: 0, ordered: true, heap, first: NONE, entries, ring, filled }
    }
}

impl<L: Length> BucketQueue<L> {
    /// Prepares the empty queue for a search in which no entry costs more than `dearest` more than the one taken last, and
    /// none that is added after it less than `lightest` more.
    pub(crate) fn begin(&mut self, lightest: Value, dearest: Value) {
        let dearest = dearest.micros();
        // With one bucket to spare, because the entry taken last is anywhere in its bucket.
        let needed = |width: u32| (dearest >> width) + 2;
        let exponent = lightest.micros().checked_ilog2().filter(|width| needed(*width) <= MOST_BUCKETS);
        self.ordered = exponent.is_none();
        self.width = exponent.unwrap_or_else(|| (dearest / (MOST_BUCKETS - 2) + 1).next_power_of_two().ilog2());
        let places = needed(self.width).clamp(u64::from(u64::BITS), MOST_BUCKETS).next_power_of_two();
        self.ring.clear();
        self.ring.extend((0..places).map(|_| NONE));
        self.filled.clear();
        self.filled.resize(self.ring.len() / 64, 0);
        self.entries.clear();
        self.due = 0;
    }

    /// Adds an entry, which costs no less than the one taken last.
    #[inline]
    pub(crate) fn push(&mut self, entry: Waiting<L>, bits: u32) {
        let bucket = entry.length.cost(bits).micros() >> self.width;
        if bucket != self.due {
            let place = self.place(bucket);
            self.filled[place / 64] |= 1 << (place % 64);
            let first = &mut self.ring[place];
            self.entries.push(Listed { entry, next: *first });
            *first = index(self.entries.len() - 1);
        } else if self.ordered {
            self.heap.push(Reverse(entry));
        } else {
            self.entries.push(Listed { entry, next: self.first });
            self.first = index(self.entries.len() - 1);
        }
    }

    /// Takes the next entry that is not outdated, and drops those before it. `None` leaves the queue empty.
    #[inline]
    pub(crate) fn pop(&mut self, is_outdated: impl Fn(Waiting<L>) -> bool) -> Option<Waiting<L>> {
        loop {
            while let Some(&Listed { entry, next }) = self.entries.get(self.first as usize) {
                self.first = next;
                if !is_outdated(entry) {
                    if !self.ordered {
                        return Some(entry);
                    }
                    self.heap.push(Reverse(entry));
                }
            }
            while let Some(Reverse(entry)) = self.heap.pop() {
                if !is_outdated(entry) {
                    return Some(entry);
                }
            }
            let place = self.next_filled()?;
            self.due += (place as u64).wrapping_sub(self.due) & (self.ring.len() as u64 - 1);
            self.filled[place / 64] &= !(1 << (place % 64));
            self.first = std::mem::replace(&mut self.ring[place], NONE);
        }
    }

    /// Returns the place of the first bucket after the one that is due that has entries.
    fn next_filled(&self) -> Option<usize> {
        let (start, words) = (self.place(self.due), self.filled.len());
        let first = start / 64;
        // The word of the place that is due is looked at twice: from there on, and at last as a whole.
        let masked = self.filled[first] & (u64::MAX << (start % 64));
        if masked != 0 {
            return Some(first * 64 + masked.trailing_zeros() as usize);
        }
        (1..=words)
            .map(|ahead| (first + ahead) & (words - 1))
            .find(|word| self.filled[*word] != 0)
            .map(|word| word * 64 + self.filled[word].trailing_zeros() as usize)
    }

    /// Returns the place of a bucket in the ring.
    #[expect(clippy::cast_possible_truncation, reason = "less than the size of the ring")]
    fn place(&self, bucket: u64) -> usize {
        (bucket & (self.ring.len() as u64 - 1)) as usize
    }
}

/// Converts an index of entries, of which there are fewer than edges.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::length::WIDE_BITS;

    proptest! {
        /// Steps of very different sizes, as costs of the formula and forbidding ones are.
        #[test]
        fn entries_leave_in_order_of_length_where_an_order_is_needed(
            steps in prop::collection::vec((prop::sample::select(vec![0, 1, 130, 1_000_003, 1_000_000_000_000]), 0_u64..4, 0_u32..3), 1..60),
        ) {
            let dearest = steps.iter().map(|(size, count, _)| size * count).max().unwrap_or_default();
            let mut queue = BucketQueue::<u128>::default();
            for _ in 0..2 {
                queue.begin(Value::ZERO, Value::from_micros(dearest));
                let mut reference = BinaryHeap::new();
                let mut now = 0;
                for (switch, (size, count, links)) in (0..).zip(&steps) {
                    let length = u128::new(Value::from_micros(now + size * count), *links, WIDE_BITS);
                    let entry = Waiting { length, switch };
                    queue.push(entry, WIDE_BITS);
                    reference.push(Reverse(entry));
                    if switch % 3 == 2 {
                        let taken = queue.pop(|_| false);
                        prop_assert_eq!(taken, reference.pop().map(|Reverse(entry)| entry));
                        now = taken.map_or(now, |entry| entry.length.cost(WIDE_BITS).micros());
                    }
                }
                while let Some(Reverse(entry)) = reference.pop() {
                    prop_assert_eq!(queue.pop(|_| false), Some(entry));
                }
                prop_assert_eq!(queue.pop(|_| false), None);
            }
        }

        /// Whatever is added after an entry was taken, nothing that was taken before is longer by the lightest step.
        #[test]
        fn entries_without_an_order_leave_before_any_that_a_step_leads_to(
            lightest in 1..1000_u64, ratio in 1..900_u64, steps in prop::collection::vec(0.0..1.0_f64, 1..80),
        ) {
            let bits = 7;
            let dearest = lightest * ratio;
            let mut queue = BucketQueue::<u64>::default();
            queue.begin(Value::from_micros(lightest), Value::from_micros(dearest));
            prop_assert_eq!(queue.ordered, (dearest >> lightest.ilog2()) + 2 > MOST_BUCKETS);
            let cost = |entry: Waiting<u64>| entry.length.cost(bits).micros();
            let (mut now, mut left) = (0, 0);
            for (switch, step) in (0..).zip(&steps) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a test")]
                let length = u64::new(Value::from_micros(now + lightest + ((dearest - lightest) as f64 * step) as u64), 0, bits);
                queue.push(Waiting { length, switch }, bits);
                left += 1;
                if switch % 2 == 1 {
                    let taken = queue.pop(|_| false).map(cost).unwrap();
                    prop_assert!(taken + lightest > now, "{} after {}", taken, now);
                    (now, left) = (now.max(taken), left - 1);
                }
            }
            while let Some(taken) = queue.pop(|_| false).map(cost) {
                prop_assert!(taken + lightest > now);
                (now, left) = (now.max(taken), left - 1);
            }
            prop_assert_eq!(left, 0, "all have left");
        }
    }
}
