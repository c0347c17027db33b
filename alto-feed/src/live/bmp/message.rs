//! Messages of BMP: their framing and headers. A read from the connection is not a message, so the length decides.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bgp::decode::{self, DecodeError, Update};

/// Version of the protocol (RFC 7854 §4.1).
const VERSION: u8 = 3;
/// Length of the common header.
const COMMON: usize = 6;
/// Length of the per-peer header (RFC 7854 §4.2).
const PER_PEER: usize = 42;
/// Largest message: two BGP messages of RFC 8654 with room to spare.
const MAX_LENGTH: usize = 1024 * 1024;
/// Peer type of the router's own best routes (RFC 9069 §4.1).
const LOC_RIB: u8 = 3;
/// Peer flags (RFC 7854 §4.2, RFC 8671 §4): IPv6 peer, post-policy, AS numbers of two bytes, routes sent to the peer.
const IPV6: u8 = 0x80;
const POST_POLICY: u8 = 0x40;
const TWO_BYTES: u8 = 0x20;
const OUT: u8 = 0x10;

/// Content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Routes of a peer after policy, or the router's own best routes.
    Routes(Peer, Update),
    /// A peer's session ended, and its routes with it.
    PeerDown(Peer),
    /// The router ends the connection.
    Termination,
    /// Anything else, which tells nothing about routes.
    Other,
}

/// Peer of a router, or its own routing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// True for the router's own best routes, false for those of a peer.
    pub own: bool,
    /// Address of the peer.
    pub address: IpAddr,
    /// Distinguisher of the routing table.
    pub distinguisher: u64,
}

/// A stream that is not BMP.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Connection(#[from] io::Error),
    /// The framing is wrong, so that nothing after it can be understood.
    #[error("{0}")]
    Framing(String),
    /// One message is wrong; the next one may be right.
    #[error("a message cannot be decoded: {0}")]
    Content(#[from] DecodeError),
    /// A message is shorter than its headers.
    #[error("a message of type {0} ends within its headers")]
    Short(u8),
}

/// Reads the next message; `None` at the end of the stream between two messages.
pub fn read(stream: &mut impl Read) -> Result<Option<Message>, MessageError> {
    let mut header = [0; COMMON];
    let mut filled = 0;
    while filled < COMMON {
        match stream.read(header.get_mut(filled..).unwrap_or_default()) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let [version, a, b, c, d, kind] = header;
    if version != VERSION {
        return Err(MessageError::Framing(format!("speaks version {version} of BMP, and not {VERSION}")));
    }
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if !(COMMON..=MAX_LENGTH).contains(&length) {
        return Err(MessageError::Framing(format!("announces a message of {length} bytes; the limit is {MAX_LENGTH}")));
    }
    let mut body = vec![0; length - COMMON];
    stream.read_exact(&mut body)?;
    decode(kind, &body).map(Some)
}

/// Decodes the body of a message by its type (RFC 7854 §4.1).
pub fn decode(kind: u8, body: &[u8]) -> Result<Message, MessageError> {
    match kind {
        0 => routes(body),
        2 => Ok(per_peer(body).ok_or(MessageError::Short(kind))?.0.map_or(Message::Other, Message::PeerDown)),
        5 => Ok(Message::Termination),
        _ => Ok(Message::Other),
    }
}

fn routes(body: &[u8]) -> Result<Message, MessageError> {
    let (peer, flags, update) = per_peer(body).ok_or(MessageError::Short(0))?;
    let Some(peer) = peer else { return Ok(Message::Other) };
    // Before policy the router itself does not use the routes; FRR even sends a withdrawal for each.
    if !peer.own && flags & POST_POLICY == 0 {
        return Ok(Message::Other);
    }
    let update = decode::message(update, false, peer.own || flags & TWO_BYTES == 0)?;
    Ok(Message::Routes(peer, update))
}

/// Reads the per-peer header. The peer is `None` if its routes do not count, as those that are sent to it.
fn per_peer(body: &[u8]) -> Option<(Option<Peer>, u8, &[u8])> {
    let (header, rest) = body.split_at_checked(PER_PEER)?;
    let (kind, flags) = (*header.first()?, *header.get(1)?);
    let distinguisher = u64::from_be_bytes(header.get(2..10)?.try_into().ok()?);
    let address: [u8; 16] = header.get(10..26)?.try_into().ok()?;
    let own = kind == LOC_RIB;
    let address = if !own && flags & IPV6 != 0 {
        IpAddr::V6(Ipv6Addr::from(address))
    } else {
        let [.., a, b, c, d] = address;
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    let counts = own || flags & OUT == 0;
    Some((counts.then_some(Peer { own, address, distinguisher }), flags, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_are_not_bmp_are_refused() {
        let error = |bytes: &[u8]| read(&mut &bytes[..]).unwrap_err().to_string();
        assert!(error(b"GET / HTTP/1.1\r\n").contains("version 71"));
        assert!(error(&[3, 0xff, 0xff, 0xff, 0xff, 0]).contains("4294967295 bytes; the limit is"));
        assert!(error(&[3, 0, 0, 0, 5, 0]).contains("5 bytes"));
        assert!(error(&[3, 0, 0]).contains("connection failed"));
        assert!(error(&[3, 0, 0, 0, 8, 0, 1, 2]).contains("ends within its headers"));
        assert_eq!(read(&mut &[][..]).unwrap(), None);
        assert_eq!(read(&mut &[3, 0, 0, 0, 6, 4][..]).unwrap(), Some(Message::Other));
    }
}
