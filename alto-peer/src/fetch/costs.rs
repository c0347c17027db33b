//! What holders cost, as the ALTO server says, again and again while a download runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alto_types::{PidName, TypedEndpointAddr};

use super::engine::Message;
use super::pace::Pace;
use crate::client::{Client, EndpointCostQuery, EndpointCosts, Error};

/// Costs of the ways from holders to us, and where everybody is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CostView {
    /// What is absent is undefined.
    pub(super) costs: BTreeMap<IpAddr, f64>,
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
        let costs = self.costs_from(addresses)?;
        let mut view = CostView { asked: addresses.iter().copied().collect(), ..CostView::default() };
        for (holder, _, cost) in costs.iter() {
            view.costs.insert(holder.0, cost);
        }
        // Without a network map there are costs all the same.
        if let Ok(map) = self.client.network_map(None) {
            for address in addresses {
                if let Some(pid) = map.pid_of(*address) {
                    view.pids.insert(*address, pid.clone());
                }
            }
            // The address that the server sees, rather than the one we believe to have.
            let seen = costs.iter().map(|(_, own, _)| own.0).next();
            view.own_pid = seen.or(self.own).and_then(|own| map.pid_of(own)).cloned();
        }
        Ok(view)
    }

    /// The content goes from the holders to us, so they are the sources. No destination means the client itself
    /// (RFC 7285 §11.5.1.3); where a server cannot do that, we say who we are.
    fn costs_from(&self, addresses: &[IpAddr]) -> Result<EndpointCosts, Error> {
        let sources: Vec<TypedEndpointAddr> = addresses.iter().map(|address| (*address).into()).collect();
        let query = EndpointCostQuery { sources, ..EndpointCostQuery::default() };
        let implied = self.client.endpoint_costs(&query);
        match (implied, self.own) {
            (Err(Error::Alto(_) | Error::Unsupported { .. } | Error::Question(_)), Some(own)) => {
                self.client.endpoint_costs(&EndpointCostQuery { destinations: vec![own.into()], ..query })
            }
            (implied, _) => implied,
        }
    }
}
