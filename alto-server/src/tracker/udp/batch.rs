//! Packets that have arrived together, and their answers, which leave together.
//!
//! Whoever waits for several answers is then woken once, by the first of them, and not by each.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, sendmsg};

use super::destination::{self, Destination};

/// Greatest number of packets in a batch.
const PACKETS: usize = 32;
/// Longest packet that is read; longer ones are cut, and their options with them.
const MAX_PACKET: usize = 2048;

/// Packets that have arrived together.
pub(super) struct Batch {
    exchanges: Vec<Exchange>,
    /// Number of exchanges whose packet is of this batch.
    received: usize,
    /// Room for what the operating system says beside a packet.
    control: Vec<u8>,
}

/// Packet and its answer.
struct Exchange {
    packet: [u8; MAX_PACKET],
    length: usize,
    from: SocketAddr,
    to: Destination,
    /// Empty if there is none.
    answer: Vec<u8>,
}

impl Batch {
    pub(super) fn new() -> Self {
        let from = SocketAddr::from(([0; 4], 0));
        let exchange = || Exchange {
            packet: [0; MAX_PACKET],
            length: 0,
            from,
            to: Destination::OfSocket,
            answer: Vec::with_capacity(MAX_PACKET),
        };
        let exchanges = std::iter::repeat_with(exchange).take(PACKETS).collect();
        Self { exchanges, received: 0, control: destination::room() }
    }

    /// Waits for a packet, and takes those that have arrived after it.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.received = 0;
        let mut flags = MsgFlags::empty();
        for exchange in &mut self.exchanges {
            match exchange.receive(socket, &mut self.control, flags) {
                Ok(true) => {}
                Err(error) if self.received == 0 => return Err(error),
                // No further packet, or an ICMP error that some client caused.
                Ok(false) | Err(_) => break,
            }
            self.received += 1;
            flags = MsgFlags::MSG_DONTWAIT;
        }
        Ok(())
    }

    /// Writes the answers.
    pub(super) fn answer(&mut self, answer: impl Fn(&[u8], SocketAddr, &mut Vec<u8>)) {
        for exchange in &mut self.exchanges[..self.received] {
            exchange.answer.clear();
            answer(exchange.packet.get(..exchange.length).unwrap_or_default(), exchange.from, &mut exchange.answer);
        }
    }

    /// Sends the answers.
    pub(super) fn send(&self, socket: &UdpSocket) {
        for exchange in &self.exchanges[..self.received] {
            if !exchange.answer.is_empty() {
                exchange.send(socket);
            }
        }
    }
}

impl Exchange {
    /// Receives a packet. Returns whether it has an address.
    fn receive(&mut self, socket: &UdpSocket, control: &mut [u8], flags: MsgFlags) -> io::Result<bool> {
        let mut room = [IoSliceMut::new(&mut self.packet)];
        let received = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut room, Some(control), flags)?;
        (self.length, self.to) = (received.bytes, Destination::of(&received));
        let from = received.address.as_ref().and_then(socket_address);
        self.from = from.unwrap_or(self.from);
        Ok(from.is_some())
    }

    /// Sends the answer from the address that the packet came to, which may be one of several.
    fn send(&self, socket: &UdpSocket) {
        // A full buffer or an unreachable client: UDP clients ask again.
        let Some(source) = self.to.as_source() else {
            let _lost = socket.send_to(&self.answer, self.from);
            return;
        };
        let (answer, to) = ([IoSlice::new(&self.answer)], SockaddrStorage::from(self.from));
        let _lost = sendmsg(socket.as_raw_fd(), &answer, &[source], MsgFlags::empty(), Some(&to));
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let ipv4 = address.as_sockaddr_in().map(|address| SocketAddr::V4((*address).into()));
    ipv4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into())))
}
