//! Polling of the ALTO server for the costs and PIDs of holders.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alto_types::{CostMetric, CostMode, CostType, PidName, TypedEndpointAddr};

use super::Reporter;
use crate::download::interval::Interval;
use crate::policy::{Metrics, Weighted};
use alto_client::{Client, CostQuery, EndpointCostQuery, EndpointCosts, Error};

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
}

/// Addresses whose costs are wanted, shared by the poller and the one that knows the holders.
#[derive(Clone, Debug, Default)]
pub(in crate::download) struct CostTargets(Arc<Mutex<BTreeSet<IpAddr>>>);

/// Polls for costs.
pub(in crate::download) struct CostPoller {
    pub(in crate::download) client: Client,
    /// Metrics to ask for.
    pub(in crate::download) metrics: Metrics,
    /// Address of this peer, for servers that cannot tell it from the connection.
    pub(in crate::download) own: Option<IpAddr>,
    pub(in crate::download) targets: CostTargets,
    pub(in crate::download) interval: Interval,
    pub(in crate::download) reporter: Reporter<CostReport>,
}

impl CostTargets {
    /// Adds an address; false if it is there already.
    pub(in crate::download) fn add(&self, address: IpAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address)
    }

    fn all(&self) -> Vec<IpAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

impl CostPoller {
    /// Polls until the interval is stopped.
    pub(in crate::download) fn run(self) {
        loop {
            let asked = Instant::now();
            let addresses = self.targets.all();
            if !addresses.is_empty() {
                let view = self.poll(&addresses).map_err(|error| error.to_string());
                if !self.reporter.report(view) {
                    return;
                }
            }
            if !self.interval.wait_since(asked) {
                return;
            }
        }
    }

    fn poll(&self, addresses: &[IpAddr]) -> Result<CostView, Error> {
        let (metrics, mut lacking) = self.offered()?;
        let costs = self.costs_from(addresses, &metrics)?.table;
        let mut view = CostView { asked: addresses.iter().copied().collect(), ..CostView::default() };
        // A metric that is offered and has no value for any holder is of no use.
        let has_values = |column: usize| costs.columns.get(column).is_some_and(|column| column.iter().next().is_some());
        let columns: Vec<usize> = (0..metrics.as_slice().len()).filter(|column| has_values(*column)).collect();
        let of = |column: &usize| &metrics.as_slice()[*column].metric;
        let empty: Vec<&CostMetric> =
            (0..metrics.as_slice().len()).filter(|i| !columns.contains(i)).map(|i| of(&i)).collect();
        if !columns.is_empty() && !empty.is_empty() {
            let empty = format!("no holder has a value of {}", listed(&empty));
            lacking = Some(lacking.map_or_else(|| empty.clone(), |lacking| format!("{lacking}; {empty}")));
        }
        let kept = |metric: &CostMetric| columns.is_empty() || columns.iter().any(|column| of(column) == metric);
        view.metrics = metrics.only(kept);
        view.lacking = lacking;
        let rows = costs.rows();
        for (holder, row) in &rows {
            for costs in row.values() {
                view.costs.insert(holder.0, columns.iter().map(|column| costs[*column]).collect());
            }
        }
        // Costs are of use without a network map, too.
        if let Ok(map) = self.client.network_map(None) {
            for address in addresses {
                if let Some(pid) = map.pid_of(*address) {
                    view.pids.insert(*address, pid.clone());
                }
            }
            // The address that the server sees is more reliable than the configured one.
            let seen = rows.values().flat_map(|row| row.keys()).map(|own| own.0).next();
            view.own_pid = seen.or(self.own).and_then(|own| map.pid_of(own)).cloned();
        }
        Ok(view)
    }

    /// The wanted metrics that the server offers, or `routingcost` if none; and which ones it lacks.
    fn offered(&self) -> Result<(Metrics, Option<String>), Error> {
        if self.metrics == Metrics::default() {
            // Every server offers it.
            return Ok((Metrics::default(), None));
        }
        let directory = self.client.directory()?;
        let offered = |metric: &CostMetric| numerical(metric).is_some_and(|kind| directory.has_costs(&kind));
        let all = self.metrics.as_slice().iter().map(|Weighted { metric, .. }| metric);
        let lacking: Vec<&CostMetric> = all.filter(|metric| !offered(metric)).collect();
        let reason = (!lacking.is_empty()).then(|| format!("the ALTO server has no {}", listed(&lacking)));
        Ok((self.metrics.only(offered), reason))
    }

    /// Costs from the holders to this peer, the direction in which content flows. No destination means the client itself
    /// (RFC 7285 §11.5.1.3); a server that cannot do that is given the address of this peer.
    fn costs_from(&self, addresses: &[IpAddr], metrics: &Metrics) -> Result<EndpointCosts, Error> {
        let sources: Vec<TypedEndpointAddr> = addresses.iter().map(|address| (*address).into()).collect();
        let types = metrics.as_slice().iter().filter_map(|one| numerical(&one.metric));
        let query = EndpointCostQuery { costs: CostQuery::of(types), sources, destinations: Vec::new() };
        let implied = self.client.endpoint_costs(&query);
        match (implied, self.own) {
            (Err(Error::Alto(_) | Error::Unsupported { .. } | Error::Query(_)), Some(own)) => {
                let destinations = vec![own.into()];
                self.client.endpoint_costs(&EndpointCostQuery { destinations, ..query })
            }
            (implied, _) => implied,
        }
    }
}

fn numerical(metric: &CostMetric) -> Option<CostType> {
    Some(CostType::new(metric.clone(), CostMode::NUMERICAL.parse().ok()?))
}

fn listed(metrics: &[&CostMetric]) -> String {
    metrics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
