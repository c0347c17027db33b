//! Bytes of a connection that are read before the HTTP library has the stream: those that tell its version, and the first
//! ones after a rest.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes that are read ahead at a time: the head of most requests.
const AT_A_TIME: usize = 1024;

/// Stream with the bytes that were read ahead.
pub(super) struct ReadAhead<S> {
    inner: S,
    ahead: Bytes,
}

impl<S> ReadAhead<S> {
    /// Wraps a stream.
    pub(super) fn new(inner: S) -> Self {
        Self { inner, ahead: Bytes::new() }
    }

    /// Bytes that were read ahead, and not since.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// Takes back bytes that were read from it and not used.
    pub(super) fn take_back(&mut self, unused: &Bytes) {
        self.ahead = join(unused, &self.ahead);
    }
}

impl<S: AsyncRead + Unpin> ReadAhead<S> {
    /// Waits for more bytes, without a buffer until they are there. Returns false at the end of the stream.
    pub(super) async fn more(&mut self) -> io::Result<bool> {
        let read = poll_fn(|cx| {
            let mut piece = [0; AT_A_TIME];
            let mut buffer = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
            Poll::Ready(Ok::<_, io::Error>(Bytes::copy_from_slice(buffer.filled())))
        });
        let read = read.await?;
        self.ahead = join(&self.ahead, &read);
        Ok(!read.is_empty())
    }
}

/// One sequence of bytes after the other.
fn join(first: &Bytes, then: &Bytes) -> Bytes {
    match (first.is_empty(), then.is_empty()) {
        (true, _) => then.clone(),
        (_, true) => first.clone(),
        _ => [&first[..], then].concat().into(),
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let length = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead[..length]);
        self.ahead.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn bytes_read_ahead_and_bytes_taken_back_are_read_in_their_order() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut stream = ReadAhead::new(server);
        client.write_all(b"first ").await.unwrap();
        assert!(stream.more().await.unwrap());
        client.write_all(b"second ").await.unwrap();
        assert!(stream.more().await.unwrap());
        assert_eq!(stream.ahead(), b"first second ");
        let mut read = [0; 6];
        stream.read_exact(&mut read).await.unwrap();
        stream.take_back(&Bytes::copy_from_slice(&read[3..]));
        client.write_all(b"third").await.unwrap();
        drop(client);
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "st second third");
        assert!(!stream.more().await.unwrap());
    }
}
