//! The running server: start, signals, and orderly end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::routes::Admin;
use crate::config::{Config, ConfigError};
use crate::exit::Exit;
use crate::http::accept::Server;
use crate::http::access::Access;
use crate::http::client_address::ClientAddress;
use crate::http::offload;
use crate::http::router::{Route, router};
use crate::http::stack::stack;
use crate::http::tls::Tls;
use crate::state::network::{ChangeRefused, Network};
use crate::state::store::{Store, StoreError};
use crate::swarm::service::Swarm;
use crate::tracker::service::{Tracker, TrackerError};
use crate::tracker::udp::UdpListener;
use crate::{admin, observe, resource, routes, swarm, tracker};

/// Reason why the server could not start or had to end.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Network(#[from] ChangeRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Swarm(#[from] swarm::service::StartError),
    #[error(transparent)]
    Tracker(#[from] TrackerError),
    #[error("{address}: cannot listen: {source}")]
    Listen { address: String, source: std::io::Error },
    #[error("cannot collect metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("the operating system refused to start the server: {0}")]
    System(#[from] std::io::Error),
}

/// Serves until a signal ends the process.
pub(crate) fn run(config: Config) -> Exit {
    observe::start_log(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(ServeError::System).and_then(|runtime| runtime.block_on(serve(config)));
    match result {
        Ok(()) => Exit::Success,
        Err(error) => {
            tracing::error!("{error}");
            if matches!(error, ServeError::Config(_)) { Exit::Config } else { Exit::Failure }
        }
    }
}

async fn serve(config: Config) -> Result<(), ServeError> {
    // Before any log line announces the server, so that no signal is lost.
    let mut signals = Signals::listen()?;
    let source = config.topology()?.clone();
    let topology = source.load().map_err(ConfigError::from)?;
    for warning in topology.warnings() {
        tracing::warn!("{warning}");
    }
    let tls = config.files.tls()?.map(Arc::new);
    let token = config.files.admin_token()?;
    let metrics = observe::install()?;
    let store = config.state.as_deref().map(Store::open).transpose()?;
    if store.is_none() && (token.is_some() || config.admin_socket.is_some()) {
        tracing::warn!("changes made through /admin end with this process; use --state to keep them");
    }
    let (stop, stopping) = watch::channel(false);
    let catalogue = Arc::new(resource::catalogue());
    let network = Arc::new(Network::start(topology, store, Arc::clone(&catalogue), SystemTime::now)?);
    let access = Arc::new(Access::new(config.files.authenticator()?, config.max_age, SystemTime::now));
    let addressing = Arc::new(ClientAddress::new(config.trusted_proxies));
    let server = |routes: Vec<Route>| {
        let stack = stack(router(routes, routes::NOT_FOUND), config.stack);
        Arc::new(Server::new(stack, config.connections, Arc::clone(&addressing)))
    };

    let admin = Arc::new(Admin { network: Arc::clone(&network), source });
    let swarm = config.swarm.map(|limits| Swarm::open(limits, config.state.as_deref())).transpose()?.map(Arc::new);
    let mut public = routes::resources(&catalogue, &network, &access, config.work, config.body_bytes);
    public.extend(routes::operation(&network, metrics, stopping.clone(), config.connections.drain));
    if let Some(token) = token {
        public.extend(admin::routes::routes(&admin, Some(token)));
    }
    if let Some(swarm) = &swarm {
        public.extend(swarm::routes::routes(&network, &access, swarm, config.body_bytes));
    }
    let tracker = config.tracker.map(|config| -> Result<_, TrackerError> {
        Ok((Arc::new(Tracker::start(config.settings, &network)?), config.listen, config.udp))
    });
    let tracker = tracker.transpose()?;
    if let Some((tracker, ..)) = &tracker {
        public.extend(tracker::routes::on_main_listener(tracker));
    }
    let public = server(public);

    let mut listeners = JoinSet::new();
    // Before the addresses are logged, because whoever waits for them may use the socket at once.
    if let Some(path) = &config.admin_socket {
        let listener = bind_unix(path)?;
        tracing::info!("administration on the Unix socket {}", path.display());
        let server = server(admin::routes::routes(&admin, None));
        listeners.spawn(server.listen_unix(listener, stopping.clone()));
    }
    let sweeper = swarm.map(|swarm| tokio::spawn(sweep(swarm)));
    for address in &config.listen {
        let (listener, bound) = bind(*address)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let view = network.current();
        tracing::info!(view = view.snapshot().view().tag(), "listening on {scheme}://{bound}/directory");
        listeners.spawn(Arc::clone(&public).listen(listener, tls.clone(), stopping.clone()));
    }
    let mut keeper = None;
    let mut udp = Vec::new();
    if let Some((tracker, listen, over_udp)) = &tracker {
        let own = server(tracker::routes::on_own_listener(tracker));
        for address in listen {
            let (listener, bound) = bind(*address)?;
            let scheme = if tls.is_some() { "https" } else { "http" };
            tracing::info!("tracker on {scheme}://{bound}/announce");
            listeners.spawn(Arc::clone(&own).listen(listener, tls.clone(), stopping.clone()));
        }
        for address in over_udp {
            let listener = UdpListener::start(*address, tracker);
            let listener =
                listener.map_err(|source| ServeError::Listen { address: format!("udp {address}"), source })?;
            tracing::info!("tracker on udp://{}", listener.address());
            udp.push(listener);
        }
        keeper = Some(tokio::spawn(Arc::clone(tracker).keep()));
    }

    while signals.next().await == OperatorCommand::Reload {
        reload(&admin, tls.as_deref()).await;
        if let Some((tracker, ..)) = &tracker {
            tracker.reload();
        }
    }
    tracing::info!("stopping: accepting no connections, finishing requests in progress");
    stop.send_replace(true);
    while listeners.join_next().await.is_some() {}
    for task in sweeper.into_iter().chain(keeper) {
        task.abort();
    }
    udp.into_iter().for_each(UdpListener::stop);
    if let Some((tracker, ..)) = &tracker {
        tracker.save();
    }
    if let Some(path) = &config.admin_socket {
        let _already_gone = std::fs::remove_file(path);
    }
    tracing::info!("stopped");
    Ok(())
}

/// Ends expired leases while no request does.
async fn sweep(swarm: Arc<Swarm>) {
    let mut ticks = tokio::time::interval(swarm::service::SWEEP);
    loop {
        ticks.tick().await;
        swarm.sweep();
    }
}

/// Command of the operator to the running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OperatorCommand {
    /// Reload certificate and topology (SIGHUP).
    Reload,
    /// Finish and end (SIGTERM, SIGINT).
    Stop,
}

/// Signals that the process handles.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> OperatorCommand {
        tokio::select! {
            _ = self.hangup.recv() => OperatorCommand::Reload,
            _ = self.interrupt.recv() => OperatorCommand::Stop,
            _ = self.terminate.recv() => OperatorCommand::Stop,
        }
    }
}

/// Reads certificate and topology again. A file that cannot be used changes nothing.
async fn reload(admin: &Arc<Admin>, tls: Option<&Tls>) {
    match tls.map(Tls::reload) {
        Some(Err(error)) => tracing::error!(%error, "the previous certificate stays in use"),
        Some(Ok(())) => tracing::info!("certificate and key reloaded"),
        None => {}
    }
    let admin = Arc::clone(admin);
    let work = move || admin.source.load().map(|topology| admin.network.reload(topology));
    match offload::run(offload::HEAVY, work).await {
        Ok(Ok(outcome)) => {
            tracing::info!(view = outcome.published.snapshot().view().tag(), "topology reloaded");
        }
        Ok(Err(error)) => tracing::error!(%error, "the previous topology stays in use"),
        Err(_) => tracing::error!("the reload panicked; the previous topology stays in use"),
    }
}

/// Listens on an address. An IPv6 socket accepts IPv6 only, so that `[::]` and `0.0.0.0` can be used together.
fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bound = || -> std::io::Result<_> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        let listener = TcpListener::from_std(socket.into())?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound().map_err(|source| ServeError::Listen { address: address.to_string(), source })
}

/// Listens on a Unix socket that only the user of this process can open.
fn bind_unix(path: &Path) -> Result<UnixListener, ServeError> {
    use std::os::unix::fs::PermissionsExt;
    let bound = || -> std::io::Result<_> {
        // A socket without a listener was left by a process that was killed.
        if std::os::unix::net::UnixStream::connect(path).is_err() && path.exists() {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    bound().map_err(|source| ServeError::Listen { address: path.display().to_string(), source })
}
