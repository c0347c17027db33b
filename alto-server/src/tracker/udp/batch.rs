//! Packets that have arrived together, and their answers, which leave together.
//!
//! Whoever waits for several answers is then woken once, by the first of them, and not by each.

use std::net::{SocketAddr, UdpSocket};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recvfrom};

/// Greatest number of packets in a batch.
const PACKETS: usize = 32;
/// Longest packet that is read; longer ones are cut, and their options with them.
const MAX_PACKET: usize = 2048;

/// Packets that have arrived together.
pub(super) struct Batch {
    exchanges: Vec<Exchange>,
    /// Number of exchanges whose packet is of this batch.
    received: usize,
}

/// Packet and its answer.
struct Exchange {
    packet: [u8; MAX_PACKET],
    length: usize,
    from: SocketAddr,
    /// Empty if there is none.
    answer: Vec<u8>,
}

impl Batch {
    pub(super) fn new() -> Self {
        let from = SocketAddr::from(([0; 4], 0));
        let exchange = || Exchange { packet: [0; MAX_PACKET], length: 0, from, answer: Vec::with_capacity(MAX_PACKET) };
        Self { exchanges: std::iter::repeat_with(exchange).take(PACKETS).collect(), received: 0 }
    }

    /// Waits for a packet, and takes those that have arrived after it.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> Result<(), Errno> {
        self.received = 0;
        let mut flags = RecvFlags::empty();
        for exchange in &mut self.exchanges {
            let (length, from) = match recvfrom(socket, &mut exchange.packet, flags) {
                Ok((length, _, from)) => (length, from),
                Err(error) if self.received == 0 => return Err(error),
                // No further packet, or an ICMP error that some client caused.
                Err(_) => break,
            };
            let Some(Ok(from)) = from.map(SocketAddr::try_from) else { break };
            (exchange.length, exchange.from) = (length, from);
            self.received += 1;
            flags = RecvFlags::DONTWAIT;
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
        for Exchange { from, answer, .. } in &self.exchanges[..self.received] {
            if !answer.is_empty() {
                // A full buffer or an unreachable client: UDP clients ask again.
                let _lost = socket.send_to(answer, from);
            }
        }
    }
}
