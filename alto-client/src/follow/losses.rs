//! Losses in a row: what is said of them, and how long to wait after each.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// First pause after a loss; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause after a loss, unless the server asks for more.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Longest pause that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(24);
/// Number of losses in a row after which another way is tried.
const LOSSES: u32 = 3;

/// Receiver of the errors that a follower goes on after.
pub(super) type Listener = Box<dyn FnMut(&Error) + Send>;

/// Losses since the last news.
#[derive(Default)]
pub(super) struct Losses {
    count: u32,
    /// The error that was told last, without the URI, which views have a new one of each time.
    told: Option<String>,
    listener: Option<Listener>,
}

impl Losses {
    pub(super) fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Begins anew after news.
    pub(super) fn forget(&mut self) {
        (self.count, self.told) = (0, None);
    }

    /// Begins to count anew after a session that was told of nothing, but lasted.
    pub(super) fn forget_count(&mut self) {
        self.count = 0;
    }

    pub(super) fn are_none(&self) -> bool {
        self.count == 0
    }

    /// Tells whether the way that is lost next has had its chances.
    pub(super) fn are_enough(&self) -> bool {
        (self.count + 1).is_multiple_of(LOSSES)
    }

    /// Tells the listener of an error, unless it is the same as the last time.
    pub(super) fn tell(&mut self, error: &Error) {
        let text = error.to_string();
        let likeness = error.uri().map_or_else(|| text.clone(), |uri| text.replace(uri, ""));
        if self.told.as_ref() != Some(&likeness) {
            self.told = Some(likeness);
            if let Some(listener) = &mut self.listener {
                listener(error);
            }
        }
    }

    /// Counts a loss. Returns the time to wait after it.
    pub(super) fn pause(&mut self, error: &Error) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.count.min(10)).min(LONGEST_PAUSE);
        self.count = self.count.saturating_add(1);
        // Clients that lost the same server do not come back all at once.
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
        let part = 0.5 + f64::from(nanos % 1000) / 2000.0;
        let asked = match error {
            Error::Busy { retry_after: Some(asked), .. } => (*asked).min(LONGEST_ASKED),
            _ => Duration::ZERO,
        };
        pause.mul_f64(part).max(asked)
    }
}

/// Tells whether an error stays however often one asks.
pub(super) fn is_lasting(error: &Error) -> bool {
    match error {
        Error::Alto(_)
        | Error::Unsupported { .. }
        | Error::Denied { .. }
        | Error::Query(_)
        | Error::NoRequest { .. } => true,
        Error::Status { status, .. } => (400..500).contains(status) && !matches!(status, 408 | 425 | 429),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn status(status: u16, view: u32) -> Error {
        Error::Status { uri: format!("http://x/tips/{view}"), status, detail: String::new() }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_are_as_long_as_the_server_asks() {
        let mut losses = Losses::default();
        for full in [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000] {
            let pause = losses.pause(&status(502, 1));
            let full = Duration::from_millis(full);
            assert!((full / 2..=full).contains(&pause), "{pause:?} of {full:?}");
        }
        let busy = |retry_after| Error::Busy { uri: String::new(), status: 503, retry_after };
        assert_eq!(losses.pause(&busy(Some(Duration::from_secs(90)))), Duration::from_secs(90));
        assert_eq!(losses.pause(&busy(Some(Duration::MAX))), LONGEST_ASKED);
        assert!(losses.pause(&busy(None)) <= LONGEST_PAUSE);
        losses.forget();
        assert!(losses.pause(&busy(Some(Duration::from_secs(7)))) == Duration::from_secs(7) && !losses.are_none());
    }

    #[test]
    fn an_error_is_told_once_and_again_when_it_changes() {
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let (listening, mut losses) = (Arc::clone(&heard), Losses::default());
        losses.listen(Box::new(move |error| listening.lock().unwrap().push(error.to_string())));
        for error in [status(502, 1), status(502, 2), status(504, 2), status(504, 3)] {
            losses.tell(&error);
        }
        losses.forget();
        losses.tell(&status(504, 4));
        let expected = [(1, 502), (2, 504), (4, 504)].map(|(view, code)| status(code, view).to_string());
        assert_eq!(*heard.lock().unwrap(), expected);
    }

    #[test]
    fn statuses_of_requests_that_are_wrong_last() {
        for (code, lasts) in [(400, true), (404, true), (405, true), (408, false), (425, false), (502, false)] {
            assert_eq!(is_lasting(&status(code, 1)), lasts, "{code}");
        }
    }
}
