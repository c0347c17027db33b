//! The HTTP/1.1 server of a peer: what other peers fetch from, in threads of its own.
//!
//! Content goes out under three limits: so many uploads at a time, given out in turns by address ([`turns`]), at one
//! common rate ([`pace`]), and with a bound on what one connection holds in memory ([`upload`]).

mod accept;
mod pace;
mod problem;
mod range;
mod routes;
mod turns;
mod upload;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use accept::ConnectionLimits;
use pace::Pace;
use routes::Peer;
use turns::{TurnLimits, Turns};
use upload::Uplink;

use crate::content::Library;

/// Uploads at a time unless told otherwise.
pub const DEFAULT_UPLOADS: usize = 8;

/// How a peer serves.
#[derive(Clone, Debug)]
pub struct ServingSettings {
    /// Where; port 0 picks a free one.
    pub address: SocketAddr,
    /// Bytes per second over all uploads; no limit if absent.
    pub upload_rate: Option<u64>,
    /// Uploads at a time.
    pub uploads: usize,
    /// How long it waits for others.
    pub patience: Patience,
}

/// How long a server waits, for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request; also, for the next request on a connection.
    pub head: Duration,
    /// For a client to take a chunk of what is sent to it.
    pub chunk: Duration,
    /// For a request to get its turn, before it is told to ask again.
    pub turn: Duration,
}

/// A server that runs until it is dropped.
pub struct Serving {
    address: SocketAddr,
    peer: Arc<Peer>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a server does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Uploads under way.
    pub uploads: usize,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// Bytes sent so far.
    pub sent: u64,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The address is taken, or not ours.
    #[error("{address}: cannot be listened on: {source}; choose another with --address and --port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No threads, or no descriptors.
    #[error("the server cannot start: {0}")]
    System(#[from] io::Error),
}

/// Threads that run the connections.
const WORKERS: usize = 2;
/// Requests of one address that may wait for their turn.
const WAITING_PER_ADDRESS: usize = 16;
/// Requests that may wait for their turn in all.
const WAITING: usize = 512;
/// Connections at a time. With a file for each upload, this stays below the usual limit of 1024 descriptors.
const CONNECTIONS: usize = 640;
/// Connections of one address.
const CONNECTIONS_PER_ADDRESS: usize = 128;
/// Time that connections get to finish at the end.
const DRAIN: Duration = Duration::from_secs(2);

impl Default for Patience {
    /// A chunk in that time is 4 KB/s.
    fn default() -> Self {
        Self { head: Duration::from_secs(30), chunk: Duration::from_mins(1), turn: Duration::from_secs(20) }
    }
}

impl Serving {
    /// Listens, and serves what the library shares from then on.
    pub fn start(settings: &ServingSettings, library: Arc<Library>) -> Result<Self, ServingError> {
        let listener =
            listen(settings.address).map_err(|source| ServingError::Listen { address: settings.address, source })?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let turns = Turns::new(TurnLimits {
            at_a_time: settings.uploads,
            waiting_per_address: WAITING_PER_ADDRESS,
            waiting: WAITING,
            patience: settings.patience.turn,
        });
        let pace = Pace::new(settings.upload_rate);
        let uplink = Arc::new(Uplink { pace, patience: settings.patience.chunk, sent: AtomicU64::new(0) });
        let limits = ConnectionLimits {
            connections: CONNECTIONS,
            per_address: CONNECTIONS_PER_ADDRESS,
            head: settings.patience.head,
            unacknowledged: settings.patience.chunk,
            drain: DRAIN,
        };
        let peer = Arc::new(Peer { library, turns, uplink, stopping: stopping.clone() });
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            // One read at a time for each upload, and a few files being opened.
            .max_blocking_threads(settings.uploads.clamp(1, 64) + 4)
            .thread_name("serving")
            .enable_all()
            .build()?;
        let served = Arc::clone(&peer);
        let thread = std::thread::Builder::new().name("serving".to_owned()).spawn(move || {
            run(&runtime, listener, &served, limits, stopping);
        })?;
        Ok(Self { address, peer, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does at present.
    pub fn load(&self) -> Load {
        let (uploads, waiting) = self.peer.turns.load();
        Load { uploads, waiting, sent: self.peer.uplink.sent.load(Ordering::Relaxed) }
    }

    /// Accepts nothing more, and lets uploads go on for a moment. Dropping does the same.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(
    runtime: &Runtime,
    listener: std::net::TcpListener,
    peer: &Arc<Peer>,
    limits: ConnectionLimits,
    stopping: watch::Receiver<bool>,
) {
    runtime.block_on(async {
        match TcpListener::from_std(listener) {
            Ok(listener) => accept::serve(listener, routes::routes(peer), limits, stopping).await,
            Err(error) => tracing::error!(%error, "the server cannot start"),
        }
    });
}

/// Listens on an address; `::` takes IPv4, too.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A peer that starts again listens at once, although connections of the one before linger.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}
