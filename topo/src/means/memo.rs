//! Costs between PIDs that were asked for, kept for as long as the view they belong to.

use std::sync::OnceLock;

use crate::route::measures::Measures;

/// The costs to one PID, by source; an outer `None` was never asked for.
type Column = Box<[OnceLock<Option<Measures>>]>;

/// Memory of the costs between all PIDs. A column takes room only once one of its costs is asked for.
#[derive(Debug)]
pub(crate) struct Memo(Box<[OnceLock<Column>]>);

impl Memo {
    /// Creates the memory of a network with this number of PIDs.
    pub(crate) fn new(pids: usize) -> Self {
        Self((0..pids).map(|_| OnceLock::new()).collect())
    }

    /// Returns a cost, computed only the first time.
    pub(crate) fn get(&self, from: u32, into: u32, compute: impl FnOnce() -> Option<Measures>) -> Option<Measures> {
        let empty = || (0..self.0.len()).map(|_| OnceLock::new()).collect();
        *self.0[into as usize].get_or_init(empty)[from as usize].get_or_init(compute)
    }
}
