//! Costs of many ways to the same place, what all of them need being found once.

use super::{Endpoint, View};
use crate::means::memo::Column;
use crate::metric::Metric;
use crate::prefix::network_map::PidId;
use crate::value::Value;

/// Costs in one metric to one PID.
pub struct IntoPid<'a> {
    view: &'a View,
    metric: Metric,
    destination: PidId,
    /// Costs that are remembered whatever they took to compute; absent if there are no such costs.
    column: Option<&'a Column>,
}

/// Costs in one metric to one endpoint.
pub struct IntoEndpoint<'a> {
    view: &'a View,
    metric: Metric,
    destination: &'a Endpoint,
    /// Costs to its PID, for sources that are no hosts; absent if the destination is a host or has no PID.
    by_pid: Option<IntoPid<'a>>,
}

impl View {
    /// Returns the costs to a PID.
    pub fn costs_into_pid(&self, metric: Metric, destination: PidId) -> IntoPid<'_> {
        let is_kept = metric.round_trip_of().is_none() && self.memo.keeps_single_lookups();
        let column = is_kept.then(|| self.memo.column(metric, destination.0));
        IntoPid { view: self, metric, destination, column }
    }

    /// Returns the costs to an endpoint.
    pub fn costs_into<'a>(&'a self, metric: Metric, destination: &'a Endpoint) -> IntoEndpoint<'a> {
        let pid = destination.pid.filter(|_| destination.host.is_none());
        let by_pid = pid.map(|pid| self.costs_into_pid(metric, pid));
        IntoEndpoint { view: self, metric, destination, by_pid }
    }
}

impl IntoPid<'_> {
    /// Returns the cost from a PID; the same as [`View::pid_cost`].
    #[inline]
    pub fn from(&self, source: PidId) -> Option<Value> {
        let Self { view, metric, destination, column } = *self;
        match column {
            Some(column) => column.get(source.0, || view.mean_cost(metric, source, destination)),
            None => view.pid_cost(metric, source, destination),
        }
    }
}

impl IntoEndpoint<'_> {
    /// Returns the cost from an endpoint; the same as [`View::cost_between`].
    #[inline]
    pub fn from(&self, source: &Endpoint) -> Option<Value> {
        match &self.by_pid {
            Some(by_pid) if source.host.is_none() && source.address != self.destination.address => {
                by_pid.from(source.pid?)
            }
            _ => self.view.cost_between(self.metric, source, self.destination),
        }
    }
}
