//! The server side of HTTP/1.1 (RFC 7230) over any stream, with a limit on everything that is read.

mod message;
mod read;
mod write;

use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;

pub use message::{Delivery, Live, ReceivedRequest, Response, essence};
pub use read::{BODY_LIMIT, Incoming, Leniency, RejectedMessage, read};
pub use write::write;

/// Bidirectional byte stream: a socket, or TLS over one.
pub trait Duplex: Read + Write + Send {}

impl<T: Read + Write + Send> Duplex for T {}

/// Buffered connection that requests are read from.
pub type Connection = BufReader<Box<dyn Duplex>>;

/// Addresses of both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionAddresses {
    /// Address of the client.
    pub peer: SocketAddr,
    /// Address of the server.
    pub server: SocketAddr,
}
