//! Pauses that end when a download is cancelled.

use std::time::{Duration, Instant};

use super::FetchError;
use super::transport::Cancel;

/// Longest time without a look at the cancellation flag.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// Sleeps for this time, unless the download is cancelled.
pub(super) fn pause(time: Duration, cancel: &Cancel) -> Result<(), FetchError> {
    let until = Instant::now() + time;
    loop {
        if cancel.is_cancelled() {
            return Err(FetchError::Cancelled);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(STEP));
    }
}
