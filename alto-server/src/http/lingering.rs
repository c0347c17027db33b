//! A lingering close (RFC 9112 §9.6), and the bound on the send buffer of connections with answers that stay open.
//!
//! A server that closes a connection while data of the client is still on its way resets the connection, which may destroy
//! the last answer before the client has read it. This wrapper closes for writing first, and then reads and discards what
//! still arrives for a moment, if the connection asks for it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connection::Connection;
use super::send_buffer::{LIVE_BYTES, SendBuffer};

/// Longest time for which a closing connection is read.
const TIME: Duration = Duration::from_secs(2);
/// Largest number of bytes that a closing connection is read for.
const BYTES: usize = 4 * 1024 * 1024;

/// Stream that closes without destroying its last answer.
pub(super) struct Lingering<S> {
    inner: S,
    connection: Arc<Connection>,
    /// Whether the send buffer was bounded, for an answer that stays open.
    is_bounded: bool,
    /// Bytes that may still be discarded, and the end of the time for it, once the stream is closed for writing.
    rest: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<S> Lingering<S> {
    /// Wraps the stream of a connection.
    pub(super) fn new(inner: S, connection: Arc<Connection>) -> Self {
        Self { inner, connection, is_bounded: false, rest: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: SendBuffer> Lingering<S> {
    /// Prepares for data: bounds the send buffer once the connection has an answer that stays open.
    fn prepare(&mut self) {
        self.connection.set_unsent(true);
        if !self.is_bounded && self.connection.is_live() {
            self.is_bounded = true;
            if let Err(error) = self.inner.bound(LIVE_BYTES) {
                tracing::debug!(%error, "send buffer not bounded");
            }
        }
    }
}

impl<S> Lingering<S> {
    /// Tells the connection what has left, unless nothing is left of it: then the answer tells.
    fn wrote(&self, written: usize, all: usize) {
        if written > 0 && written < all {
            self.connection.wrote_part();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + SendBuffer + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.prepare();
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.wrote(written, buf.len());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The HTTP library flushes once everything has been written.
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.connection.set_unsent(false);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { inner, connection, rest, .. } = &mut *self;
        if rest.is_none() {
            ready!(Pin::new(&mut *inner).poll_shutdown(cx))?;
            *rest = connection.lingers().then(|| (BYTES, Box::pin(sleep(TIME))));
        }
        let Some((left, deadline)) = rest else { return Poll::Ready(Ok(())) };
        let mut discarded = [0; 8192];
        while *left > 0 && deadline.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut discarded);
            // An error ends the connection as well as its end does.
            let read = ready!(Pin::new(&mut *inner).poll_read(cx, &mut buffer)).map(|()| buffer.filled().len());
            match read {
                Ok(0) | Err(_) => break,
                Ok(read) => *left = left.saturating_sub(read),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.prepare();
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs))?;
        self.wrote(written, bufs.iter().map(|buf| buf.len()).sum());
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
