//! A deadline for the first bytes of a connection.
//!
//! The HTTP library waits without limit for the first 24 bytes, which tell HTTP/2 from HTTP/1, and starts its header timeout
//! only afterwards. A connection that sends fewer bytes would stay open forever. Reads through this wrapper fail if the
//! bytes have not arrived by the deadline.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::send_buffer::SendBuffer;

/// Length of the HTTP/2 connection preface; the shortest HTTP/1.1 request with a Host is longer.
const ENOUGH: usize = 24;

/// Stream whose first bytes must arrive in time.
pub(super) struct FirstBytes<S> {
    inner: S,
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

impl<S> FirstBytes<S> {
    /// Wraps a stream.
    pub(super) fn new(inner: S, within: Duration) -> Self {
        Self { inner, missing: ENOUGH, deadline: Box::pin(sleep(within)) }
    }
}

impl<S: SendBuffer> SendBuffer for FirstBytes<S> {
    fn bound(&self, bytes: usize) -> io::Result<()> {
        self.inner.bound(bytes)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstBytes<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.missing > 0 && self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "no request arrived in time")));
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = result {
            self.missing = self.missing.saturating_sub(buf.filled().len() - before);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstBytes<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
