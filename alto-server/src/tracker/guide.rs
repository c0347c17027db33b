//! What the present network says about places: the PID of an address, and which PIDs are near each other.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use alto_registry::swarms::{Locator, Place, Section};
use alto_selection::{Group, Tier};
use arc_swap::ArcSwap;
use topo::{Metric, PidId, View};

use crate::state::network::Network;
use crate::state::snapshot::Snapshot;

/// Place of addresses that no PID covers.
const NOWHERE: Place = Place(u32::MAX);

/// Places and costs of one state of the network.
pub(super) struct Guide {
    snapshot: Arc<Snapshot>,
    /// Number of the network map, which changes with the map only, not with costs.
    map: u64,
    /// Greatest cost of a near PID, by PID, computed on first demand. `None` where a PID has no costs.
    near: Vec<OnceLock<Option<f64>>>,
    named: Arc<Named>,
}

/// Numbers of peers that were named to the peers of each PID since the network map last changed.
type Named = Vec<[AtomicU64; 3]>;

/// The guide of the present state, made anew when the state changes.
pub(super) struct Guides {
    network: Arc<Network>,
    current: ArcSwap<Guide>,
    /// Held while a guide is replaced, so that map numbers only grow.
    replacing: Mutex<()>,
}

impl Guides {
    pub(super) fn new(network: Arc<Network>) -> Self {
        let guide = Guide::new(Arc::clone(network.current().snapshot()), 0, None);
        Self { network, current: ArcSwap::from_pointee(guide), replacing: Mutex::new(()) }
    }

    /// Guide of the present state.
    pub(super) fn current(&self) -> Arc<Guide> {
        let published = self.network.current();
        let guide = self.current.load_full();
        if Arc::ptr_eq(&guide.snapshot, published.snapshot()) {
            return guide;
        }
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = self.current.load_full();
        let published = self.network.current();
        if Arc::ptr_eq(&previous.snapshot, published.snapshot()) {
            return previous;
        }
        let tag = |snapshot: &Snapshot| snapshot.view().network_map().tag().to_owned();
        let same_map = tag(&previous.snapshot) == tag(published.snapshot());
        let map = previous.map + u64::from(!same_map);
        let named = same_map.then(|| Arc::clone(&previous.named));
        let guide = Arc::new(Guide::new(Arc::clone(published.snapshot()), map, named));
        self.current.store(Arc::clone(&guide));
        guide
    }
}

impl Guide {
    fn new(snapshot: Arc<Snapshot>, map: u64, named: Option<Arc<Named>>) -> Self {
        let pids = 0..snapshot.view().network_map().len();
        let near = pids.clone().map(|_| OnceLock::new()).collect();
        let named = named.unwrap_or_else(|| Arc::new(pids.map(|_| Default::default()).collect()));
        Self { snapshot, map, near, named }
    }

    /// Counts peers that were named to a peer, by tier.
    pub(super) fn count_named(&self, own: Place, counts: [u64; 3]) {
        if let Some(named) = self.named.get(own.0 as usize) {
            for (counter, count) in named.iter().zip(counts) {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Numbers of peers that were named to the peers of a PID since the network map last changed, by tier.
    pub(super) fn named(&self, own: Place) -> [u64; 3] {
        let counters = self.named.get(own.0 as usize);
        counters.map_or([0; 3], |counters| counters.each_ref().map(|counter| counter.load(Ordering::Relaxed)))
    }

    /// Name of the PID that a place is; none for addresses in no PID.
    pub(super) fn name(&self, place: Place) -> Option<String> {
        let map = self.view().network_map();
        ((place.0 as usize) < map.len()).then(|| map.pid(PidId(place.0)).name().to_string())
    }

    fn view(&self) -> &View {
        self.snapshot.view()
    }

    /// Describes the peers of a section, as seen from a peer at `own`, to a policy.
    ///
    /// Near is a PID from which content costs no more than the mean over all PIDs, the own one included: with two PIDs,
    /// the other one is not near; of many, a very expensive one makes all others near. From an address without costs,
    /// all places are as good as each other.
    pub(super) fn group(&self, own: Place, section: &Section, with_delay: bool) -> Group {
        let Section { place, seeds, leechers, .. } = *section;
        let Some(near) = self.near(own) else {
            return Group { seeds, leechers, tier: Tier::Near, cost: None, delay: None };
        };
        let cost = self.cost(Metric::RoutingCost, place, own);
        let delay = if with_delay { self.cost(Metric::DelayRoundTrip, place, own) } else { None };
        let tier = match cost {
            _ if place == own => Tier::Own,
            Some(cost) if cost <= near => Tier::Near,
            _ => Tier::Far,
        };
        Group { seeds, leechers, tier, cost, delay }
    }

    fn near(&self, own: Place) -> Option<f64> {
        *self.near.get(own.0 as usize)?.get_or_init(|| self.mean_cost(own))
    }

    /// Mean cost to a PID over all PIDs from which it is defined; absent if it is undefined from all others.
    fn mean_cost(&self, own: Place) -> Option<f64> {
        let pids = self.view().network_map().pids().map(|(pid, _)| Place(pid.0));
        let costs = pids.filter_map(|from| Some((from, self.cost(Metric::RoutingCost, from, own)?)));
        let (mut sum, mut count, mut others) = (0.0, 0.0, false);
        for (from, cost) in costs {
            sum += cost;
            count += 1.0;
            others |= from != own;
        }
        // Slightly more than the mean, so that rounding does not separate equal costs.
        (others || self.near.len() == 1).then(|| sum / count * (1.0 + 1e-9)).filter(|mean| mean.is_finite())
    }

    /// Cost of the way that content takes from one place to another.
    fn cost(&self, metric: Metric, from: Place, to: Place) -> Option<f64> {
        let known = |place: Place| ((place.0 as usize) < self.near.len()).then_some(PidId(place.0));
        self.view().pid_cost(metric, known(from)?, known(to)?).map(topo::Value::as_f64)
    }
}

impl Locator for Guide {
    fn version(&self) -> u64 {
        self.map
    }

    fn place(&self, address: IpAddr) -> Place {
        self.view().network_map().lookup(address).map_or(NOWHERE, |pid| Place(pid.0))
    }
}
