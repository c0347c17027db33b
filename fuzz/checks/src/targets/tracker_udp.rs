//! Checks that any packet is refused, or says the same once it was written again.

use std::net::SocketAddr;

use alto_types::tracker::udp::{UdpAction, UdpAnswer, UdpRequest};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Ok(request) = UdpRequest::parse(bytes) {
        assert_eq!(UdpRequest::parse(&request.to_bytes()).as_ref(), Ok(&request));
        if let UdpAction::Announce { announce, path, .. } = &request.action {
            crate::fault(|| path.starts_with(b"/a") && announce.left == Some(0));
        }
    }
    for ipv6 in [false, true] {
        if let Ok((transaction, answer)) = UdpAnswer::parse(bytes, ipv6) {
            // A packet has peers of one family, and an IPv4-mapped address is of the other one.
            let is_of_family = |peer: &SocketAddr| peer.ip().to_canonical().is_ipv6() == ipv6;
            if matches!(&answer, UdpAnswer::Announced { peers, .. } if !peers.iter().all(is_of_family)) {
                continue;
            }
            let mut written = Vec::new();
            answer.write(transaction, ipv6, &mut written);
            assert_eq!(UdpAnswer::parse(&written, ipv6).as_ref(), Ok(&(transaction, answer)));
        }
    }
}
