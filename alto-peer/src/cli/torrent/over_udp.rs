//! Announcements over UDP (BEP 15), with the path of the URL as an option (BEP 41).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use alto_types::tracker::announce::{AnnounceAnswer, AnnounceRequest, Failure};
use alto_types::tracker::udp::{UdpAction, UdpAnswer, UdpRequest};
use rand::RngExt;

use super::error::AskError;

/// Time after which a packet is sent again. BEP 15 has 15 s, for a tracker that is far and busy.
const RESEND: Duration = Duration::from_secs(3);
/// Longest answer that is read.
const MAX_ANSWER: usize = 8192;

/// Connection to a tracker.
struct Connection {
    socket: UdpSocket,
    ipv6: bool,
    deadline: Instant,
}

/// Announces to the tracker at `HOST:PORT/PATH`.
pub(super) fn announce(
    url: &str,
    rest: &str,
    request: &AnnounceRequest,
    timeout: Duration,
) -> Result<AnnounceAnswer, AskError> {
    let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let no_answer = |error: io::Error| AskError::no_answer(url, error);
    let address = host.to_socket_addrs().map_err(no_answer)?.next();
    let address = address.ok_or_else(|| AskError::no_answer(url, "the host has no address"))?;
    let connection = Connection::open(address, timeout).map_err(no_answer)?;
    let unexpected = || AskError::no_answer(url, "it answers with something else");
    let refused = |reason| AskError::refused(url, Failure { reason, retry: None });
    let id = match connection.ask(UdpAction::Connect).map_err(no_answer)? {
        UdpAnswer::Connected(id) => id,
        UdpAnswer::Failed(reason) => return Err(refused(reason)),
        _ => return Err(unexpected()),
    };
    let action = UdpAction::Announce { connection: id, announce: request.clone(), path: path.as_bytes().to_vec() };
    match connection.ask(action).map_err(no_answer)? {
        UdpAnswer::Announced { interval, incomplete, complete, peers } => {
            Ok(AnnounceAnswer { interval, min_interval: 0, complete, incomplete, external: None, peers })
        }
        UdpAnswer::Failed(reason) => Err(refused(reason)),
        _ => Err(unexpected()),
    }
}

impl Connection {
    fn open(tracker: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let local: SocketAddr =
            if tracker.is_ipv6() { (Ipv6Addr::UNSPECIFIED, 0).into() } else { (Ipv4Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(local)?;
        socket.connect(tracker)?;
        Ok(Self { socket, ipv6: tracker.is_ipv6(), deadline: Instant::now() + timeout })
    }

    /// Sends a request until it is answered or the time is over.
    fn ask(&self, action: UdpAction) -> io::Result<UdpAnswer> {
        let request = UdpRequest { transaction: rand::rng().random(), action };
        let (packet, mut answer) = (request.to_bytes(), [0; MAX_ANSWER]);
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer in time"));
            }
            self.socket.send(&packet)?;
            self.socket.set_read_timeout(Some(left.min(RESEND)))?;
            match self.socket.recv(&mut answer) {
                Ok(length) => {
                    let packet = answer.get(..length).unwrap_or_default();
                    // Late answers to earlier requests, and answers of nobody in particular, are passed over.
                    if let Ok((transaction, answer)) = UdpAnswer::parse(packet, self.ipv6)
                        && transaction == request.transaction
                    {
                        return Ok(answer);
                    }
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
