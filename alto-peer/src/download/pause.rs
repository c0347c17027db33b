//! Pauses and calls that end when a download is cancelled.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::helpers;

use super::FetchError;
use super::cancel::Cancel;

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

/// Calls something that may take long, in a thread of its own, which is left alone once the download is cancelled or the
/// time is over. Returns `None` in the latter case.
pub(super) fn call<T: Send + 'static>(
    until: Option<Instant>,
    cancel: &Cancel,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, FetchError> {
    let (sender, receiver) = channel();
    let work = move || {
        let _nobody_waits = sender.send(work());
    };
    helpers::spawn("registry", work).map_err(FetchError::System)?;
    loop {
        match receiver.recv_timeout(STEP) {
            Ok(result) => return Ok(Some(result)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if cancel.is_cancelled() {
            return Err(FetchError::Cancelled);
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_never_returns_ends_with_its_time_or_the_download() {
        let cancel = Cancel::default();
        let never = || std::thread::sleep(Duration::from_hours(1));
        assert!(matches!(call(Some(Instant::now()), &cancel, never), Ok(None)));
        cancel.cancel();
        assert!(matches!(call(None, &cancel, never), Err(FetchError::Cancelled)));
        assert!(matches!(call(None, &Cancel::default(), || 7), Ok(Some(7))));
    }
}
