//! What holders cost, as the ALTO server says, again and again while a download runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alto_types::{CostMetric, CostMode, CostType, PidName, TypedEndpointAddr};

use super::engine::Message;
use super::pace::Pace;
use crate::policy::{Metrics, Weighted};
use alto_client::{Client, CostQuery, EndpointCostQuery, EndpointCosts, Error};

/// Costs of the ways from holders to us, and where everybody is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CostView {
    /// By these metrics, as many of each holder. What is absent is undefined.
    pub(super) costs: BTreeMap<IpAddr, Vec<Option<f64>>>,
    pub(super) metrics: Metrics,
    /// Why these are others than those that were asked for.
    pub(super) lacking: Option<String>,
    pub(super) pids: BTreeMap<IpAddr, PidName>,
    pub(super) own_pid: Option<PidName>,
    /// Whose costs were asked for.
    pub(super) asked: BTreeSet<IpAddr>,
}

/// The addresses whose costs are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(Arc<Mutex<BTreeSet<IpAddr>>>);

/// Asks for costs.
pub(super) struct CostAsker {
    pub(super) client: Client,
    pub(super) metrics: Metrics,
    /// Our own address, for servers that cannot see it.
    pub(super) own: Option<IpAddr>,
    pub(super) addresses: Addresses,
    pub(super) pace: Pace,
    pub(super) messages: Sender<Message>,
}

impl Addresses {
    /// Also this one; whether it is new.
    pub(super) fn add(&self, address: IpAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address)
    }

    fn all(&self) -> Vec<IpAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

impl CostAsker {
    /// Asks until the pace is stopped.
    pub(super) fn run(self) {
        loop {
            let asked = Instant::now();
            let addresses = self.addresses.all();
            if !addresses.is_empty() {
                let view = self.ask(&addresses).map_err(|error| error.to_string());
                if self.messages.send(Message::Costs(view)).is_err() {
                    return;
                }
            }
            if !self.pace.rest(asked) {
                return;
            }
        }
    }

    fn ask(&self, addresses: &[IpAddr]) -> Result<CostView, Error> {
        let (metrics, mut lacking) = self.offered()?;
        let costs = self.costs_from(addresses, &metrics)?.table;
        let mut view = CostView { asked: addresses.iter().copied().collect(), ..CostView::default() };
        // A metric that is offered and has no value is as good as none.
        let valued = |column: usize| costs.columns.get(column).is_some_and(|column| column.iter().next().is_some());
        let columns: Vec<usize> = (0..metrics.as_slice().len()).filter(|column| valued(*column)).collect();
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
        // Without a network map there are costs all the same.
        if let Ok(map) = self.client.network_map(None) {
            for address in addresses {
                if let Some(pid) = map.pid_of(*address) {
                    view.pids.insert(*address, pid.clone());
                }
            }
            // The address that the server sees, rather than the one we believe to have.
            let seen = rows.values().flat_map(|row| row.keys()).map(|own| own.0).next();
            view.own_pid = seen.or(self.own).and_then(|own| map.pid_of(own)).cloned();
        }
        Ok(view)
    }

    /// Those of the metrics that the server has, or `routingcost`; and what it lacks.
    fn offered(&self) -> Result<(Metrics, Option<String>), Error> {
        if self.metrics == Metrics::default() {
            // What every server has.
            return Ok((Metrics::default(), None));
        }
        let directory = self.client.directory()?;
        let offered = |metric: &CostMetric| numerical(metric).is_some_and(|kind| directory.has_costs(&kind));
        let all = self.metrics.as_slice().iter().map(|Weighted { metric, .. }| metric);
        let lacking: Vec<&CostMetric> = all.filter(|metric| !offered(metric)).collect();
        let reason = (!lacking.is_empty()).then(|| format!("the ALTO server has no {}", listed(&lacking)));
        Ok((self.metrics.only(offered), reason))
    }

    /// The content goes from the holders to us, so they are the sources. No destination means the client itself
    /// (RFC 7285 §11.5.1.3); where a server cannot do that, we say who we are.
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
