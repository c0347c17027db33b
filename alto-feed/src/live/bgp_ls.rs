//! A passive BGP session that receives BGP-LS (RFC 9552) and sends nothing but what keeps it alive.
//!
//! Routers connect; a session that announces no routes cannot influence routing.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::routers;
use crate::bgp::link_state::Database;

/// Length of the header of a message, and largest length of a message (RFC 8654).
const HEADER: usize = 19;
const MAX_LENGTH: usize = 65_535;
/// Types of messages (RFC 4271 §4.1).
const OPEN: u8 = 1;
const NOTIFICATION: u8 = 3;
const KEEPALIVE: u8 = 4;
/// Proposed hold time in seconds.
const HOLD_TIME: u16 = 90;
/// AS number in the two-byte field of a speaker whose number needs four bytes (RFC 6793 §9).
const AS_TRANS: u16 = 23_456;

/// Settings of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// AS number of this speaker.
    pub asn: u32,
    /// BGP identifier of this speaker.
    pub identifier: Ipv4Addr,
}

/// A listener and the database it has received.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    database: Database,
    /// Number of the latest connection; an older one no longer counts.
    session: u64,
    /// Time of the latest update of the present session.
    latest: Option<Instant>,
}

impl Listener {
    /// Starts to listen to the routers in `sources`. The latest connection counts, and starts with an empty database.
    pub fn start(address: SocketAddr, sources: Vec<IpNet>, session: Session) -> io::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let database = Arc::clone(&shared);
        let serve = move |stream: &TcpStream, _| serve(stream, &session, &database);
        let address = routers::listen("bgp-ls", address, sources, serve)?;
        Ok(Self { address, shared })
    }

    /// Address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the database once no update has come for a while.
    pub fn database(&self, quiet: Duration, now: Instant) -> Option<Database> {
        let shared = lock(&self.shared);
        let is_settled = shared.latest.is_some_and(|latest| now.saturating_duration_since(latest) >= quiet);
        is_settled.then(|| shared.database.clone())
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one connection to its end, and returns the reason.
fn serve(stream: &TcpStream, session: &Session, shared: &Mutex<Shared>) -> String {
    receive(stream, session, shared).unwrap_or_else(|error| error.to_string())
}

fn receive(mut stream: &TcpStream, session: &Session, shared: &Mutex<Shared>) -> io::Result<String> {
    let longest = Some(Duration::from_secs(HOLD_TIME.into()));
    stream.set_read_timeout(longest)?;
    stream.set_write_timeout(longest)?;
    stream.write_all(&open(session))?;
    let theirs = read(&mut stream)?;
    if theirs.get(HEADER - 1) != Some(&OPEN) {
        return Ok("the first message is not an OPEN".to_owned());
    }
    let proposed = theirs.get(22..24).and_then(|bytes| bytes.try_into().ok()).map_or(HOLD_TIME, u16::from_be_bytes);
    let hold = hold_time(proposed);
    stream.set_read_timeout(hold)?;
    stream.write_all(&message(KEEPALIVE, &[]))?;
    let number = {
        let mut shared = lock(shared);
        shared.session += 1;
        (shared.database, shared.latest) = (Database::default(), None);
        shared.session
    };
    if let Some(hold) = hold {
        let mut alive = stream.try_clone()?;
        std::thread::Builder::new().name("bgp-ls-alive".to_owned()).spawn(move || {
            // Ends with the connection, which is closed when the session ends.
            while alive.write_all(&message(KEEPALIVE, &[])).is_ok() {
                std::thread::sleep(hold / 3);
            }
        })?;
    }
    loop {
        let received = read(&mut stream)?;
        if received.get(HEADER - 1) == Some(&NOTIFICATION) {
            return Ok("the router closed it with a notification".to_owned());
        }
        let mut shared = lock(shared);
        if shared.session != number {
            return Ok("a newer session replaces it".to_owned());
        }
        if let Err(error) = shared.database.apply(&received) {
            return Ok(error.to_string());
        }
        if received.get(HEADER - 1) != Some(&KEEPALIVE) {
            shared.latest = Some(Instant::now());
        }
    }
}

/// Returns the hold time of a session, a third of which may pass between signs of life, by what the router proposes. A router
/// that proposes zero gives none and wants none (RFC 4271 §4.2, §4.4).
fn hold_time(proposed: u16) -> Option<Duration> {
    (proposed > 0).then(|| Duration::from_secs(proposed.clamp(3, HOLD_TIME).into()))
}

/// Reads one message by the length in its header.
fn read(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    let (marker, rest) = header.split_at(16);
    let length = rest.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
    if marker.iter().any(|byte| *byte != 0xff) || !(HEADER..=MAX_LENGTH).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not BGP"));
    }
    let mut message = header.to_vec();
    message.resize(length, 0);
    stream.read_exact(message.get_mut(HEADER..).unwrap_or_default())?;
    Ok(message)
}

/// Returns an OPEN with the capabilities for BGP-LS and AS numbers of four bytes.
fn open(session: &Session) -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0x40, 0x04, 0, 71, 65, 4];
    capabilities.extend(session.asn.to_be_bytes());
    let mut body = vec![4];
    body.extend(u16::try_from(session.asn).unwrap_or(AS_TRANS).to_be_bytes());
    body.extend(HOLD_TIME.to_be_bytes());
    body.extend(session.identifier.octets());
    let length = u8::try_from(capabilities.len()).unwrap_or(0);
    body.extend([length + 2, 2, length]);
    body.extend(capabilities);
    message(OPEN, &body)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend(u16::try_from(HEADER + body.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.push(kind);
    message.extend(body);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_hold_time_counts_and_zero_is_none() {
        let seconds = [0, 1, 3, 30, 90, 180, u16::MAX].map(|proposed| hold_time(proposed).map(|hold| hold.as_secs()));
        assert_eq!(seconds, [None, Some(3), Some(3), Some(30), Some(90), Some(90), Some(90)]);
    }
}
