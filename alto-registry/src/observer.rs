//! Events that a backend reports while it works, for metrics.

use std::time::Duration;

/// Receiver of a backend's events. Methods are called from any thread, some with locks held, and must return at once.
pub trait Observer: Send + Sync {
    /// Called when the number of registrations, files or holdings may have changed.
    fn counted(&self, _stats: Stats) {}

    /// Called when registrations have ended because their leases were not renewed.
    fn expired(&self, _registrations: usize) {}

    /// Called after each attempt to save changes, with their number and the time it took.
    fn save_attempted(&self, _changes: usize, _took: Duration) {}
}

/// Observer that ignores all events.
pub struct Silent;

impl Observer for Silent {}

/// Size of a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Number of registrations.
    pub peers: usize,
    /// Number of different files.
    pub files: usize,
    /// Number of holdings: a file counts once for each of its holders.
    pub holdings: usize,
}
