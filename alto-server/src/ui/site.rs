//! Everything that the page is about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use topo::{Metric, Topology, View};

use super::chronicle::Chronicle;
use super::drawing::Plan;
use super::heat::Heat;
use crate::http::access::Access;
use crate::http::event_stream::EventStreams;
use crate::http::offload::{Abandoned, Cancel, WorkPool};
use crate::journal::Journal;
use crate::state::network::Network;
use crate::swarm::service::Swarm;
use crate::tracker::service::{Overview, Tracker};

/// Age up to which an overview of the tracker is shown again.
const OVERVIEW_AGE: Duration = Duration::from_secs(3);
/// Number of torrents that are listed.
const LARGEST_TORRENTS: usize = 12;

/// The parts of the server that the page shows, and what is computed once for many pages.
pub(crate) struct Site {
    pub(super) network: Arc<Network>,
    pub(super) access: Arc<Access>,
    /// Threads that render pages.
    pub(super) pool: WorkPool,
    /// Peer registry, if it is served.
    pub(super) swarm: Option<Arc<Swarm>>,
    /// BitTorrent tracker, if it is served.
    pub(super) tracker: Option<Arc<Tracker>>,
    /// Streams to the pages that are open.
    pub(super) streams: EventStreams,
    pub(super) chronicle: Chronicle,
    pub(super) journal: Arc<Journal>,
    plan: Mutex<Option<Planned>>,
    heat: Mutex<Heated>,
    /// Last overview of the tracker, and when it was made.
    torrents: Mutex<Option<(Instant, Arc<Overview>)>>,
}

/// Plan of a map, and what it was made for.
struct Planned {
    topology: Arc<Topology>,
    pids: usize,
    plan: Arc<Plan>,
}

/// Heat maps of one view.
#[derive(Default)]
struct Heated {
    /// Tag of the view.
    tag: String,
    by_metric: HashMap<Metric, Arc<Heat>>,
}

impl Site {
    /// Collects the parts.
    pub(crate) fn new(
        (network, access, pool): (Arc<Network>, Arc<Access>, WorkPool),
        (swarm, tracker): (Option<Arc<Swarm>>, Option<Arc<Tracker>>),
        streams: EventStreams,
        journal: Arc<Journal>,
    ) -> Self {
        let chronicle = Chronicle::new(network.current().snapshot());
        let (plan, heat, torrents) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { network, access, pool, swarm, tracker, streams, chronicle, journal, plan, heat, torrents }
    }

    /// Follows the changes of the network, for as long as the server runs.
    pub(crate) async fn follow(self: Arc<Self>) {
        self.chronicle.follow(&self.network, || self.access.now()).await;
    }

    /// Returns the plan of the map of a view, made anew only where nodes or PIDs have changed.
    pub(super) fn plan(&self, view: &View, cancel: &Cancel) -> Result<Arc<Plan>, Abandoned> {
        // Who waits here gets the plan that another request is making.
        let mut planned = lock(&self.plan);
        let (topology, pids) = (view.topology(), view.network_map().len());
        if let Some(known) = &*planned
            && known.topology.has_same_nodes(topology)
            && known.pids == pids
        {
            return Ok(Arc::clone(&known.plan));
        }
        let plan = Arc::new(Plan::of(view, cancel)?);
        *planned = Some(Planned { topology: Arc::clone(topology), pids, plan: Arc::clone(&plan) });
        Ok(plan)
    }

    /// Returns the heat map of a view in a metric.
    pub(super) fn heat(&self, view: &View, metric: Metric, cancel: &Cancel) -> Result<Arc<Heat>, Abandoned> {
        let mut heated = lock(&self.heat);
        if heated.tag != view.tag() {
            *heated = Heated { tag: view.tag().to_owned(), by_metric: HashMap::new() };
        }
        if let Some(known) = heated.by_metric.get(&metric) {
            return Ok(Arc::clone(known));
        }
        let heat = Arc::new(Heat::of(view, metric, cancel)?);
        heated.by_metric.insert(metric, Arc::clone(&heat));
        Ok(heat)
    }

    /// Returns an overview of the tracker that is at most some seconds old; none if there is no tracker.
    pub(super) fn torrents(&self) -> Option<Arc<Overview>> {
        let tracker = self.tracker.as_ref()?;
        let mut torrents = lock(&self.torrents);
        if let Some((made, known)) = &*torrents
            && made.elapsed() < OVERVIEW_AGE
        {
            return Some(Arc::clone(known));
        }
        let overview = Arc::new(tracker.overview(LARGEST_TORRENTS));
        *torrents = Some((Instant::now(), Arc::clone(&overview)));
        Some(overview)
    }
}

/// Locks. What is kept is replaced as a whole, so that a panic cannot leave half of it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
