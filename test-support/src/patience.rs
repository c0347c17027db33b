//! Waits with a time limit that a busy machine does not reach.

use std::time::{Duration, Instant};

/// Time limit of a wait, generous enough for a busy machine. A test that reaches it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Interval at which a condition without a notification is polled.
const POLL: Duration = Duration::from_millis(5);

/// Waits until a condition has a value, for twice [`PATIENCE`] at most.
pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < 2 * PATIENCE, "never happened: {what}");
        std::thread::sleep(POLL);
    }
}
