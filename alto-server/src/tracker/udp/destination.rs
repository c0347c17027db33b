//! The address that a packet was sent to, from which its answer has to leave.
//!
//! On a socket of all addresses the operating system would choose one by the route to the client, and a client drops an
//! answer from another address than the one that it asked.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};

use nix::cmsg_space;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, RecvMsg, SockaddrStorage, setsockopt};

/// Address that a packet was sent to.
#[derive(Clone, Copy)]
pub(super) enum Destination {
    /// The only one that the socket has.
    OfSocket,
    Ipv4(in_pktinfo),
    Ipv6(in6_pktinfo),
}

/// Makes a socket tell where its packets were sent to, if it has more than one address.
pub(super) fn report(socket: &UdpSocket) -> io::Result<()> {
    match socket.local_addr()? {
        address if !address.ip().is_unspecified() => {}
        SocketAddr::V4(_) => setsockopt(socket, Ipv4PacketInfo, &true)?,
        SocketAddr::V6(_) => setsockopt(socket, Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

/// Room for the report of one packet, of either family.
pub(super) fn room() -> Vec<u8> {
    cmsg_space!(in6_pktinfo)
}

impl Destination {
    /// Destination of a packet as it was received.
    pub(super) fn of(received: &RecvMsg<'_, '_, SockaddrStorage>) -> Self {
        let reported = received.cmsgs().into_iter().flatten().find_map(|message| match message {
            // Without the interface, so that the answer takes the route that any other packet to the client does.
            ControlMessageOwned::Ipv4PacketInfo(info) => Some(Self::Ipv4(in_pktinfo { ipi_ifindex: 0, ..info })),
            // An address of one link means nothing without it.
            ControlMessageOwned::Ipv6PacketInfo(info) if is_of_one_link(&info) => Some(Self::Ipv6(info)),
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(Self::Ipv6(in6_pktinfo { ipi6_ifindex: 0, ..info })),
            _ => None,
        });
        reported.unwrap_or(Self::OfSocket)
    }

    /// Makes the destination the source of an answer.
    pub(super) fn as_source(&self) -> Option<ControlMessage<'_>> {
        match self {
            Self::OfSocket => None,
            Self::Ipv4(info) => Some(ControlMessage::Ipv4PacketInfo(info)),
            Self::Ipv6(info) => Some(ControlMessage::Ipv6PacketInfo(info)),
        }
    }
}

fn is_of_one_link(info: &in6_pktinfo) -> bool {
    Ipv6Addr::from(info.ipi6_addr.s6_addr).is_unicast_link_local()
}
