//! A bound on what the kernel takes of answers that a client does not read.
//!
//! The kernel grows the send buffer of a connection to several megabytes while the client reads slowly. For an answer that
//! never ends that memory is taken until the connection ends, unseen in the process.

use std::io;

use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

/// Size of the send buffer of a connection with an answer that stays open, in bytes. The kernel doubles it for what it
/// needs itself.
pub(super) const LIVE_BYTES: usize = 64 * 1024;

/// Stream whose send buffer can be bounded.
pub(super) trait SendBuffer {
    /// Bounds the send buffer.
    fn bound(&self, bytes: usize) -> io::Result<()>;
}

impl SendBuffer for TcpStream {
    fn bound(&self, bytes: usize) -> io::Result<()> {
        socket2::SockRef::from(self).set_send_buffer_size(bytes)
    }
}

impl SendBuffer for TlsStream<TcpStream> {
    fn bound(&self, bytes: usize) -> io::Result<()> {
        self.get_ref().0.bound(bytes)
    }
}

impl SendBuffer for UnixStream {
    fn bound(&self, bytes: usize) -> io::Result<()> {
        socket2::SockRef::from(self).set_send_buffer_size(bytes)
    }
}
