//! Upload bodies: read slightly ahead, sent under the common rate limit, paused when it is the turn of others, and cut off
//! when the client reads too slowly.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::{CONTENT_LENGTH, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::Instant;
use warp::Reply;
use warp::reply::Response;

use super::connections::ConnectionInfo;
use super::flow::Flow;
use super::rate_limiter::RateLimiter;
use super::upload_queue::{NotAdmitted, UploadPermit, UploadQueue};
use crate::content::Library;
use crate::content::library::{Shared, Source};

/// Interval at which a client that does not read is looked at.
const CHECK: Duration = Duration::from_millis(500);

/// Content of an upload.
pub(super) enum Content {
    /// An open file of the library.
    File {
        /// Library that it belongs to.
        library: Arc<Library>,
        /// The file as it is shared.
        shared: Arc<Shared>,
        /// The file itself.
        source: Source,
    },
    /// Bytes in memory.
    Bytes(Bytes),
}

/// Sender of all uploads, with the limits they share.
pub(super) struct Uploader {
    pub(super) limiter: RateLimiter,
    /// Queue whose permits uploads hold.
    pub(super) queue: Arc<UploadQueue>,
    /// Time over which a client has to keep the minimum rate.
    pub(super) patience: Duration,
    /// The same while other clients wait for an upload.
    pub(super) contended: Duration,
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
    /// Responds with these bytes of the content. `permit` is held until they are sent.
    pub(super) fn send(
        self: &Arc<Self>,
        content: Content,
        range: Range<u64>,
        permit: Option<UploadPermit>,
        connection: ConnectionInfo,
    ) -> Response {
        let length = range.end - range.start;
        let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(1);
        let upload = Upload {
            flow: Flow::new(connection.written.bytes(), Instant::now()),
            uploader: Arc::clone(self),
            connection,
            permit,
            sender,
        };
        tokio::spawn(upload.run(content, range));
        let mut response = warp::reply::stream(stream::poll_fn(move |cx| receiver.poll_recv(cx))).into_response();
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        response
    }
}

/// An upload in progress.
struct Upload {
    uploader: Arc<Uploader>,
    connection: ConnectionInfo,
    permit: Option<UploadPermit>,
    sender: mpsc::Sender<io::Result<Bytes>>,
    flow: Flow,
}

/// Reason why an upload ends early.
enum Ended {
    /// The client has disconnected, or the file cannot be read.
    Quietly,
    /// The client has to be disconnected.
    Cut,
}

impl Upload {
    async fn run(mut self, content: Content, range: Range<u64>) {
        if let Err(Ended::Cut) = self.send_all(content, range).await {
            self.connection.cut.notify_one();
        }
    }

    async fn send_all(&mut self, content: Content, range: Range<u64>) -> Result<(), Ended> {
        let mut at = range.start;
        // Without the head of the response, which is short.
        let all_written = self.connection.written.bytes() + (range.end - range.start);
        let mut reader = Reader { content: Arc::new(content), buffers: Buffers::default() };
        while at < range.end {
            self.wait_for_turn().await?;
            let length = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(self.uploader.limiter.chunk());
            let limited = async {
                self.uploader.limiter.acquire(length).await;
                reader.read(at, length).await
            };
            let chunk = tokio::select! {
                chunk = limited => chunk,
                () = self.sender.closed() => return Err(Ended::Quietly),
            };
            if let Err(error) = &chunk {
                // The length was announced, so the connection is broken, and the client notices that the body is incomplete.
                tracing::warn!(%error, "an upload ends early, as the file cannot be read");
            }
            let failed = chunk.is_err();
            self.wait_for_client(Until::Room).await?;
            // There is room, and nobody else sends.
            if self.sender.try_send(chunk).is_err() || failed {
                return Err(Ended::Quietly);
            }
            self.uploader.sent.fetch_add(length as u64, Ordering::Relaxed);
            if let Content::File { library, .. } = &*reader.content {
                library.exchange().took(self.connection.client, length as u64);
            }
            at += length as u64;
        }
        self.wait_for_client(Until::Written(all_written)).await
    }

    /// Waits for another slot, if the upload has had its turn and its slot was given to another client.
    async fn wait_for_turn(&mut self) -> Result<(), Ended> {
        if !self.permit.as_ref().is_some_and(UploadPermit::is_revoked) {
            return Ok(());
        }
        self.permit = None;
        let admitted = tokio::select! {
            admitted = self.uploader.queue.admit(self.connection.client) => admitted,
            () = self.sender.closed() => return Err(Ended::Quietly),
        };
        self.permit = Some(admitted.map_err(|NotAdmitted| Ended::Cut)?);
        self.flow = Flow::new(self.connection.written.bytes(), Instant::now());
        Ok(())
    }

    /// Waits until the client has taken what was sent before, and ends the upload if it does so too slowly.
    async fn wait_for_client(&mut self, until: Until) -> Result<(), Ended> {
        loop {
            let start = Instant::now();
            let progress = async {
                match until {
                    Until::Room => self.sender.reserve().await.map(drop).map_err(|_| Ended::Quietly),
                    Until::Written(bytes) => {
                        self.sender.closed().await;
                        self.connection.written.reach(bytes).await;
                        Ok(())
                    }
                }
            };
            let progress = tokio::time::timeout(CHECK, progress).await;
            let now = Instant::now();
            self.flow.waited(now - start);
            if let Ok(result) = progress {
                return result;
            }
            let client = self.connection.client;
            let contended = self.permit.is_some() && self.uploader.queue.is_wanted_by_others(client);
            let patience = self.uploader.patience;
            let window = if contended { patience.min(self.uploader.contended) } else { patience };
            if self.flow.is_too_slow(window, self.connection.written.bytes(), now) {
                self.uploader.queue.note_slow(client);
                return Err(Ended::Cut);
            }
        }
    }
}

/// Action of the client that an upload waits for.
#[derive(Clone, Copy)]
enum Until {
    /// Make room for another chunk.
    Room,
    /// Take the last one, so that so many bytes are written to its connection. What the connection still holds back keeps
    /// the slot, or else all uploads would be under way at the same time.
    Written(u64),
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
            if let Content::File { library, shared, source } = &*content {
                library.read_at(shared, source, &mut buffer, at)?;
            }
            Ok::<_, io::Error>(buffer)
        });
        let chunk = read.await.map_err(io::Error::other)??.freeze();
        self.buffers.keep(&chunk);
        Ok(chunk)
    }
}
