//! Points in time, as the caller of the registry tells them.

use std::time::Duration;

/// Point in time, in milliseconds since 1970-01-01 UTC.
///
/// The caller's clock should never go back and never jump: leases are measured by it. A process does best to read the
/// time of day once, at its start, and to add what a monotonic clock has counted since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Builds a timestamp from milliseconds since 1970.
    pub const fn from_unix_milliseconds(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since 1970.
    pub const fn unix_milliseconds(self) -> u64 {
        self.0
    }

    /// Adds a duration, in whole milliseconds.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Duration since an earlier timestamp; zero if that one is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
