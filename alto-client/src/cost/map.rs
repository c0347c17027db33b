//! Costs between PIDs and the network map they are keyed on (RFC 7285 §11.2.3, §11.3.2; RFC 8189 §4.1).

use std::net::IpAddr;
use std::sync::Arc;

use alto_types::{CostMap as Message, CostMapMeta, MultiCostMapMeta, NoCostType, PidName, ResourceId, VersionTag};
use serde::Serialize;

use super::query::CostQuery;
use super::table::{CostColumn, CostRows, CostTable};
use crate::network_map::NetworkMap;

/// Query for costs between PIDs. The default is `routingcost` in numbers between all PIDs of the default network map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostMapQuery {
    /// Network map that the PIDs belong to; the default one if absent.
    pub network_map: Option<ResourceId>,
    /// Types of the costs, and tests that pairs must pass.
    pub costs: CostQuery,
    /// Source PIDs; all if empty.
    pub sources: Vec<PidName>,
    /// Destination PIDs; all if empty.
    pub destinations: Vec<PidName>,
}

/// Costs by source and destination PID.
#[derive(Clone, Debug, PartialEq)]
pub struct CostMap {
    /// The costs, a column for each type.
    pub table: CostTable<PidName>,
    /// Version of the network map that the PIDs belong to.
    pub depends_on: VersionTag,
    /// Version of the costs, if they are of one type and the server states one.
    pub vtag: Option<VersionTag>,
}

/// A network map and costs between its PIDs, both of one version.
#[derive(Clone, Debug)]
pub struct Maps {
    /// Network map: the PID of each address.
    pub network: Arc<NetworkMap>,
    /// Costs between its PIDs.
    pub costs: CostMap,
}

/// Message of a cost map: of one type (RFC 7285 §11.2.3.6), or of several (RFC 8189 §4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
enum AnyMessage<'a> {
    Single(Message),
    Multi(Message<CostRows<'a, PidName>, MultiCostMapMeta>),
}

impl CostMap {
    /// Cost from one PID to another, of the first type; `None` where it is undefined.
    pub fn get(&self, source: &str, destination: &str) -> Option<f64> {
        self.table.first()?.costs.get(source)?.get(destination).copied()
    }

    /// All defined costs of the first type.
    pub fn iter(&self) -> impl Iterator<Item = (&PidName, &PidName, f64)> {
        self.table.first().into_iter().flat_map(CostColumn::iter)
    }

    /// The map as the message in which a server would have sent it.
    pub fn to_message(&self) -> impl Serialize + use<'_> {
        let dependent_vtags = vec![self.depends_on.clone()];
        match self.table.columns.as_slice() {
            [one] => AnyMessage::Single(Message {
                meta: CostMapMeta { dependent_vtags, cost_type: one.cost_type.clone(), vtag: self.vtag.clone() },
                cost_map: one.costs.clone(),
            }),
            _ => AnyMessage::Multi(Message {
                meta: MultiCostMapMeta {
                    dependent_vtags,
                    cost_type: NoCostType,
                    multi_cost_types: self.table.cost_types().cloned().collect(),
                    vtag: self.vtag.clone(),
                },
                cost_map: self.table.rows(),
            }),
        }
    }
}

impl Maps {
    /// Cost from one address to another, of the first type: the cost from the PID of the one to the PID of the other.
    pub fn cost(&self, source: IpAddr, destination: IpAddr) -> Option<f64> {
        let (source, destination) = self.pids(source, destination)?;
        self.costs.get(source.as_str(), destination.as_str())
    }

    /// Costs from one address to another, one for each type; `None` if all of them are undefined.
    pub fn costs_between(&self, source: IpAddr, destination: IpAddr) -> Option<Vec<Option<f64>>> {
        let (source, destination) = self.pids(source, destination)?;
        self.costs.table.get(source, destination)
    }

    fn pids(&self, source: IpAddr, destination: IpAddr) -> Option<(&PidName, &PidName)> {
        Some((self.network.pid_of(source)?, self.network.pid_of(destination)?))
    }
}
