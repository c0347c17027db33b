//! A connection that counts the bytes written to it, by which it is seen how fast its client reads, and when an answer has
//! left.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::sync::Notify;

/// Number of bytes written to a connection.
#[derive(Debug, Default)]
pub(super) struct Written {
    bytes: AtomicU64,
    /// Number of bytes written to all connections.
    all: Arc<AtomicU64>,
    is_over: AtomicBool,
    news: Notify,
}

/// Connection with a counter of the bytes written.
pub(super) struct Counted<T> {
    inner: T,
    written: Arc<Written>,
}

impl Written {
    /// Counts for one connection, and in `all` for all.
    pub(super) fn new(all: Arc<AtomicU64>) -> Self {
        Self { all, ..Self::default() }
    }

    /// Number of bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until there are so many bytes, or the connection has ended.
    pub(super) async fn reach(&self, bytes: u64) {
        loop {
            let news = self.news.notified();
            if self.bytes() >= bytes || self.is_over.load(Ordering::Relaxed) {
                return;
            }
            news.await;
        }
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.all.fetch_add(bytes as u64, Ordering::Relaxed);
        self.news.notify_waiters();
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        self.written.is_over.store(true, Ordering::Relaxed);
        self.written.news.notify_waiters();
    }
}

impl<T> Counted<T> {
    /// Counts the bytes written to this connection.
    pub(super) fn new(inner: T, written: Arc<Written>) -> Self {
        Self { inner, written }
    }

    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.written.add(*bytes);
        }
        written
    }
}

impl<T: Read + Unpin> Read for Counted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.count(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.count(written)
    }
}
