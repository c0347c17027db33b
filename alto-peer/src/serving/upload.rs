//! The body of an upload: read ahead a little, sent at the common pace, and given up when the other end stops taking it.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::{CONTENT_LENGTH, HeaderValue};
use tokio::sync::{Notify, mpsc};
use warp::Reply;
use warp::reply::Response;

use super::pace::Pace;
use super::turns::Turn;
use crate::content::library::Source;

/// What is sent.
pub(super) enum Content {
    /// A file.
    Source(Source),
    /// Bytes at hand.
    Bytes(Bytes),
}

/// Where uploads go through.
pub(super) struct Uplink {
    pub(super) pace: Pace,
    /// Longest time the other end may take for one chunk.
    pub(super) patience: Duration,
    /// Bytes handed to connections so far.
    pub(super) sent: AtomicU64,
}

/// Chunks of one upload that were sent and may be used again, so that memory is not mapped anew for each.
#[derive(Default)]
struct Buffers {
    sent: [Option<Bytes>; 4],
    oldest: usize,
}

impl Buffers {
    /// A buffer of this length; what is in it does not matter.
    fn take(&mut self, length: usize) -> BytesMut {
        let free = self.sent[self.oldest].take().and_then(|bytes| bytes.try_into_mut().ok());
        let mut buffer = free.unwrap_or_default();
        buffer.resize(length, 0);
        buffer
    }

    fn keep(&mut self, chunk: &Bytes) {
        self.sent[self.oldest] = Some(chunk.clone());
        self.oldest = (self.oldest + 1) % self.sent.len();
    }
}

impl Uplink {
    /// Answers with these bytes of the content. `turn` is held until they are gone, `cut` ends the connection.
    pub(super) fn send(
        self: &Arc<Self>,
        content: Content,
        range: Range<u64>,
        turn: Option<Turn>,
        cut: Arc<Notify>,
    ) -> Response {
        let length = range.end - range.start;
        let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(1);
        tokio::spawn(Arc::clone(self).produce(content, range, sender, cut));
        let chunks = stream::poll_fn(move |cx| {
            // The turn lives as long as the body does: until the last chunk is on its way, or the client is gone.
            let _held = &turn;
            receiver.poll_recv(cx)
        });
        let mut response = warp::reply::stream(chunks).into_response();
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        response
    }

    async fn produce(
        self: Arc<Self>,
        content: Content,
        range: Range<u64>,
        sender: mpsc::Sender<io::Result<Bytes>>,
        cut: Arc<Notify>,
    ) {
        let mut at = range.start;
        let mut reader = Reader { content: Arc::new(content), buffers: Buffers::default() };
        while at < range.end {
            let length = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(self.pace.chunk());
            let paced = async {
                self.pace.take(length).await;
                reader.read(at, length).await
            };
            let chunk = tokio::select! {
                chunk = paced => chunk,
                // Nobody listens any more.
                () = sender.closed() => return,
            };
            if let Err(error) = &chunk {
                // The length was promised: the connection breaks, and the client sees that the body is cut.
                tracing::warn!(%error, "an upload ends early: the file cannot be read");
            }
            let failed = chunk.is_err();
            match tokio::time::timeout(self.patience, sender.send(chunk)).await {
                Ok(Ok(())) if !failed => {}
                Ok(_) => return,
                Err(_) => return cut.notify_one(),
            }
            self.sent.fetch_add(length as u64, Ordering::Relaxed);
            at += length as u64;
        }
        if tokio::time::timeout(self.patience, sender.closed()).await.is_err() {
            cut.notify_one();
        }
    }
}

/// Reads an upload's content piece by piece.
struct Reader {
    content: Arc<Content>,
    buffers: Buffers,
}

impl Reader {
    async fn read(&mut self, at: u64, length: usize) -> io::Result<Bytes> {
        if let Content::Bytes(bytes) = &*self.content {
            let start = usize::try_from(at).unwrap_or(usize::MAX);
            return Ok(bytes.slice(start..start + length));
        }
        let content = Arc::clone(&self.content);
        let mut buffer = self.buffers.take(length);
        // From the cache this takes microseconds, from a disk it may take long.
        let read = tokio::task::spawn_blocking(move || {
            if let Content::Source(source) = &*content {
                source.read_at(&mut buffer, at)?;
            }
            Ok::<_, io::Error>(buffer)
        });
        let chunk = read.await.map_err(io::Error::other)??.freeze();
        self.buffers.keep(&chunk);
        Ok(chunk)
    }
}
