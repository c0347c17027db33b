//! PROXY protocol version 2: the address of a client, which a TCP proxy sends before everything else.
//!
//! Only proxies that the operator lists are asked for a header, and these must send one: if it were optional, whoever
//! speaks through a proxy that adds none could pretend to be anybody.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// First bytes of every header.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Greatest number of bytes after the fixed part: the longest addresses take 216, and the rest is additional information.
const MAX_REST: usize = 2048;

/// Reason why a connection of a TCP proxy cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("the connection does not begin with a PROXY protocol header of version 2; make the proxy send one")]
    Signature,
    #[error("the PROXY protocol header has an unknown {0}")]
    Unknown(&'static str),
    #[error("the PROXY protocol header has {0} bytes after its fixed part, more than {MAX_REST}")]
    TooLong(usize),
    #[error("the PROXY protocol header is too short for its addresses")]
    Cut,
    #[error("the PROXY protocol header did not arrive: {0}")]
    Read(#[from] io::Error),
}

/// Reads the header, and nothing after it. Returns the address of the client; none if the proxy connects for itself, to
/// see whether the server lives, or does not know the address.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, HeaderError> {
    let mut fixed = [0; 16];
    stream.read_exact(&mut fixed).await?;
    let [signature @ .., command, family, length_high, length_low] = fixed;
    if signature != SIGNATURE {
        return Err(HeaderError::Signature);
    }
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if length > MAX_REST {
        return Err(HeaderError::TooLong(length));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match command {
        0x20 => Ok(None),
        0x21 => source(family, &rest),
        _ => Err(HeaderError::Unknown("version or command")),
    }
}

/// Source in the addresses of a header: source and destination, then the ports of both.
fn source(family: u8, addresses: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
    match family {
        0x11 => {
            let (ip, port) = parts::<4>(addresses)?;
            Ok(Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port)))
        }
        0x21 => {
            let (ip, port) = parts::<16>(addresses)?;
            Ok(Some(SocketAddr::new(Ipv6Addr::from(ip).into(), port)))
        }
        // Unspecified, datagrams and Unix sockets.
        0x00..=0x02 | 0x10 | 0x12 | 0x20 | 0x22 | 0x30..=0x32 => Ok(None),
        _ => Err(HeaderError::Unknown("address family or transport")),
    }
}

/// Address and port of the source, where an address has `N` bytes.
fn parts<const N: usize>(addresses: &[u8]) -> Result<([u8; N], u16), HeaderError> {
    let (source, rest) = addresses.split_first_chunk::<N>().ok_or(HeaderError::Cut)?;
    let (_destination, ports) = rest.split_first_chunk::<N>().ok_or(HeaderError::Cut)?;
    let (port, rest) = ports.split_first_chunk::<2>().ok_or(HeaderError::Cut)?;
    let _destination = rest.first_chunk::<2>().ok_or(HeaderError::Cut)?;
    Ok((*source, u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// Result, and the bytes that were not read. A slice is always ready.
    fn read_from(mut bytes: &[u8]) -> (Result<Option<SocketAddr>, HeaderError>, &[u8]) {
        let result = read(&mut bytes).now_or_never().unwrap();
        (result, bytes)
    }

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
    }

    fn of(source: SocketAddr) -> Vec<u8> {
        let mut rest = Vec::new();
        let family = match source.ip() {
            IpAddr::V4(ip) => {
                rest.extend([ip.octets(), [192, 0, 2, 1]].concat());
                0x11
            }
            IpAddr::V6(ip) => {
                rest.extend([ip.octets(), [7; 16]].concat());
                0x21
            }
        };
        rest.extend([source.port().to_be_bytes(), [0, 80]].concat());
        header(0x21, family, &rest)
    }

    #[test]
    fn a_proxy_that_connects_for_itself_has_no_client() {
        for bytes in
            [header(0x20, 0x11, &[0; 12]), header(0x20, 0, &[]), header(0x21, 0, &[]), header(0x21, 0x31, &[0; 216])]
        {
            assert!(matches!(read_from(&bytes), (Ok(None), [])), "{bytes:?}");
        }
    }

    #[test]
    fn headers_that_are_unknown_cut_or_too_long_are_refused() {
        let text = b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\nGET / HTTP/1.1\r\n\r\n";
        assert!(matches!(read_from(text).0, Err(HeaderError::Signature)));
        assert!(matches!(read_from(&header(0x11, 0x11, &[0; 12])).0, Err(HeaderError::Unknown(_))));
        assert!(matches!(read_from(&header(0x22, 0x11, &[0; 12])).0, Err(HeaderError::Unknown(_))));
        assert!(matches!(read_from(&header(0x21, 0x41, &[0; 12])).0, Err(HeaderError::Unknown(_))));
        assert!(matches!(read_from(&header(0x21, 0x13, &[0; 12])).0, Err(HeaderError::Unknown(_))));
        assert!(matches!(read_from(&header(0x21, 0x11, &[0; 11])).0, Err(HeaderError::Cut)));
        assert!(matches!(read_from(&header(0x21, 0x21, &[0; 35])).0, Err(HeaderError::Cut)));
        let long = header(0x21, 0x11, &[0; MAX_REST + 1]);
        let (result, unread) = read_from(&long);
        assert!(matches!(result, Err(HeaderError::TooLong(_))) && unread.len() == MAX_REST + 1);
        assert!(matches!(read_from(&header(0x21, 0x11, &[0; 12])[..27]).0, Err(HeaderError::Read(_))));
    }

    proptest! {
        #[test]
        fn the_source_is_read_and_nothing_after_the_header(
            ip: IpAddr, port: u16, information in prop::collection::vec(any::<u8>(), 0..300), request: Vec<u8>,
        ) {
            let source = SocketAddr::new(ip, port);
            let mut bytes = of(source);
            bytes.extend(&information);
            let length = u16::try_from(bytes.len() - 16).unwrap().to_be_bytes();
            bytes[14..16].copy_from_slice(&length);
            bytes.extend(&request);
            let (result, unread) = read_from(&bytes);
            prop_assert_eq!(result.unwrap(), Some(source));
            prop_assert_eq!(unread, request);
        }

        #[test]
        fn any_bytes_are_read_or_refused(signed: bool, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let bytes = if signed { [SIGNATURE.as_slice(), &bytes].concat() } else { bytes };
            let _read = read_from(&bytes);
        }
    }
}
