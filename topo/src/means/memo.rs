//! Costs between PIDs that were asked for, kept for as long as the view they belong to.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::metric::Metric;
use crate::value::Value;

/// Largest number of PIDs among which single lookups are remembered as well: 8 MB a metric at most.
const MANY_PIDS: usize = 1000;
/// Mark of a cost that was never asked for.
const UNKNOWN: u64 = u64::MAX;
/// Mark of a cost that is undefined. Costs that look like a mark are not remembered.
const UNDEFINED: u64 = u64::MAX - 1;

/// The costs to one PID, by source, in millionths. Every thread computes the same, so their order does not matter.
#[derive(Debug)]
pub(crate) struct Column(Box<[AtomicU64]>);

/// Memory of the costs between all PIDs, by metric. A column takes room only once one of its costs is asked for.
#[derive(Debug)]
pub(crate) struct Memo {
    pids: usize,
    columns: [Box<[OnceLock<Column>]>; Metric::ALL.len()],
}

impl Memo {
    /// Creates the memory of a network with this number of PIDs.
    pub(crate) fn new(pids: usize) -> Self {
        Self { pids, columns: Metric::ALL.map(|_| (0..pids).map(|_| OnceLock::new()).collect()) }
    }

    /// Returns whether it is worth remembering costs that take a single lookup.
    pub(crate) fn keeps_single_lookups(&self) -> bool {
        self.pids <= MANY_PIDS
    }

    /// Returns the costs to a PID.
    pub(crate) fn column(&self, metric: Metric, into: u32) -> &Column {
        let unknown = || Column((0..self.pids).map(|_| AtomicU64::new(UNKNOWN)).collect());
        self.columns[metric as usize][into as usize].get_or_init(unknown)
    }
}

impl Column {
    /// Returns a cost, computed only the first time.
    #[inline]
    pub(crate) fn get(&self, from: u32, compute: impl FnOnce() -> Option<Value>) -> Option<Value> {
        let cell = &self.0[from as usize];
        match cell.load(Ordering::Relaxed) {
            UNKNOWN => {
                let value = compute();
                let mark = value.map_or(UNDEFINED, Value::micros);
                if value.is_none() || mark < UNDEFINED {
                    cell.store(mark, Ordering::Relaxed);
                }
                value
            }
            UNDEFINED => None,
            micros => Some(Value::from_micros(micros)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn every_cost_is_computed_once_for_each_metric() {
        let (memo, computed) = (Memo::new(3), Cell::new(0));
        let value = |micros: Option<u64>| micros.map(Value::from_micros);
        let get = |metric, from, into, micros| {
            memo.column(metric, into).get(from, || {
                computed.set(computed.get() + 1);
                value(micros)
            })
        };
        for _ in 0..2 {
            assert_eq!(get(Metric::RoutingCost, 0, 2, Some(0)), value(Some(0)));
            assert_eq!(get(Metric::RoutingCost, 2, 0, None), None);
            assert_eq!(get(Metric::HopCount, 0, 2, Some(7)), value(Some(7)));
        }
        assert_eq!(computed.get(), 3);
        for number in [UNKNOWN, UNDEFINED] {
            for _ in 0..2 {
                assert_eq!(get(Metric::LossRate, 1, 1, Some(number)), value(Some(number)));
            }
        }
    }
}
