//! Leases of single holdings. They differ in length, so a tree keeps them sorted; holdings without a lease cost nothing.

use std::collections::{BTreeSet, HashMap};

use crate::time::Timestamp;

/// Number of a registration and number of a file that it holds.
pub(super) type Pair = (u32, u32);

/// Leases of holdings.
#[derive(Default)]
pub(super) struct HoldingLeases {
    ends: HashMap<Pair, Timestamp>,
    order: BTreeSet<(Timestamp, Pair)>,
}

impl HoldingLeases {
    /// Grants a lease to a holding that has none.
    pub(super) fn grant(&mut self, holding: Pair, end: Timestamp) {
        self.ends.insert(holding, end);
        self.order.insert((end, holding));
    }

    /// Removes the lease of a holding, if it has one.
    pub(super) fn remove(&mut self, holding: Pair) {
        if let Some(end) = self.ends.remove(&holding) {
            self.order.remove(&(end, holding));
        }
    }

    /// End of the lease of a holding, if it has one.
    pub(super) fn end(&self, holding: Pair) -> Option<Timestamp> {
        self.ends.get(&holding).copied()
    }

    /// Holding whose lease ended first, if any has ended.
    pub(super) fn ended(&self, now: Timestamp) -> Option<Pair> {
        self.order.first().filter(|(end, _)| *end <= now).map(|(_, holding)| *holding)
    }
}
