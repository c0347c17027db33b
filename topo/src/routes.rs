//! What a route amounts to, and how that comes together arc by arc.
//!
//! A route is a path of least total cost; of those, one with fewest links; of those, the one whose sequence of node
//! names is smallest. Hosts never carry transit. All metrics are measured along that one route.

use crate::graph::Arc;
use crate::loss::Success;
use crate::metric::Metric;
use crate::name::NodeName;
use crate::value::Value;

/// What passing one arc adds to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Attributes {
    /// What routes are chosen by.
    pub(crate) cost: Value,
    /// What comes on top in the routing cost.
    pub(crate) price: Value,
    /// Microseconds.
    pub(crate) delay: Value,
    /// What of the packets arrives.
    pub(crate) success: Success,
    /// Bytes per second.
    pub(crate) residual: Value,
    /// Bytes per second.
    pub(crate) available: Value,
}

/// What a route amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measures {
    /// What the route was chosen by.
    pub(crate) cost: Value,
    /// What its links ask for on top.
    price: Value,
    pub(crate) hops: u32,
    pub(crate) delay: Value,
    success: Success,
    /// Without meaning on the route of no link, which has no bottleneck.
    residual: Value,
    available: Value,
}

/// A route between two hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    nodes: Vec<NodeName>,
    links: Vec<u32>,
    measures: Measures,
}

impl Attributes {
    pub(crate) fn of(arc: &Arc) -> Self {
        let Arc { cost, price, delay, success, residual, available, .. } = *arc;
        Self { cost, price, delay, success, residual, available }
    }
}

impl Measures {
    /// The route of no link.
    pub(crate) const NONE: Self = Self {
        cost: Value::ZERO,
        price: Value::ZERO,
        hops: 0,
        delay: Value::ZERO,
        success: Success::ALWAYS,
        residual: Value::from_micros(u64::MAX),
        available: Value::from_micros(u64::MAX),
    };

    /// In place of a route that is not there.
    pub(crate) const UNREACHED: Self = Self { hops: u32::MAX, ..Self::NONE };

    /// The route with one arc more, at either end.
    pub(crate) fn with(self, arc: &Attributes) -> Self {
        Self {
            cost: self.cost.plus(arc.cost),
            price: self.price.plus(arc.price),
            hops: self.hops.saturating_add(1),
            delay: self.delay.plus(arc.delay),
            success: self.success.and(arc.success),
            residual: self.residual.min(arc.residual),
            available: self.available.min(arc.available),
        }
    }

    /// The value of a metric; nothing where the route alone does not have one.
    pub(crate) fn value(&self, metric: Metric) -> Option<Value> {
        match metric {
            Metric::RoutingCost => Some(self.cost.plus(self.price)),
            Metric::HopCount => Some(Value::from_integer(self.hops.into())),
            Metric::DelayOneWay => Some(self.delay),
            // The way back is another route.
            Metric::DelayRoundTrip => None,
            Metric::LossRate => Some(self.success.loss()),
            Metric::ResidualBandwidth => (self.hops > 0).then_some(self.residual),
            Metric::AvailableBandwidth => (self.hops > 0).then_some(self.available),
        }
    }
}

impl Route {
    pub(crate) fn new(nodes: Vec<NodeName>, links: Vec<u32>, measures: Measures) -> Self {
        Self { nodes, links, measures }
    }

    /// All nodes on the way, both ends included.
    pub fn nodes(&self) -> &[NodeName] {
        &self.nodes
    }

    /// The link from each node to the next, by its place in the topology: of several between two nodes, the one that
    /// is taken.
    pub fn links(&self) -> &[u32] {
        &self.links
    }

    /// What the route amounts to; bandwidth is undefined where no link is used, and the delay of a round trip for
    /// every route, as the way back is another one.
    pub fn value(&self, metric: Metric) -> Option<Value> {
        self.measures.value(metric)
    }
}
