//! HTTP/1.1 as a server reads and writes it (RFC 7230), over any stream, with a limit on everything that is read.

mod message;
mod read;
mod write;

use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;

pub use message::{Delivery, ReceivedRequest, Response, essence};
pub use read::{BODY_LIMIT, Incoming, Leniency, RejectedMessage, read};
pub use write::write;

/// What a connection is made of: a socket, or TLS over one.
pub trait Duplex: Read + Write + Send {}

impl<T: Read + Write + Send> Duplex for T {}

/// A connection as requests are read from it.
pub type Connection = BufReader<Box<dyn Duplex>>;

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionAddresses {
    /// The client's.
    pub peer: SocketAddr,
    /// The server's.
    pub server: SocketAddr,
}
