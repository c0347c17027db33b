//! The registry of this server: its clock, its metrics, and the thread on which its calls run.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use alto_registry::local::OpenError;
use alto_registry::{Limits, LocalRegistry, Observer, Registry, Stats, Timestamp};
use alto_types::ClientNet;

use crate::http::HttpError;
use crate::http::offload::{self, WorkPool};

/// Interval at which expired leases are ended while no requests arrive.
pub(crate) const SWEEP: Duration = Duration::from_secs(1);

/// Number of changes that may wait for the store of several servers at a time. Of those that wait for a place among them,
/// each client has its turn.
#[cfg(feature = "redis")]
const WAITING_FOR_STORE: usize = 64;

/// Registry with the clock that it is called with.
#[derive(Clone)]
pub(crate) struct Swarm {
    registry: Arc<dyn Registry>,
    clock: Clock,
    /// Threads for changes that block; absent where none do.
    threads: Option<WorkPool>,
}

/// Reason why the registry cannot be opened.
pub(crate) type StartError = OpenError;

/// Clock that shows the time of day at its start, and never jumps from then on.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    start: Timestamp,
    started: Instant,
}

/// Observer that counts for `/metrics`.
struct Metrics;

impl Clock {
    /// Starts at the time of day.
    pub(crate) fn start() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { start: Timestamp::default().plus(since_1970), started: Instant::now() }
    }

    /// Present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.start.plus(self.started.elapsed())
    }
}

impl Observer for Metrics {
    fn counted(&self, stats: Stats) {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        {
            metrics::gauge!("alto_swarm_peers").set(stats.peers as f64);
            metrics::gauge!("alto_swarm_files").set(stats.files as f64);
            metrics::gauge!("alto_swarm_holdings").set(stats.holdings as f64);
        }
    }

    fn expired(&self, registrations: usize) {
        metrics::counter!("alto_swarm_expired_total").increment(registrations as u64);
    }

    fn save_attempted(&self, changes: usize, took: Duration) {
        metrics::histogram!("alto_swarm_save_seconds").record(took.as_secs_f64());
        metrics::counter!("alto_swarm_saved_changes_total").increment(changes as u64);
    }
}

impl Swarm {
    /// Opens the registry that an earlier run left in the folder `state`, or an empty one.
    pub(crate) fn open(limits: Limits, state: Option<&Path>) -> Result<Self, StartError> {
        let clock = Clock::start();
        let registry = LocalRegistry::open(limits, state, Arc::new(Metrics), clock.now())?;
        Ok(Self { registry: Arc::new(registry), clock, threads: None })
    }

    /// Takes a registry that other servers share.
    #[cfg(feature = "redis")]
    pub(crate) fn shared(registry: Arc<dyn Registry>) -> Self {
        let threads = registry.may_block().then(|| WorkPool::new(WAITING_FOR_STORE));
        Self { registry, clock: Clock::start(), threads }
    }

    /// Observer that counts for `/metrics`.
    #[cfg(feature = "redis")]
    pub(crate) fn observer() -> Arc<dyn Observer> {
        Arc::new(Metrics)
    }

    /// Limits of the registry.
    pub(super) fn limits(&self) -> &Limits {
        self.registry.limits()
    }

    /// Changes the registry for a client, off the event loop where that may block.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        client: Option<ClientNet>,
        work: impl FnOnce(&dyn Registry, Timestamp) -> T + Send + 'static,
    ) -> Result<T, HttpError> {
        let Some(threads) = &self.threads else {
            return Ok(work(&*self.registry, self.clock.now()));
        };
        let (registry, clock) = (Arc::clone(&self.registry), self.clock);
        threads.run(client, offload::HEAVY, move |_| work(&*registry, clock.now())).await
    }

    /// Asks the registry on this thread: questions never block, nor does what is decided at once.
    pub(crate) fn call_here<T>(&self, work: impl FnOnce(&dyn Registry, Timestamp) -> T) -> T {
        work(&*self.registry, self.clock.now())
    }

    /// Ends expired registrations. Every request does so as well; this is for times without requests.
    pub(crate) fn sweep(&self) {
        self.registry.sweep(self.clock.now());
    }
}
