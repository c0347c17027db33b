//! The writing of one stream: events as they come, and comments in between.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream as Pieces;
use rand::RngExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::event::{COMMENT, DataEvent};
use super::hub::Hub;
use super::stream::{Next, Stream};
use crate::http::live::Place;

/// Stream that is being written, until its client has gone.
pub(super) struct Session {
    hub: Arc<Hub>,
    stream: Arc<Stream>,
    /// Secret part of the control URI, by which the hub knows the stream.
    handle: String,
    news: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    event: Option<DataEvent>,
    /// Time at which a comment is due.
    comment_at: Instant,
    _place: Option<Place>,
}

impl Session {
    /// Registers a stream with the hub, and begins to write it.
    pub(super) fn begin(hub: &Arc<Hub>, stream: Stream, handle: String, place: Option<Place>) -> Self {
        let stream = Arc::new(stream);
        hub.streams().insert(handle.clone(), Arc::downgrade(&stream));
        let (news, stopping) = (hub.news(), hub.stopping());
        let comment_at = next_comment(hub.limits().keep_alive);
        Self { hub: Arc::clone(hub), stream, handle, news, stopping, event: None, comment_at, _place: place }
    }

    /// Pieces of the body.
    pub(super) fn pieces(self) -> impl Pieces<Item = Bytes> + Send + 'static {
        futures_util::stream::unfold(self, |mut session| async move {
            let piece = session.next().await?;
            session.comment_at = next_comment(session.hub.limits().keep_alive);
            Some((piece, session))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = &mut self.event {
                let (piece, is_last) = event.next();
                if is_last {
                    self.event = None;
                }
                return Some(piece);
            }
            // Before looking, so that no version is missed that comes after the look.
            self.news.mark_unchanged();
            match self.stream.next() {
                Next::Piece(piece) => return Some(piece),
                Next::Event(event) => self.event = Some(event),
                Next::Render(feed) => {
                    // A failed task has rendered nothing, and the next look renders here.
                    let _ = tokio::task::spawn_blocking(move || feed.render()).await;
                }
                Next::End => return None,
                Next::Wait => tokio::select! {
                    changed = self.news.changed() => if changed.is_err() { return None },
                    () = self.stream.changed() => {}
                    () = tokio::time::sleep_until(self.comment_at) => return Some(COMMENT),
                    _ = self.stopping.wait_for(|stopping| *stopping) => self.stream.close("the server ends"),
                },
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.hub.streams().remove(&self.handle);
    }
}

/// Time of the next comment: earlier by up to a third, so that the comments of many streams do not come at once.
fn next_comment(longest: Duration) -> Instant {
    let part = rand::rng().random_range(0.66..0.96);
    Instant::now() + longest.mul_f64(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_come_in_time() {
        let longest = Duration::from_secs(15);
        let latest = (0..1000).map(|_| next_comment(longest)).max();
        assert!(latest.is_some_and(|latest| latest <= Instant::now() + longest));
    }
}
