//! The listener that routers connect to. BMP has no authentication, so only listed sources are served.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;

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
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rib: Mutex<Rib>,
    sources: Vec<IpNet>,
    /// The connection of each router, which a new one of the same router replaces.
    connections: Mutex<HashMap<IpAddr, TcpStream>>,
}

impl Listener {
    /// Starts to listen. Each listed source may tell at most `limit` routes.
    pub fn start(address: SocketAddr, sources: Vec<IpNet>, limit: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { rib: Mutex::new(Rib::new(limit)), sources, connections: Mutex::default() });
        let accepting = Arc::clone(&shared);
        std::thread::Builder::new().name("bmp".to_owned()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { address, shared })
    }

    /// Address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Locks the routes.
    pub fn rib(&self) -> MutexGuard<'_, Rib> {
        self.shared.rib()
    }
}

impl Shared {
    fn rib(&self) -> MutexGuard<'_, Rib> {
        self.rib.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<IpAddr, TcpStream>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let Ok((stream, from)) = listener.accept() else {
            // Too many open files, for example, which others may close.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        let router = from.ip().to_canonical();
        if !shared.sources.iter().any(|source| source.contains(&router)) {
            eprintln!("alto-feed: bmp: {router} is not among the sources and was refused");
            continue;
        }
        let shared = Arc::clone(shared);
        let serve = move || serve(stream, router, &shared);
        if let Err(error) = std::thread::Builder::new().name(format!("bmp-{router}")).spawn(serve) {
            eprintln!("alto-feed: bmp: {router} cannot be served: {error}");
        }
    }
}

/// Serves one connection to its end.
fn serve(stream: TcpStream, router: IpAddr, shared: &Shared) {
    let prepared = stream.set_read_timeout(Some(IDLE)).and_then(|()| stream.try_clone());
    let Ok(kept) = prepared else { return };
    let session = match shared.rib().connected(router, Instant::now()) {
        Ok(session) => session,
        Err(error) => return eprintln!("alto-feed: bmp: {router} was refused: {error}"),
    };
    if let Some(old) = shared.connections().insert(router, kept) {
        let _closed_already = old.shutdown(Shutdown::Both);
    }
    eprintln!("alto-feed: bmp: {router} has connected");
    // A message that the library panics on ends one connection only.
    let received = panic::catch_unwind(AssertUnwindSafe(|| receive(&mut BufReader::new(stream), session, shared)));
    let reason = received.unwrap_or_else(|_| "a message could not be handled".to_owned());
    shared.rib().disconnected(session);
    eprintln!("alto-feed: bmp: the connection of {router} ended: {reason}");
}

/// Receives messages until the connection ends, and returns the reason.
fn receive(stream: &mut impl io::Read, session: Session, shared: &Shared) -> String {
    let mut errors = 0;
    loop {
        match message::read(stream) {
            Ok(None) => return "the router closed it".to_owned(),
            Ok(Some(Message::Termination)) => return "the router said so".to_owned(),
            Ok(Some(Message::Other)) => {}
            Ok(Some(Message::PeerDown(peer))) => shared.rib().peer_down(session, peer),
            Ok(Some(Message::Routes(peer, update))) => {
                if let Err(full) = shared.rib().apply(session, peer, update, Instant::now()) {
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
