//! The parts of the server, the order in which they start, and the tables of routes that they answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use metrics_exporter_prometheus::PrometheusHandle;
use rand::RngExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use topo::MapName;

use super::ServeError;
use crate::admin::entrance::{Entrance, TokensInForce};
use crate::admin::service::Admin;
#[cfg(feature = "redis")]
use crate::cluster::Cluster;
use crate::config::settings::Settings;
use crate::config::{Config, ConfigError};
use crate::http::access::Access;
use crate::http::event_stream::EventStreams;
use crate::http::nonce::Nonces;
use crate::http::offload::{self, Cancel, WorkPool};
use crate::http::router::Route;
use crate::http::tls::Tls;
use crate::journal::Journal;
use crate::observe::LogLevel;
use crate::reload::{Reloader, Reread, Targets};
use crate::resource::catalogue::Catalogue;
use crate::state::folder;
use crate::state::network::Network;
use crate::state::prefix_store::PrefixStore;
use crate::state::source::{Loaded, TopologySource};
use crate::state::store::Store;
use crate::swarm::service::Swarm;
use crate::tracker::service::Tracker;
use crate::ui::site::Site;
use crate::update::hub::Hub;
use crate::{admin, resource, routes, swarm, tracker, update};

/// Time between two looks for prefixes to publish.
const PUBLISH_TICK: Duration = Duration::from_millis(500);

/// What requests are answered from. No address is open yet.
pub(super) struct Parts {
    /// Certificate and key of listeners over TCP, if HTTPS is served.
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) network: Arc<Network>,
    pub(super) tracker: Option<Arc<Tracker>>,
    pub(super) admin: Arc<Admin>,
    tokens: TokensInForce,
    catalogue: Arc<Catalogue>,
    access: Arc<Access>,
    pool: WorkPool,
    swarm: Option<Arc<Swarm>>,
    page: Option<Arc<Site>>,
    hub: Arc<Hub>,
}

/// Routes of the listeners.
pub(super) struct Tables {
    /// Routes of the addresses of `listen`.
    pub(super) public: Vec<Route>,
    /// Metrics and administration, if they have a listener of their own.
    pub(super) operation: Option<Vec<Route>>,
}

impl Parts {
    /// Reads the files that the settings name, and starts everything.
    pub(super) fn start(
        settings: Settings,
        config: &Config,
        reread: Reread,
        (log, journal): (LogLevel, Arc<Journal>),
        stopping: &watch::Receiver<bool>,
    ) -> Result<Self, ServeError> {
        let topology = load(config.topology()?)?;
        let tls = config.files.tls()?.map(Arc::new);
        tls.iter().flat_map(|tls| tls.warnings(SystemTime::now())).for_each(|warning| tracing::warn!("{warning}"));
        let tokens: TokensInForce = Arc::new(ArcSwapOption::new(config.files.admin_tokens()?.map(Arc::new)));
        if config.state.is_none()
            && config.store.is_none()
            && (tokens.load().is_some() || config.admin_socket.is_some())
        {
            tracing::warn!("changes made through /admin end with this process; use --state to keep them");
        }
        let network = Arc::new(start_network(config, topology)?);
        let catalogue = Arc::clone(network.catalogue());
        #[cfg(feature = "redis")]
        let cluster = config.store.as_ref().map(Cluster::new).transpose()?;
        #[cfg(feature = "redis")]
        cluster.as_ref().map(|cluster| cluster.share(&network)).transpose()?;
        let nonces = Arc::new(Nonces::new(rand::rng().random()));
        let authenticator = config.files.authenticator(&nonces)?;
        let access = Arc::new(Access::new(authenticator, config.max_age, nonces, SystemTime::now));
        let pool = WorkPool::of_all_cores();
        let swarm = config.swarm.map(|limits| {
            #[cfg(feature = "redis")]
            if let Some(cluster) = &cluster {
                return Ok(Swarm::shared(Arc::new(cluster.registry(limits, Swarm::observer())?)));
            }
            Ok::<_, ServeError>(Swarm::open(limits, config.state.as_deref())?)
        });
        let swarm = swarm.transpose()?.map(Arc::new);
        let tracker = config.tracker.clone().zip(config.tracker_lists()?);
        let tracker = tracker.map(|(settings, lists)| Tracker::start(settings, lists, &network)).transpose()?;
        let tracker = tracker.map(Arc::new);
        let page = config.page.then(|| {
            let parts = (Arc::clone(&network), Arc::clone(&access), pool.clone());
            let streams = EventStreams::new(config.connections.write, stopping.clone());
            Arc::new(Site::new(parts, (swarm.clone(), tracker.clone()), streams, journal))
        });
        let hub = Hub::new(&network, &catalogue, (pool.clone(), config.work), config.updates, stopping.clone());
        let targets = Targets {
            network: Arc::clone(&network),
            access: Arc::clone(&access),
            tokens: Arc::clone(&tokens),
            tls: tls.clone(),
            tracker: tracker.clone(),
            log,
        };
        let reloading = Arc::new(Reloader::new(reread, settings, targets));
        let max_prefixes = config.feeds.prefixes;
        let [changes, questions] = [(); 2].map(|()| WorkPool::new(1));
        let admin = Arc::new(Admin { changes, questions, network: Arc::clone(&network), reloading, max_prefixes });
        Ok(Self { tls, network, tracker, admin, tokens, catalogue, access, pool, swarm, page, hub })
    }

    /// Makes the tables of routes.
    pub(super) fn tables(
        &self,
        config: &Config,
        metrics: PrometheusHandle,
        stopping: &watch::Receiver<bool>,
    ) -> Tables {
        let Self { network, access, pool, .. } = self;
        let limits = (config.work, config.body_bytes);
        let mut public = routes::resources(&self.catalogue, network, access, pool, limits, self.page.as_ref());
        let health = || routes::health(network, stopping.clone(), config.connections.drain);
        public.extend(health());
        public.push(routes::description());
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let base = config.base_uri.as_deref().map(|base| base.trim_end_matches('/').to_owned());
        public.extend(update::routes::routes(&self.hub, access, config.body_bytes, (base, scheme)));
        if let Some(swarm) = &self.swarm {
            public.extend(swarm::routes::routes(network, access, swarm, pool, config.body_bytes));
        }
        if let Some(tracker) = &self.tracker {
            public.extend(tracker::routes::on_main_listener(tracker));
        }
        let mut operation = vec![routes::metrics(network, metrics)];
        operation.extend(admin::routes::routes(&self.admin, &Entrance::Tcp(Arc::clone(&self.tokens))));
        // With a listener of their own, the others do not have them.
        if config.listeners_of("admin-listen").next().is_some() {
            operation.extend(health());
            return Tables { public, operation: Some(operation) };
        }
        public.extend(operation);
        Tables { public, operation: None }
    }

    /// Begins what goes on beside requests until the task is aborted.
    pub(super) fn begin(&self) -> Vec<JoinHandle<()>> {
        let mut tasks =
            vec![tokio::spawn(Arc::clone(&self.hub).keep()), tokio::spawn(publish_prefixes(Arc::clone(&self.admin)))];
        tasks.extend(self.swarm.clone().map(|swarm| tokio::spawn(sweep(swarm))));
        tasks.extend(self.page.clone().map(|page| tokio::spawn(page.follow())));
        tasks.extend(self.tracker.clone().map(|tracker| tokio::spawn(tracker.keep())));
        tasks
    }

    /// Saves what is saved at the end only.
    pub(super) fn save(&self) {
        if let Some(tracker) = &self.tracker {
            tracker.save();
        }
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
        if let Ok(Some(outcome)) = admin.changes.run(None, offload::HEAVY, publish).await {
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
