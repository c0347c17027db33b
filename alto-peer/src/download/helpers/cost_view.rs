//! Costs and PIDs of holders, as one answer of the ALTO server has them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use alto_client::{EndpointCostQuery, EndpointCosts, NetworkMap};
use alto_types::{CostMetric, CostMode, CostType, PidName};

use crate::events::CostSource;
use crate::policy::Metrics;

/// An answer of the ALTO server, or why there is none.
pub(in crate::download) type CostReport = Result<CostView, String>;

/// Costs of the routes from holders to this peer, and the PIDs of both.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::download) struct CostView {
    /// A cost per metric for each holder; `None` where it is undefined.
    pub(in crate::download) costs: BTreeMap<IpAddr, Vec<Option<f64>>>,
    /// Metrics of the costs, in order.
    pub(in crate::download) metrics: Metrics,
    /// Reason why these differ from the metrics asked for.
    pub(in crate::download) lacking: Option<String>,
    /// PIDs of the holders, as far as there is a network map.
    pub(in crate::download) pids: BTreeMap<IpAddr, PidName>,
    /// PID of this peer.
    pub(in crate::download) own_pid: Option<PidName>,
    /// Addresses that the costs were asked for.
    pub(in crate::download) asked: BTreeSet<IpAddr>,
    /// Origin of the costs.
    pub(in crate::download) by: CostSource,
}

/// A question about costs that the server has answered, and can tell of changes of.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::download) struct CostQuestion {
    pub(in crate::download) query: EndpointCostQuery,
    /// Metrics asked for.
    pub(in crate::download) metrics: Metrics,
    /// Metrics that were wanted and that the server does not have, in words.
    pub(in crate::download) lacking: Option<String>,
    /// Address of this peer, for servers that cannot tell it from the connection.
    pub(in crate::download) own: Option<IpAddr>,
}

impl CostQuestion {
    /// Addresses of the holders.
    pub(in crate::download) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.query.sources.iter().map(|source| source.0)
    }

    /// Reads an answer. Costs are of use without a network map, too.
    pub(in crate::download) fn view(&self, costs: &EndpointCosts, map: Option<&NetworkMap>) -> CostView {
        let (table, metrics) = (&costs.table, self.metrics.as_slice());
        // A metric that is offered and has no value for any holder is of no use.
        let has_values = |column: usize| table.columns.get(column).is_some_and(|column| column.iter().next().is_some());
        let columns: Vec<usize> = (0..metrics.len()).filter(|column| has_values(*column)).collect();
        let of = |column: &usize| &metrics[*column].metric;
        let empty: Vec<&CostMetric> = (0..metrics.len()).filter(|i| !columns.contains(i)).map(|i| of(&i)).collect();
        let mut lacking = self.lacking.clone();
        if !columns.is_empty() && !empty.is_empty() {
            let empty = format!("no holder has a value of {}", listed(&empty));
            lacking = Some(lacking.map_or_else(|| empty.clone(), |lacking| format!("{lacking}; {empty}")));
        }
        let kept = |metric: &CostMetric| columns.is_empty() || columns.iter().any(|column| of(column) == metric);
        let mut view = CostView {
            metrics: self.metrics.only(kept),
            lacking,
            asked: self.addresses().collect(),
            ..CostView::default()
        };
        let rows = table.rows();
        for (holder, row) in &rows {
            for costs in row.values() {
                view.costs.insert(holder.0, columns.iter().map(|column| costs[*column]).collect());
            }
        }
        if let Some(map) = map {
            let pid = |address: IpAddr| Some((address, map.pid_of(address)?.clone()));
            view.pids = self.addresses().filter_map(pid).collect();
            // The address that the server sees is more reliable than the configured one.
            let seen = rows.values().flat_map(|row| row.keys()).map(|own| own.0).next();
            view.own_pid = seen.or(self.own).and_then(|own| map.pid_of(own)).cloned();
        }
        view
    }
}

/// Cost type of a metric in numbers.
pub(super) fn numerical(metric: &CostMetric) -> Option<CostType> {
    Some(CostType::new(metric.clone(), CostMode::NUMERICAL.parse().ok()?))
}

/// Names of metrics, in words.
pub(super) fn listed(metrics: &[&CostMetric]) -> String {
    metrics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
