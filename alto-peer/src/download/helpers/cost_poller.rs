//! Polling of the ALTO server for the costs and PIDs of holders, unless it tells of changes by itself.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alto_client::{Basis, Client, CostQuery, EndpointCostQuery, EndpointCosts, Error};
use alto_types::{CostMetric, TypedEndpointAddr};

use super::Reporter;
use super::cost_follower::CostFollower;
use super::cost_view::{CostQuestion, CostReport, CostView, listed, numerical};
use crate::download::follow::Follow;
use crate::download::interval::Interval;
use crate::policy::{Metrics, Weighted};

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
    /// Ways in which costs are followed once they were asked for.
    pub(in crate::download) follow: Follow,
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
    /// Polls until the interval is stopped. What is followed meanwhile is not asked for again.
    pub(in crate::download) fn run(self) {
        let follower = CostFollower::start(&self.client, self.follow, &self.reporter);
        loop {
            let asked = Instant::now();
            let addresses = self.targets.all();
            let is_followed = || follower.as_ref().is_some_and(|follower| follower.covers(&addresses));
            if !addresses.is_empty() && !is_followed() {
                let report = self.poll(&addresses).map(|(view, question)| {
                    // First, so that no older answer comes behind this one.
                    if let (Some(follower), Some(question)) = (&follower, question) {
                        follower.follow(question);
                    }
                    view
                });
                if !self.reporter.report(report.map_err(|error| error.to_string())) {
                    return;
                }
            }
            if !self.interval.wait_since(asked) {
                return;
            }
        }
    }

    /// Asks once. Returns the question as well, if its answer can be followed.
    fn poll(&self, addresses: &[IpAddr]) -> Result<(CostView, Option<CostQuestion>), Error> {
        let (metrics, lacking) = self.offered()?;
        let (query, costs) = self.costs_from(addresses, &metrics)?;
        let question = CostQuestion { query, metrics, lacking, own: self.own };
        let map = self.client.network_map(None).ok();
        let view = question.view(&costs, map.as_deref());
        Ok((view, Some(question).filter(|_| costs.basis == Basis::Service)))
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
    fn costs_from(&self, addresses: &[IpAddr], metrics: &Metrics) -> Result<(EndpointCostQuery, EndpointCosts), Error> {
        let sources: Vec<TypedEndpointAddr> = addresses.iter().map(|address| (*address).into()).collect();
        let types = metrics.as_slice().iter().filter_map(|one| numerical(&one.metric));
        let query = EndpointCostQuery { costs: CostQuery::of(types), sources, destinations: Vec::new() };
        let implied = self.client.endpoint_costs(&query);
        match (implied, self.own) {
            (Err(Error::Alto(_) | Error::Unsupported { .. } | Error::Query(_)), Some(own)) => {
                let query = EndpointCostQuery { destinations: vec![own.into()], ..query };
                self.client.endpoint_costs(&query).map(|costs| (query, costs))
            }
            (implied, _) => implied.map(|costs| (query, costs)),
        }
    }
}
