//! Sockets of the UDP tracker, and threads that answer packets.
//!
//! Packets are answered on threads of their own, at most half as many as there are cores, so that a flood of them leaves
//! the event loop, which answers ALTO clients, the other half. The threads have the priority of the others: packets that
//! are not read in time are lost, those of other clients among them.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alto_registry::origin::Origin;
use alto_types::tracker::udp::{UdpAction, UdpAnswer, UdpRequest};

use super::allowance::Allowance;
use super::batch::Batch;
use super::connection_id::ConnectionIds;
use super::destination;
use crate::listening;
use crate::tracker::meters::Transport;
use crate::tracker::refusal::Refused;
use crate::tracker::service::{Caller, Tracker};

/// Buffer of the operating system for packets that wait, in bytes.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// Interval at which a thread without packets looks whether it is to stop.
const STOP_POLL: Duration = Duration::from_millis(200);
/// Pause after an error of the socket, which may last.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

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
    allowance: Allowance,
}

/// What packets of an address are counted for. Those with a valid connection ID are not forged, so that forged ones do
/// not use up their allowance.
#[derive(Hash)]
enum Counted {
    Connect(Origin),
    Proved(Origin),
}

impl UdpListener {
    /// Listens on an address.
    pub(crate) fn start(address: SocketAddr, tracker: &Arc<Tracker>) -> io::Result<Self> {
        let socket = listening::udp(address)?;
        destination::report(&socket)?;
        // The operating system may grant less.
        socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_read_timeout(Some(STOP_POLL))?;
        let address = socket.local_addr()?;
        let start = Instant::now();
        let responder = Arc::new(Responder {
            tracker: Arc::clone(tracker),
            ids: ConnectionIds::new(&mut rand::rng(), start),
            allowance: Allowance::new(tracker.udp_rate(), start),
        });
        let stop = Arc::new(AtomicBool::new(false));
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
    let mut batch = Batch::new();
    while !stop.load(Ordering::Relaxed) {
        match batch.receive(socket) {
            Ok(()) => {
                let now = Instant::now();
                batch.answer(|packet, from, answer| {
                    let answering = AssertUnwindSafe(|| responder.answer(packet, from, now, &mut *answer));
                    // A packet that the program fails on must not end the thread that answers all others.
                    if panic::catch_unwind(answering).is_err() {
                        answer.clear();
                        tracing::error!("a packet for the tracker could not be handled");
                    }
                });
                batch.send(socket);
            }
            // A time-out, after which to look whether to stop.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => {
                tracing::trace!(%error, "no packet");
                std::thread::sleep(ERROR_PAUSE);
            }
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
        let counted = match &action {
            UdpAction::Connect => Counted::Connect(Origin::of(client)),
            UdpAction::Announce { connection, .. } | UdpAction::Scrape { connection, .. } => {
                // Whoever cannot receive at the address that it gives learns nothing, and sends nobody anything.
                if !self.ids.is_valid(*connection, client, now) {
                    self.tracker.meters.dropped();
                    return;
                }
                Counted::Proved(Origin::of(client))
            }
        };
        if !self.allowance.admits(counted, now) {
            self.tracker.meters.limited();
            return;
        }
        if action == UdpAction::Connect {
            self.tracker.meters.connected();
            return UdpAnswer::Connected(self.ids.issue(client, now)).write(transaction, ipv6, out);
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
