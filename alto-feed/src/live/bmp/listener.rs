//! The listener that routers connect to. BMP has no authentication, so only listed sources are served.

use std::io::{self, BufReader};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use command_line::note;
use ipnet::IpNet;

use super::super::routers;
use super::message::{self, Message, MessageError};
use super::rib::{Rib, Session};

/// Time without a byte after which a connection is given up; routers send statistics every few seconds to minutes.
const IDLE: Duration = Duration::from_mins(10);
/// Largest number of messages of one connection that cannot be decoded.
const MAX_ERRORS: usize = 1000;

/// A listener and the routes it has received.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    rib: Arc<Mutex<Rib>>,
}

/// Open connection of a router, which ends when this is dropped.
struct Connected<'a> {
    rib: &'a Mutex<Rib>,
    session: Session,
}

impl Listener {
    /// Starts to listen. Each listed source may tell at most `limit` routes.
    pub fn start(address: SocketAddr, sources: Vec<IpNet>, limit: usize) -> io::Result<Self> {
        let rib = Arc::new(Mutex::new(Rib::new(limit)));
        let routes = Arc::clone(&rib);
        let serve = move |stream: &TcpStream, router| serve(stream, router, &routes);
        let address = routers::listen("bmp", address, sources, serve)?;
        Ok(Self { address, rib })
    }

    /// Address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Locks the routes.
    pub fn rib(&self) -> MutexGuard<'_, Rib> {
        lock(&self.rib)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        lock(self.rib).disconnected(self.session);
    }
}

fn lock(rib: &Mutex<Rib>) -> MutexGuard<'_, Rib> {
    rib.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves one connection to its end, and returns the reason.
fn serve(stream: &TcpStream, router: IpAddr, rib: &Mutex<Rib>) -> String {
    if let Err(error) = stream.set_read_timeout(Some(IDLE)) {
        return error.to_string();
    }
    let connected = lock(rib).connected(router, Instant::now());
    let connected = match connected {
        Ok(session) => Connected { rib, session },
        Err(full) => return full.to_string(),
    };
    note!("alto-feed: bmp: {router} has connected");
    receive(&mut BufReader::new(stream), &connected)
}

/// Receives messages until the connection ends, and returns the reason.
fn receive(stream: &mut impl io::Read, connected: &Connected<'_>) -> String {
    let Connected { rib, session } = *connected;
    let mut errors = 0;
    loop {
        match message::read(stream) {
            Ok(None) => return "the router closed it".to_owned(),
            Ok(Some(Message::Termination)) => return "the router said so".to_owned(),
            Ok(Some(Message::Other)) => {}
            Ok(Some(Message::PeerDown(peer))) => lock(rib).peer_down(session, peer),
            Ok(Some(Message::Routes(peer, update))) => {
                if let Err(full) = lock(rib).apply(session, peer, update, Instant::now()) {
                    return full.to_string();
                }
            }
            Err(error @ (MessageError::Connection(_) | MessageError::Framing(_))) => return error.to_string(),
            Err(error) => {
                errors += 1;
                if errors > MAX_ERRORS {
                    return format!("too many messages cannot be decoded, the last one because: {error}");
                }
            }
        }
    }
}
