//! What metrics are computed from: the totals of a route, accumulated edge by edge.

use super::graph::Edge;
use super::loss::Success;
use crate::model::parts::Link;
use crate::value::Value;

/// The contribution of one edge to the values of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Attributes {
    /// Cost that route selection minimises.
    pub(crate) cost: Value,
    /// Surcharge on the routing cost.
    pub(crate) price: Value,
    /// Delay in microseconds.
    pub(crate) delay: Value,
    /// Share of packets delivered.
    pub(crate) success: Success,
    /// Bandwidth in bytes per second.
    pub(crate) residual: Value,
    /// Unused bandwidth in bytes per second.
    pub(crate) available: Value,
    /// Whether the edge counts as a hop.
    pub(crate) hop: bool,
}

/// The values of a route that somebody asks for. Some are known without following the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Cost, price and hops; other values may be those of an empty route.
    CostAndHops,
    /// All values.
    Everything,
}

/// The totals of a route, from which every metric computes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measures {
    /// Cost that route selection minimised.
    pub(crate) cost: Value,
    /// Sum of the surcharges on the routing cost.
    pub(crate) price: Value,
    /// Number of links, which breaks ties.
    pub(crate) links: u32,
    /// Number of links that count as hops.
    pub(crate) hops: u32,
    /// Sum of the delays in microseconds.
    pub(crate) delay: Value,
    /// Share of packets delivered.
    pub(crate) success: Success,
    /// Smallest bandwidth, or [`NO_BOTTLENECK`].
    pub(crate) residual: Value,
    /// Smallest unused bandwidth, or [`NO_BOTTLENECK`].
    pub(crate) available: Value,
}

/// The bandwidth of a way without links.
pub(crate) const NO_BOTTLENECK: Value = Value::from_micros(u64::MAX);

impl Attributes {
    pub(crate) fn of(edge: &Edge) -> Self {
        let Edge { cost, price, delay, success, residual, available, hop, .. } = *edge;
        Self { cost, price, delay, success, residual, available, hop }
    }

    /// Returns whether the edge adds a hop and no price, as most edges do.
    pub(crate) fn is_plain(&self) -> bool {
        self.hop && self.price == Value::ZERO
    }

    /// Returns what a link contributes as configured, as if nothing had been measured on it.
    pub(crate) fn configured(link: &Link, cost: Value, hop: bool) -> Self {
        let value = |number: f64| Value::from_f64(number).unwrap_or_default();
        let bandwidth = value(link.bandwidth * 125_000.0);
        Self {
            cost,
            price: value(link.price),
            delay: value(link.delay * 1000.0),
            success: Success::of_loss(value(link.loss)),
            residual: bandwidth,
            available: bandwidth,
            hop,
        }
    }
}

impl Measures {
    /// Measures of the empty route.
    pub(crate) const EMPTY: Self = Self {
        cost: Value::ZERO,
        price: Value::ZERO,
        links: 0,
        hops: 0,
        delay: Value::ZERO,
        success: Success::ALWAYS,
        residual: NO_BOTTLENECK,
        available: NO_BOTTLENECK,
    };

    /// Returns all values as bytes, for hashing, after a number that tells what they belong to.
    pub(crate) fn to_bytes(self, number: u64) -> [u8; 64] {
        let Self { cost, price, links, hops, delay, success, residual, available } = self;
        let [cost, price, delay, residual, available] = [cost, price, delay, residual, available].map(Value::micros);
        let counts = u64::from(links) << 32 | u64::from(hops);
        let mut bytes = [0; 64];
        let numbers = [number, cost, price, delay, residual, available, success.units(), counts];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    /// Returns the measures of the route extended by one edge, at either end.
    pub(crate) fn with(self, edge: &Attributes) -> Self {
        Self {
            cost: self.cost.plus(edge.cost),
            price: self.price.plus(edge.price),
            links: self.links.saturating_add(1),
            hops: self.hops.saturating_add(u32::from(edge.hop)),
            delay: self.delay.plus(edge.delay),
            success: self.success.and(edge.success),
            residual: self.residual.min(edge.residual),
            available: self.available.min(edge.available),
        }
    }
}
