//! Starts everything, listens to signals, and ends it in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::routes::Access;
use crate::admin::store::Store;
use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::exit::Exit;
use crate::http::client_address::ClientAddress;
use crate::http::routes::{any_of, public};
use crate::http::serve::Server;
use crate::http::stack::stack;
use crate::http::tls::Tls;
use crate::network::{ChangeRefused, Network};
use crate::observe;
use crate::swarm::service::Swarm;
use crate::{admin, swarm};

/// Why serving could not start or go on.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Network(#[from] ChangeRefused),
    #[error(transparent)]
    Store(#[from] crate::admin::store::StoreError),
    #[error(transparent)]
    Swarm(#[from] swarm::service::StartError),
    #[error("{address}: cannot be listened on: {source}")]
    Listen { address: String, source: std::io::Error },
    #[error("the metrics cannot be collected: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("the operating system refused: {0}")]
    System(#[from] std::io::Error),
}

/// Serves until told to stop.
pub(crate) fn run(config: &Config) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&ServeError::System(error)),
    };
    match runtime.block_on(serve(config.clone())) {
        Ok(()) => Exit::Success,
        Err(error) => failed(&error),
    }
}

fn failed(error: &ServeError) -> Exit {
    tracing::error!("{error}");
    match error {
        ServeError::Config(_) => Exit::Config,
        _ => Exit::Failure,
    }
}

async fn serve(config: Config) -> Result<(), ServeError> {
    // Before anything says that we listen: a signal that comes early is obeyed, too.
    let mut signals = Signals::listen()?;
    let config = Arc::new(config);
    let settings = config.settings();
    let topology = config.load_topology()?;
    for warning in topology.warnings() {
        tracing::warn!("{warning}");
    }
    let tls = config.tls()?.map(Arc::new);
    let token = config.admin_token()?;
    let metrics = observe::install()?;
    let store = settings.state.as_deref().map(Store::open).transpose()?;
    if store.is_none() && (token.is_some() || settings.admin_socket.is_some()) {
        tracing::warn!("without --state, changes made through /admin are lost at the end of this process");
    }
    let (stop, stopping) = watch::channel(false);
    let app = Arc::new(App {
        network: Network::start(topology, store)?,
        limits: config.request_limits(),
        authenticator: config.authenticator()?,
        metrics,
        stopping: stopping.clone(),
    });
    observe::published(&app.network.current(), None);

    let addressing = Arc::new(ClientAddress::new(config.trusted_proxies()));
    let admin = token.map(|token| admin::routes::routes(&app, &config, Access::Bearer(token)));
    let swarm = config.swarm_limits().map(|limits| Swarm::open(limits, settings.state.as_deref())).transpose()?;
    let swarm = swarm.map(Arc::new);
    let peers = swarm.as_ref().map(|swarm| swarm::routes::routes(&app, swarm));
    let routes = public(&app, admin.into_iter().flatten().chain(peers));
    let server = Server::new(stack(routes, config.stack_limits()), config.connection_limits(), Arc::clone(&addressing));
    let server = Arc::new(server);
    let mut listeners = JoinSet::new();
    // First, so that whoever waits for the addresses below finds the socket, too.
    if let Some(path) = &settings.admin_socket {
        let routes = any_of(admin::routes::routes(&app, &config, Access::Socket));
        let server =
            Server::new(stack(routes, config.stack_limits()), config.connection_limits(), Arc::clone(&addressing));
        let listener = bind_unix(path)?;
        tracing::info!("administration on the Unix socket {}", path.display());
        listeners.spawn(Arc::new(server).listen_unix(listener, stopping.clone()));
    }
    let sweeper = swarm.map(|swarm| tokio::spawn(sweep(swarm)));
    for address in &settings.listen {
        let (listener, bound) = bind(*address)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        tracing::info!(view = app.network.current().view().tag(), "listening on {scheme}://{bound}/directory");
        listeners.spawn(Arc::clone(&server).listen(listener, tls.clone(), stopping.clone()));
    }

    while signals.next().await == Told::Reload {
        reload(&app, &config, tls.as_deref()).await;
    }
    tracing::info!("stopping: no new connections, requests in work are finished");
    stop.send_replace(true);
    while listeners.join_next().await.is_some() {}
    if let Some(sweeper) = sweeper {
        sweeper.abort();
    }
    if let Some(path) = &settings.admin_socket {
        let _already_gone = std::fs::remove_file(path);
    }
    tracing::info!("stopped");
    Ok(())
}

/// Ends leases while nobody asks.
async fn sweep(swarm: Arc<Swarm>) {
    let mut ticks = tokio::time::interval(swarm::service::SWEEP);
    loop {
        ticks.tick().await;
        swarm.sweep();
    }
}

/// What the operator can tell a running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Read all files again (SIGHUP).
    Reload,
    /// End (SIGTERM, SIGINT).
    Stop,
}

/// The signals that are listened to.
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

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Stop,
        }
    }
}

/// Reads all files again. What cannot be used leaves its predecessor in force.
async fn reload(app: &Arc<App>, config: &Arc<Config>, tls: Option<&Tls>) {
    match tls.map(Tls::reload) {
        Some(Err(error)) => tracing::error!(%error, "the old certificate stays in use"),
        Some(Ok(())) => tracing::info!("certificate and key read again"),
        None => {}
    }
    let (app, config) = (Arc::clone(app), Arc::clone(config));
    let reloaded = tokio::task::spawn_blocking(move || {
        let topology = config.load_topology()?;
        Ok::<_, ConfigError>(app.network.reload(topology))
    });
    match reloaded.await {
        Ok(Ok(outcome)) => tracing::info!(view = outcome.published.view().tag(), "topology read again"),
        Ok(Err(error)) => tracing::error!(%error, "the old topology stays in force"),
        Err(error) => tracing::error!(%error, "the old topology stays in force"),
    }
}

/// Listens on an address. An IPv6 address takes IPv6 only, so that `[::]` and `0.0.0.0` can be given together.
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

/// Listens on a Unix socket that only its owner can open.
fn bind_unix(path: &Path) -> Result<UnixListener, ServeError> {
    use std::os::unix::fs::PermissionsExt;
    let bound = || -> std::io::Result<_> {
        // A socket that nobody answers on is left over from a run that was killed.
        if std::os::unix::net::UnixStream::connect(path).is_err() && path.exists() {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    bound().map_err(|source| ServeError::Listen { address: path.display().to_string(), source })
}
