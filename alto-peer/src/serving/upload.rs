//! Upload bodies: read slightly ahead, sent under the common rate limit, and cut off when the client stops reading.

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

use super::rate_limiter::RateLimiter;
use super::upload_queue::UploadPermit;
use crate::content::library::Source;

/// Content of an upload.
pub(super) enum Content {
    /// An open file.
    Source(Source),
    /// Bytes in memory.
    Bytes(Bytes),
}

/// Sender of all uploads, with the limits they share.
pub(super) struct Uploader {
    pub(super) limiter: RateLimiter,
    /// Longest time that a client may take to read one chunk.
    pub(super) patience: Duration,
    /// Number of bytes handed to connections so far.
    pub(super) sent: AtomicU64,
}

/// Chunks of one upload that were sent, kept so that their memory can be reused.
#[derive(Default)]
struct Buffers {
    sent: [Option<Bytes>; 4],
    oldest: usize,
}

impl Buffers {
    /// A buffer of this length with arbitrary content.
    fn take(&mut self, length: usize) -> BytesMut {
        let free = self.sent[self.oldest].take().and_then(|bytes| bytes.try_into_mut().ok());
        let mut buffer = free.unwrap_or_default();
        buffer.resize(length, 0);
        buffer
    }

    /// Keeps a chunk, for reuse once it has been sent.
    fn keep(&mut self, chunk: &Bytes) {
        self.sent[self.oldest] = Some(chunk.clone());
        self.oldest = (self.oldest + 1) % self.sent.len();
    }
}

impl Uploader {
    /// Responds with these bytes of the content. `permit` is held until they are sent; `cut` ends the connection.
    pub(super) fn send(
        self: &Arc<Self>,
        content: Content,
        range: Range<u64>,
        permit: Option<UploadPermit>,
        cut: Arc<Notify>,
    ) -> Response {
        let length = range.end - range.start;
        let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(1);
        tokio::spawn(Arc::clone(self).produce(content, range, sender, cut));
        let chunks = stream::poll_fn(move |cx| {
            // Held as long as the body exists: until the last chunk is handed over, or the client disconnects.
            let _held = &permit;
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
            let length = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(self.limiter.chunk());
            let limited = async {
                self.limiter.acquire(length).await;
                reader.read(at, length).await
            };
            let chunk = tokio::select! {
                chunk = limited => chunk,
                // The client has disconnected.
                () = sender.closed() => return,
            };
            if let Err(error) = &chunk {
                // The length was announced, so the connection is broken, and the client notices that the body is incomplete.
                tracing::warn!(%error, "an upload ends early, as the file cannot be read");
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

/// Reader of an upload's content, chunk by chunk.
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
        // Takes microseconds from the page cache, but may take long from a disk.
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
