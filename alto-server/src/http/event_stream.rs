//! Streams of server-sent events (WHATWG HTML §9.2), by which a browser learns of changes.
//!
//! A stream tells the latest news only: what a slow client misses is not kept for it. It says something often enough that
//! neither proxies nor the limit on answers without progress end it, and ends when the server stops.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Interval;

use super::shares::{Capacity, Kind, Share};
use super::{Exchange, HttpError, Response, admission, live};

/// Number of streams that are open at a time.
const MOST_STREAMS: usize = 512;
/// Portion of them that one client may have, in percent: 25 as long as there are no others.
const PORTION: usize = 5;

/// Longest silence on a stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Comment, which clients ignore.
const NOTHING_NEW: &[u8] = b":\n\n";

/// All streams of a server.
pub(crate) struct EventStreams {
    capacity: Arc<Capacity>,
    keep_alive: Duration,
    stopping: watch::Receiver<bool>,
}

/// Open stream.
struct Open {
    news: watch::Receiver<Bytes>,
    stopping: watch::Receiver<bool>,
    keep_alive: Interval,
    /// Absent for clients without limits.
    _share: Option<Share>,
}

impl EventStreams {
    /// Creates the streams of a server. An answer may make no progress for the time `stall`; `stopping` tells the end.
    pub(crate) fn new(stall: Duration, stopping: watch::Receiver<bool>) -> Self {
        let capacity = Capacity::new(Kind::EventStreams, MOST_STREAMS, PORTION);
        let keep_alive = KEEP_ALIVE.min(stall / 2).max(Duration::from_millis(100));
        Self { capacity, keep_alive, stopping }
    }

    /// Number of open streams.
    pub(crate) fn open_count(&self) -> usize {
        self.capacity.used()
    }

    /// Answers a request with a stream, which begins with the present news. The caller sets the media type.
    pub(crate) fn answer(&self, exchange: &Exchange, mut news: watch::Receiver<Bytes>) -> Result<Response, HttpError> {
        let share = match exchange.slot.client() {
            None => None,
            Some(client) => Some(self.capacity.take(client, 1).ok_or_else(|| admission::refused("event-streams"))?),
        };
        news.mark_changed();
        let mut keep_alive = tokio::time::interval(self.keep_alive);
        keep_alive.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let open = Open { news, stopping: self.stopping.clone(), keep_alive, _share: share };
        let events = stream::unfold(open, |mut open| async move {
            let piece = open.next().await?;
            Some((piece, open))
        });
        let mut response = Response::default();
        live::attach(&mut response, events);
        Ok(response)
    }
}

impl Open {
    /// Waits for the next piece of the stream; none once the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stop| *stop) => None,
            changed = self.news.changed() => changed.ok().map(|()| self.news.borrow_and_update().clone()),
            _ = self.keep_alive.tick() => Some(Bytes::from_static(NOTHING_NEW)),
        }
    }
}
