//! The running server: start, signals, and orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use alto_registry::store_file::StoreError;
use arc_swap::ArcSwapOption;
use command_line::Exit;
use rand::RngExt as _;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use topo::MapName;

use crate::admin::entrance::{Entrance, TokensInForce};
use crate::admin::service::Admin;
use crate::admin::socket::{AdminSocket, SocketError};
use crate::config::listeners::Listener;
use crate::config::settings::Settings;
use crate::config::{Config, ConfigError};
use crate::http::accept::Server;
use crate::http::access::Access;
use crate::http::client_address::ClientAddress;
use crate::http::event_stream::EventStreams;
use crate::http::nonce::Nonces;
use crate::http::offload::{self, Cancel, WorkPool};
use crate::http::router::{Route, router};
use crate::http::stack::stack;
use crate::http::tls::Tls;
use crate::journal::Journal;
use crate::observe::LogLevel;
use crate::reload::{Reloader, Reread, Targets};
use crate::service_manager::ServiceManager;
use crate::state::audit::Actor;
use crate::state::folder;
use crate::state::network::{ChangeRefused, Network};
use crate::state::prefix_store::PrefixStore;
use crate::state::source::{Loaded, TopologySource};
use crate::state::store::Store;
use crate::swarm::service::Swarm;
use crate::tracker::service::{Tracker, TrackerError};
use crate::tracker::udp::UdpListener;
use crate::ui::site::Site;
use crate::update::hub::Hub;
use crate::{admin, listening, observe, resource, routes, swarm, tracker, update};

/// Time between two looks for prefixes to publish.
const PUBLISH_TICK: Duration = Duration::from_millis(500);

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
    AdminSocket(#[from] SocketError),
    #[error(transparent)]
    Tracker(#[from] TrackerError),
    /// Address that the settings name and the system refuses, which may change without a change of the settings.
    #[error(transparent)]
    Listen(ConfigError),
    #[error("cannot collect metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("the operating system refused to start the server: {0}")]
    System(#[from] std::io::Error),
}

/// Time in which abandoned work may notice that the server ends.
const ABANDONED_WORK: Duration = Duration::from_millis(500);

/// Serves until a signal ends the process.
pub(crate) fn run(settings: Settings, config: Config, reread: Reread) -> Exit {
    let (log, journal) = observe::start_log(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(ServeError::System).and_then(|runtime| {
        let result = runtime.block_on(serve(settings, config, reread, (log, journal)));
        // No client waits for what still runs. What it was about to save was not acknowledged.
        runtime.shutdown_timeout(ABANDONED_WORK);
        result
    });
    match result {
        Ok(()) => Exit::Success,
        Err(error) => {
            error.to_string().lines().for_each(|problem| tracing::error!("{problem}"));
            match error {
                ServeError::Config(_)
                | ServeError::AdminSocket(SocketError::Occupied(_) | SocketError::NoFolder(_)) => Exit::Config,
                _ => Exit::Failure,
            }
        }
    }
}

#[expect(clippy::too_many_lines, reason = "the parts of a server in the order in which they start")]
async fn serve(
    settings: Settings,
    config: Config,
    reread: Reread,
    (log, journal): (LogLevel, Arc<Journal>),
) -> Result<(), ServeError> {
    // Before any log line announces the server, so that no signal is lost.
    let mut signals = Signals::listen()?;
    let topology = load(config.topology()?)?;
    let tls = config.files.tls()?.map(Arc::new);
    tls.iter().flat_map(|tls| tls.warnings(SystemTime::now())).for_each(|warning| tracing::warn!("{warning}"));
    let tokens: TokensInForce = Arc::new(ArcSwapOption::new(config.files.admin_tokens()?.map(Arc::new)));
    let metrics = observe::install()?;
    if config.state.is_none() && (tokens.load().is_some() || config.admin_socket.is_some()) {
        tracing::warn!("changes made through /admin end with this process; use --state to keep them");
    }
    let (stop, stopping) = watch::channel(false);
    let network = Arc::new(start_network(&config, topology)?);
    let catalogue = Arc::clone(network.catalogue());
    let nonces = Arc::new(Nonces::new(rand::rng().random()));
    let authenticator = config.files.authenticator(&nonces)?;
    let access = Arc::new(Access::new(authenticator, config.max_age, nonces, SystemTime::now));
    let addressing = Arc::new(ClientAddress::new(config.trusted_proxies.clone(), config.tcp_proxies.clone()));
    let server = |routes: Vec<Route>| {
        let stack = stack(router(routes, routes::NOT_FOUND), config.stack.clone());
        Arc::new(Server::new(stack, config.connections, config.admission, Arc::clone(&addressing)))
    };

    let pool = WorkPool::of_all_cores();
    let swarm = config.swarm.map(|limits| Swarm::open(limits, config.state.as_deref())).transpose()?.map(Arc::new);
    let tracker = config.tracker.clone().map(|settings| Tracker::start(settings, &network)).transpose()?.map(Arc::new);
    let page = config.page.then(|| {
        let parts = (Arc::clone(&network), Arc::clone(&access), pool.clone());
        let streams = EventStreams::new(config.connections.write, stopping.clone());
        Arc::new(Site::new(parts, (swarm.clone(), tracker.clone()), streams, journal))
    });
    let limits = (config.work, config.body_bytes);
    let mut public = routes::resources(&catalogue, &network, &access, &pool, limits, page.as_ref());
    let drain = config.connections.drain;
    let health = || routes::health(&network, stopping.clone(), drain);
    public.extend(health());
    public.push(routes::description());
    let hub = Hub::new(&network, &catalogue, (pool.clone(), config.work), config.updates, stopping.clone());
    let scheme = if tls.is_some() { "https" } else { "http" };
    let base = config.base_uri.as_deref().map(|base| base.trim_end_matches('/').to_owned());
    public.extend(update::routes::routes(&hub, &access, config.body_bytes, (base, scheme)));
    if let Some(swarm) = &swarm {
        public.extend(swarm::routes::routes(&network, &access, swarm, &pool, config.body_bytes));
    }
    if let Some(tracker) = &tracker {
        public.extend(tracker::routes::on_main_listener(tracker));
    }
    let targets = Targets {
        network: Arc::clone(&network),
        access,
        tokens: Arc::clone(&tokens),
        tls: tls.clone(),
        tracker: tracker.clone(),
        log,
    };
    let reloading = Arc::new(Reloader::new(reread, settings, targets));
    let max_prefixes = config.feeds.prefixes;
    let admin = Arc::new(Admin { pool: WorkPool::new(1), network: Arc::clone(&network), reloading, max_prefixes });
    let mut operation = vec![routes::metrics(&network, metrics)];
    operation.extend(admin::routes::routes(&admin, &Entrance::Tcp(tokens)));
    // With a listener of their own, the others do not have them.
    let own = config.listeners_of("admin-listen").next().is_some();
    let operation = if own {
        operation.extend(health());
        Some(server(operation))
    } else {
        public.extend(operation);
        None
    };
    let public = server(public);

    let mut doors = Doors { tasks: JoinSet::new(), tls, stopping };
    let mut admin_socket = None;
    // Before the addresses are logged, because whoever waits for them may use the socket at once.
    if let Some(path) = &config.admin_socket {
        let (socket, listener) = AdminSocket::bind(path)?;
        admin_socket = Some(socket);
        tracing::info!("administration on the Unix socket {}", path.display());
        let server = server(admin::routes::routes(&admin, &Entrance::Socket));
        doors.tasks.spawn(server.listen_unix(UnixListener::from_std(listener)?, doors.stopping.clone()));
    }
    if let Some(operation) = &operation {
        let announce = |origin: &str| tracing::info!("administration and metrics on {origin}/");
        doors.open(config.listeners_of("admin-listen"), operation, announce)?;
    }
    let sweeper = swarm.map(|swarm| tokio::spawn(sweep(swarm)));
    let updater = tokio::spawn(hub.keep());
    let publisher = tokio::spawn(publish_prefixes(Arc::clone(&admin)));
    let follower = page.map(|page| tokio::spawn(page.follow()));
    doors.open(config.listeners_of("listen"), &public, |origin| {
        let view = network.current();
        tracing::info!(view = view.snapshot().view().tag(), "listening on {origin}/directory");
    })?;
    let mut keeper = None;
    let mut udp = Vec::new();
    if let Some(tracker) = &tracker {
        let own = server(tracker::routes::on_own_listener(tracker));
        let announce = |origin: &str| tracing::info!("tracker on {origin}/announce");
        doors.open(config.listeners_of("tracker-listen"), &own, announce)?;
        udp = open_udp(&config, tracker)?;
        keeper = Some(tokio::spawn(Arc::clone(tracker).keep()));
    }

    let manager = ServiceManager::from_environment();
    manager.ready();
    let alive = tokio::spawn(manager.clone().keep_alive());
    reload_until_stopped(&mut signals, &manager, &admin).await;
    manager.stopping();
    tracing::info!("stopping: accepting no connections, finishing requests in progress");
    stop.send_replace(true);
    while doors.tasks.join_next().await.is_some() {}
    for task in sweeper.into_iter().chain(keeper).chain(follower).chain([publisher, updater, alive]) {
        task.abort();
    }
    udp.into_iter().for_each(UdpListener::stop);
    if let Some(tracker) = &tracker {
        tracker.save();
    }
    drop(admin_socket);
    tracing::info!("stopped");
    Ok(())
}

/// Listeners, and the connections that they serve.
struct Doors {
    tasks: JoinSet<()>,
    /// Certificate and key of listeners over TCP, if HTTPS is served.
    tls: Option<Arc<Tls>>,
    stopping: watch::Receiver<bool>,
}

impl Doors {
    /// Listens on addresses of the settings, and announces scheme and address of each.
    fn open(
        &mut self,
        wanted: impl Iterator<Item = Listener>,
        server: &Arc<Server>,
        announce: impl Fn(&str),
    ) -> Result<(), ServeError> {
        for listener in wanted {
            let (listener, bound) = bind(listener)?;
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            announce(&format!("{scheme}://{bound}"));
            self.tasks.spawn(Arc::clone(server).listen(listener, self.tls.clone(), self.stopping.clone()));
        }
        Ok(())
    }
}

/// Listens over UDP at the addresses of the settings.
fn open_udp(config: &Config, tracker: &Arc<Tracker>) -> Result<Vec<UdpListener>, ServeError> {
    let open = |wanted: Listener| {
        let listener = UdpListener::start(wanted.address, tracker).map_err(|error| refused(wanted, &error))?;
        tracing::info!("tracker on udp://{}", listener.address());
        Ok(listener)
    };
    config.listeners_of("tracker-udp").map(open).collect()
}

/// Reloads at each signal to do so, and returns at the first one to stop.
async fn reload_until_stopped(signals: &mut Signals, manager: &ServiceManager, admin: &Arc<Admin>) {
    // Beside the signals, so that a slow reload never delays the end.
    let mut reloads = JoinSet::new();
    while signals.next().await == OperatorCommand::Reload {
        while reloads.try_join_next().is_some() {}
        manager.reloading();
        let (reload, manager) = (reload(Arc::clone(admin)), manager.clone());
        reloads.spawn(async move {
            reload.await;
            manager.ready();
        });
    }
}

/// Starts the network with what an earlier run saved.
fn start_network(config: &Config, file: Loaded) -> Result<Network, ServeError> {
    let state = config.state.as_deref();
    state.map(folder::check).transpose().map_err(ConfigError::from)?;
    let (store, prefixes) = (state.map(Store::open).transpose()?, state.map(PrefixStore::open).transpose()?);
    let catalogue = |maps: &[MapName]| resource::catalogue(config.base_uri.clone(), maps);
    Ok(Network::start(file, store, (config.feeds, prefixes), catalogue, SystemTime::now)?)
}

/// Loads the topology, and logs what is unusual about it.
fn load(source: &TopologySource) -> Result<Loaded, ConfigError> {
    if source.is_waiting() {
        tracing::info!("no topology file: the network is empty until a topology comes through /admin");
    }
    let loaded = source.load()?;
    for warning in loaded.topology.warnings() {
        tracing::warn!("{warning}");
    }
    Ok(loaded)
}

/// Publishes network maps with the prefixes that came since the last one, at most once per interval.
async fn publish_prefixes(admin: Arc<Admin>) {
    let mut ticks = tokio::time::interval(PUBLISH_TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let network = Arc::clone(&admin.network);
        let publish = move |_: &Cancel| network.publish_prefixes();
        if let Ok(Some(outcome)) = admin.pool.run(None, offload::HEAVY, publish).await {
            let map = outcome.published.snapshot().view().network_map().tag().to_owned();
            tracing::info!(map, "published the prefixes that came since the last network map");
        }
    }
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
    /// Read settings and files again (SIGHUP).
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

/// Reads everything again, off the event loop.
async fn reload(admin: Arc<Admin>) {
    let pool = admin.pool.clone();
    let work = move |_: &Cancel| {
        let by = Actor { who: "signal".to_owned(), from: None };
        // What is wrong has been logged.
        let _logged = admin.reloading.reload(&by);
    };
    if pool.run(None, offload::HEAVY, work).await.is_err() {
        tracing::error!("the reload changed nothing: too much other work waits");
    }
}

/// Listens on an address of the settings, and returns the address that the socket has.
fn bind(listener: Listener) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bound = || -> std::io::Result<_> {
        let socket = TcpListener::from_std(listening::tcp(listener.address)?)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    bound().map_err(|error| refused(listener, &error))
}

fn refused(listener: Listener, error: &std::io::Error) -> ServeError {
    ServeError::Listen(ConfigError::listener(listener, error))
}
