//! Views: feeds that clients read update by update (RFC 9569 §2.2).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::feed::Feed;

/// A feed under a URI of its own. The URI is random, so that after a restart, or when the view was dropped, the old one is
/// unknown rather than different.
pub(super) struct View {
    /// Last part of the URI.
    pub(super) id: String,
    pub(super) feed: Arc<Feed>,
    /// Number of requests that wait for a version.
    waiting: AtomicUsize,
    /// Time of the last request.
    used: Mutex<Duration>,
}

/// Request that waits for a version, until dropped.
pub(super) struct Waiting<'a>(&'a View);

impl View {
    /// Creates the view of a feed.
    pub(super) fn new(id: String, feed: Arc<Feed>, now: Duration) -> Self {
        Self { id, feed, waiting: AtomicUsize::new(0), used: Mutex::new(now) }
    }

    /// Records a request.
    pub(super) fn touch(&self, now: Duration) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Counts a request that waits.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// Tells whether a request waits.
    pub(super) fn is_used(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Time of the last request.
    pub(super) fn used(&self) -> Duration {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
