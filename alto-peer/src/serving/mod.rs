//! The HTTP/1.1 server of a peer, which other peers download from. It runs in threads of its own.
//!
//! Uploads have three limits: on their number at a time, with a fair queue ([`upload_queue`]); on the rate of all together
//! ([`rate_limiter`]); and on the memory that each connection takes ([`upload`]).

mod accept;
mod problem;
mod range;
mod rate_limiter;
mod routes;
mod upload;
mod upload_queue;

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
use rate_limiter::RateLimiter;
use routes::Context;
use upload::Uploader;
use upload_queue::{QueueLimits, UploadQueue};

use crate::content::Library;

/// Default number of uploads at a time.
pub const DEFAULT_UPLOADS: usize = 8;

/// Settings of the server.
#[derive(Clone, Debug)]
pub struct ServingSettings {
    /// Address and port to listen on; port 0 picks a free one.
    pub address: SocketAddr,
    /// Maximum rate of all uploads together, in bytes per second; unlimited if absent.
    pub upload_rate: Option<u64>,
    /// Maximum number of uploads at a time.
    pub uploads: usize,
    /// Times that clients are given.
    pub patience: Patience,
}

/// Times that clients are given before they are disconnected or refused.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Time for the head of a request, and until the next request on a connection.
    pub head: Duration,
    /// Time to read one chunk of what is sent.
    pub chunk: Duration,
    /// Time that a request waits for an upload before it is refused.
    pub queue: Duration,
}

/// A running server, stopped when it is dropped.
pub struct Serving {
    address: SocketAddr,
    context: Arc<Context>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Present load of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Number of uploads in progress.
    pub uploads: usize,
    /// Number of requests that wait for an upload.
    pub waiting: usize,
    /// Number of bytes sent so far.
    pub sent: u64,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The address is in use, or is not one of this host.
    #[error("{address}: cannot listen: {source}; choose another address with --address and --port")]
    Listen {
        /// Address and port.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The operating system has no threads or file descriptors left.
    #[error("the server cannot start: {0}")]
    System(#[from] io::Error),
}

/// Number of threads that serve connections.
const WORKERS: usize = 2;
/// Maximum number of waiting requests per address.
const WAITING_PER_ADDRESS: usize = 16;
/// Maximum number of waiting requests in all.
const WAITING: usize = 512;
/// Maximum number of connections. With an open file per upload, this is below the usual limit of 1024 descriptors.
const CONNECTIONS: usize = 640;
/// Maximum number of connections per address.
const CONNECTIONS_PER_ADDRESS: usize = 128;
/// Time for connections to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(2);

impl Default for Patience {
    /// The defaults; a chunk per minute is 4 KB/s.
    fn default() -> Self {
        Self { head: Duration::from_secs(30), chunk: Duration::from_mins(1), queue: Duration::from_secs(20) }
    }
}

impl Serving {
    /// Listens, and serves the files that the library shares, now and later.
    pub fn start(settings: &ServingSettings, library: Arc<Library>) -> Result<Self, ServingError> {
        let listener =
            listen(settings.address).map_err(|source| ServingError::Listen { address: settings.address, source })?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let queue = UploadQueue::new(QueueLimits {
            uploads: settings.uploads,
            waiting_per_address: WAITING_PER_ADDRESS,
            waiting: WAITING,
            patience: settings.patience.queue,
        });
        let limiter = RateLimiter::new(settings.upload_rate);
        let uploader = Arc::new(Uploader { limiter, patience: settings.patience.chunk, sent: AtomicU64::new(0) });
        let limits = ConnectionLimits {
            connections: CONNECTIONS,
            per_address: CONNECTIONS_PER_ADDRESS,
            head: settings.patience.head,
            unacknowledged: settings.patience.chunk,
            drain: DRAIN,
        };
        let context = Arc::new(Context { library, queue, uploader, stopping: stopping.clone() });
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            // One for the read of each upload, and a few for files being opened.
            .max_blocking_threads(settings.uploads.clamp(1, 64) + 4)
            .thread_name("serving")
            .enable_all()
            .build()?;
        let served = Arc::clone(&context);
        let thread = std::thread::Builder::new().name("serving".to_owned()).spawn(move || {
            run(&runtime, listener, &served, limits, stopping);
        })?;
        Ok(Self { address, context, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Address and port it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Uploads and requests at present.
    pub fn load(&self) -> Load {
        let (uploads, waiting) = self.context.queue.load();
        Load { uploads, waiting, sent: self.context.uploader.sent.load(Ordering::Relaxed) }
    }

    /// Stops accepting connections, and gives uploads a moment to finish. Dropping the server does the same.
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
    context: &Arc<Context>,
    limits: ConnectionLimits,
    stopping: watch::Receiver<bool>,
) {
    runtime.block_on(async {
        match TcpListener::from_std(listener) {
            Ok(listener) => accept::serve(listener, routes::routes(context), limits, stopping).await,
            Err(error) => tracing::error!(%error, "the server cannot start"),
        }
    });
}

/// Listens on an address; `::` accepts IPv4 connections, too.
fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A peer that restarts can listen at once, although connections of the previous process linger.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}
