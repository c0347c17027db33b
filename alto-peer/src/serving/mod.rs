//! The HTTP/1.1 server of a peer, which other peers download from. It runs in threads of its own.
//!
//! Uploads have three limits: on their number at a time, with a fair queue ([`upload_queue`]); on the rate of all together
//! ([`rate_limiter`]); and on the memory that each connection takes ([`upload`]). Clients have to read at a minimum rate
//! ([`flow`]), and share the open connections ([`connections`]).

mod accept;
mod connections;
mod copies;
mod counted;
mod flow;
mod news;
mod problem;
mod range;
mod rate_limiter;
mod routes;
mod upload;
mod upload_queue;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use accept::ConnectionLimits;
use copies::Copies;
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
    /// Maximum number of open connections.
    pub connections: usize,
    /// Times that clients are given.
    pub patience: Patience,
}

/// Times that clients are given before they are disconnected or refused.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Time for the head of a request, and until the next request on a connection.
    pub head: Duration,
    /// Time within which a client has to read something, and within four times as long 4 KiB for each of its seconds.
    pub reading: Duration,
    /// The same while other clients wait for an upload.
    pub contended: Duration,
    /// Time for which an upload keeps its place while clients with fewer uploads wait.
    pub turn: Duration,
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
/// Maximum number of waiting requests per client.
const WAITING_PER_CLIENT: usize = 16;
/// Maximum number of waiting requests in all.
const WAITING: usize = 512;
/// Default maximum number of connections. With an open file per upload, this is below the usual limit of 1024
/// descriptors.
pub const DEFAULT_CONNECTIONS: usize = 640;
/// Interval at which the number of uploads is adapted, and uploads that had their turn give way to others.
const RECHOOSE: Duration = Duration::from_secs(1);
/// Time for connections to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(2);

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            reading: Duration::from_mins(1),
            contended: Duration::from_secs(5),
            turn: Duration::from_mins(1),
            queue: Duration::from_secs(20),
        }
    }
}

impl Serving {
    /// Listens, and serves the files that the library shares, now and later.
    pub fn start(settings: &ServingSettings, library: Arc<Library>) -> Result<Self, ServingError> {
        let listener = listen_on_any_family(settings.address)
            .map_err(|source| ServingError::Listen { address: settings.address, source })?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let limits = QueueLimits {
            uploads: settings.uploads,
            rate: settings.upload_rate,
            waiting_per_client: WAITING_PER_CLIENT,
            waiting: WAITING,
            patience: settings.patience.queue,
            turn: settings.patience.turn,
        };
        let queue = UploadQueue::new(limits, Arc::clone(library.exchange()));
        let limiter = RateLimiter::new(settings.upload_rate);
        let uploader = Arc::new(Uploader {
            limiter,
            queue: Arc::clone(&queue),
            patience: settings.patience.reading,
            contended: settings.patience.contended,
            sent: AtomicU64::new(0),
        });
        let limits = ConnectionLimits {
            connections: settings.connections,
            head: settings.patience.head,
            unacknowledged: settings.patience.reading,
            drain: DRAIN,
        };
        let copies = Copies::default();
        let context = Arc::new(Context { library, queue, uploader, copies, stopping: stopping.clone() });
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
            Ok(listener) => {
                let written = Arc::new(AtomicU64::new(0));
                tokio::select! {
                    () = accept::serve(listener, routes::routes(context), limits, &written, stopping) => {}
                    () = rechoose(&context.queue, &written) => {}
                }
            }
            Err(error) => tracing::error!(%error, "the server cannot start"),
        }
    });
}

/// Adapts the number of uploads at a time to the bytes written, and has uploads that had their turn give way to others,
/// for ever.
async fn rechoose(queue: &Arc<UploadQueue>, written: &AtomicU64) {
    loop {
        tokio::time::sleep(RECHOOSE).await;
        queue.adapt(written.load(Ordering::Relaxed));
        queue.rechoose();
    }
}

/// Listens on an address; instead of `::` on `0.0.0.0` where the system has no IPv6.
fn listen_on_any_family(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    listen(address).or_else(|error| {
        if error.kind() == io::ErrorKind::AddrInUse || address.ip() != Ipv6Addr::UNSPECIFIED {
            return Err(error);
        }
        listen(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))
    })
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
