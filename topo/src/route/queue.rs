//! The queue of switches that a search settles next.
//!
//! A search takes switches in order of cost and number of links, and never adds one that is nearer than what it took last.
//! The queue therefore spreads its entries over a ring of buckets of equal width and orders only the bucket that is due,
//! in a heap. The ring spans the dearest step, so that a bucket holds few entries where costs are of the same order, as in
//! most networks, whole numbers or not. Where one link is far dearer than all others, the queue is no slower than a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::key::RouteKey;
use super::switches::SwitchId;
use crate::value::Value;

/// The number of buckets in the ring, one for each bit of [`BucketQueue::filled`].
const BUCKETS: u64 = 128;

/// A switch with the cost and number of links of a route from it, and ordered by these.
///
/// It is a key with the switch itself in place of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry(RouteKey);

/// A queue of entries for one search after another.
#[derive(Debug)]
pub(crate) struct BucketQueue {
    /// Width of a bucket in millionths, as the exponent of a power of two.
    width: u32,
    /// Number of the bucket that is due; bucket 0 begins at cost 0.
    due: u64,
    /// Entries of the bucket that is due.
    heap: BinaryHeap<Reverse<Entry>>,
    /// Entries of later buckets, each at its number modulo the size of the ring.
    ring: Vec<Vec<Entry>>,
    /// Places in the ring that have entries, one bit each.
    filled: u128,
}

impl Entry {
    /// Creates the entry of `switch` with a route of this key.
    pub(crate) fn new(key: RouteKey, switch: SwitchId) -> Self {
        Self(RouteKey::new(key.cost(), key.links(), switch))
    }

    /// Returns the switch.
    pub(crate) fn switch(self) -> SwitchId {
        self.0.next()
    }

    /// Returns whether a better route than that of the entry is known by now, which has `key`.
    pub(crate) fn is_outdated(self, key: RouteKey) -> bool {
        key.is_shorter_than(self.0)
    }
}

impl Default for BucketQueue {
    fn default() -> Self {
        let ring = (0..BUCKETS).map(|_| Vec::new()).collect();
        Self { width: 0, due: 0, heap: BinaryHeap::new(), ring, filled: 0 }
    }
}

impl BucketQueue {
    /// Prepares the empty queue for a search in which no entry costs more than `reach` more than the one taken last.
    pub(crate) fn begin(&mut self, reach: Value) {
        // With one bucket to spare, because the entry taken last is anywhere in its bucket.
        let width = reach.micros() / (BUCKETS - 1) + 1;
        self.width = width.next_power_of_two().ilog2();
        self.due = 0;
    }

    /// Adds an entry, which costs no less than the one taken last.
    pub(crate) fn push(&mut self, entry: Entry) {
        let bucket = entry.0.cost().micros() >> self.width;
        if bucket == self.due {
            self.heap.push(Reverse(entry));
        } else {
            let place = place(bucket);
            self.ring[place as usize].push(entry);
            self.filled |= 1 << place;
        }
    }

    /// Takes the least entry that is not outdated, and drops those before it. `None` leaves the queue empty.
    pub(crate) fn pop(&mut self, is_outdated: impl Fn(Entry) -> bool) -> Option<Entry> {
        loop {
            while let Some(Reverse(entry)) = self.heap.pop() {
                if !is_outdated(entry) {
                    return Some(entry);
                }
            }
            if self.filled == 0 {
                return None;
            }
            let ahead = self.filled.rotate_right(place(self.due)).trailing_zeros();
            self.due += u64::from(ahead);
            let place = place(self.due);
            self.filled &= !(1 << place);
            self.heap.extend(self.ring[place as usize].drain(..).filter(|entry| !is_outdated(*entry)).map(Reverse));
        }
    }
}

/// Returns the place of a bucket in the ring.
fn place(bucket: u64) -> u32 {
    (bucket % BUCKETS) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Steps of very different sizes, as costs of the formula and forbidding ones are.
        #[test]
        fn entries_leave_in_order(
            steps in prop::collection::vec((prop::sample::select(vec![0, 1, 130, 1_000_003, 1_000_000_000_000]), 0_u64..4, 0_u32..3), 1..60),
        ) {
            let key = |cost: u64, links, switch| RouteKey::new(Value::from_micros(cost), links, switch);
            let reach = steps.iter().map(|(size, count, _)| size * count).max().unwrap_or_default();
            let mut queue = BucketQueue::default();
            for _ in 0..2 {
                queue.begin(Value::from_micros(reach));
                let mut reference = BinaryHeap::new();
                let mut now = 0;
                for (switch, (size, count, links)) in (0..).zip(&steps) {
                    let entry = Entry::new(key(now + size * count, *links, 0), switch);
                    queue.push(entry);
                    reference.push(Reverse(entry));
                    if switch % 3 == 2 {
                        let taken = queue.pop(|_| false);
                        prop_assert_eq!(taken, reference.pop().map(|Reverse(entry)| entry));
                        now = taken.map_or(now, |entry| entry.0.cost().micros());
                    }
                }
                while let Some(Reverse(entry)) = reference.pop() {
                    prop_assert_eq!(queue.pop(|_| false), Some(entry));
                }
                prop_assert_eq!(queue.pop(|_| false), None);
            }
        }
    }
}
