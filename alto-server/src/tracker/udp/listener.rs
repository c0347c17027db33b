//! Sockets of the UDP tracker, and threads that answer packets.
//!
//! Packets are answered on threads of their own, at most half as many as there are cores, so that a flood of them leaves
//! the event loop, which answers ALTO clients, the other half.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alto_types::tracker::udp::{UdpAction, UdpAnswer, UdpRequest};

use super::connection_id::ConnectionIds;
use crate::listening;
use crate::tracker::meters::Transport;
use crate::tracker::refusal::Refused;
use crate::tracker::service::{Caller, Tracker};

/// Longest packet that is read; longer ones are cut, and their options with them.
const MAX_PACKET: usize = 2048;
/// Buffer of the operating system for packets that wait, in bytes.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// Interval at which a thread without packets looks whether it is to stop.
const STOP_POLL: Duration = Duration::from_millis(200);

/// Threads that answer on one address.
pub(crate) struct UdpListener {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Answers packets, whatever socket they come from.
struct Responder {
    tracker: Arc<Tracker>,
    ids: ConnectionIds,
}

impl UdpListener {
    /// Listens on an address.
    pub(crate) fn start(address: SocketAddr, tracker: &Arc<Tracker>) -> io::Result<Self> {
        let socket = listening::udp(address)?;
        // The operating system may grant less.
        socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_read_timeout(Some(STOP_POLL))?;
        let address = socket.local_addr()?;
        let responder =
            Responder { tracker: Arc::clone(tracker), ids: ConnectionIds::new(&mut rand::rng(), Instant::now()) };
        let (responder, stop) = (Arc::new(responder), Arc::new(AtomicBool::new(false)));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut threads = Vec::new();
        for _ in 0..(cores / 2).max(1) {
            let (socket, responder, stop) = (socket.try_clone()?, Arc::clone(&responder), Arc::clone(&stop));
            let serve = move || serve(&socket, &responder, &stop);
            threads.push(std::thread::Builder::new().name("tracker-udp".to_owned()).spawn(serve)?);
        }
        Ok(Self { address, stop, threads })
    }

    /// Address that the socket has.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the threads, and waits until they have.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _panicked = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, responder: &Responder, stop: &AtomicBool) {
    let (mut packet, mut answer) = ([0; MAX_PACKET], Vec::with_capacity(MAX_PACKET));
    while !stop.load(Ordering::Relaxed) {
        match socket.recv_from(&mut packet) {
            Ok((length, from)) => {
                answer.clear();
                responder.answer(packet.get(..length).unwrap_or_default(), from, Instant::now(), &mut answer);
                if !answer.is_empty() {
                    // A full buffer or an unreachable client: UDP clients ask again.
                    let _lost = socket.send_to(&answer, from);
                }
            }
            // A time-out, after which to look whether to stop, or an ICMP error that some client caused.
            Err(error) => tracing::trace!(%error, "no packet"),
        }
    }
}

impl Responder {
    /// Writes the answer to a packet; none if it deserves none.
    fn answer(&self, packet: &[u8], from: SocketAddr, now: Instant, out: &mut Vec<u8>) {
        let Ok(UdpRequest { transaction, action }) = UdpRequest::parse(packet) else {
            self.tracker.meters.dropped();
            return;
        };
        let (client, ipv6) = (from.ip().to_canonical(), from.ip().to_canonical().is_ipv6());
        let connection = match &action {
            UdpAction::Connect => {
                self.tracker.meters.connected();
                return UdpAnswer::Connected(self.ids.issue(client, now)).write(transaction, ipv6, out);
            }
            UdpAction::Announce { connection, .. } | UdpAction::Scrape { connection, .. } => *connection,
        };
        // Whoever cannot receive at the address that it gives learns nothing, and sends nobody anything.
        if !self.ids.is_valid(connection, client, now) {
            self.tracker.meters.dropped();
            return;
        }
        let answer = self.reply(&action, client).unwrap_or_else(|refused| {
            // A refusal fits into what was sent, so that refusing amplifies nothing even for a proved address.
            let mut reason = refused.to_string();
            reason.truncate(reason.floor_char_boundary(packet.len().saturating_sub(8)));
            UdpAnswer::Failed(reason)
        });
        answer.write(transaction, ipv6, out);
    }

    fn reply(&self, action: &UdpAction, client: IpAddr) -> Result<UdpAnswer, Refused> {
        let caller = |passkey| Caller { address: client, passkey, transport: Transport::Udp };
        match action {
            UdpAction::Announce { announce, path, .. } => {
                let answer = self.tracker.announce(announce, &caller(passkey(path)))?;
                let (interval, complete, incomplete) = (answer.interval, answer.complete, answer.incomplete);
                Ok(UdpAnswer::Announced { interval, incomplete, complete, peers: answer.peers })
            }
            UdpAction::Scrape { infohashes, .. } => {
                self.tracker.scrape(infohashes, &caller(None)).map(UdpAnswer::Scraped)
            }
            UdpAction::Connect => Ok(UdpAnswer::Failed(String::new())),
        }
    }
}

/// Passkey in the path of a tracker's URI (BEP 41): the segment before the last, as in `/KEY/announce`.
fn passkey(path: &[u8]) -> Option<&str> {
    let path = std::str::from_utf8(path).ok()?.split('?').next()?;
    let (before, _) = path.trim_end_matches('/').rsplit_once('/')?;
    let key = before.rsplit('/').next()?;
    (!key.is_empty() && key != "tracker").then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passkey_is_the_segment_before_the_last() {
        for (path, key) in [
            ("/KEY/announce", Some("KEY")),
            ("/tracker/KEY/announce/?a=/b/c", Some("KEY")),
            ("/tracker/announce", None),
            ("/announce", None),
            ("announce", None),
            ("", None),
        ] {
            assert_eq!(passkey(path.as_bytes()), key, "{path}");
        }
    }
}
