//! Requests that a resource must be able to answer, made of what the target itself says.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::address;
use crate::context::Context;
use crate::entity::{Mappings, parts};
use crate::http::NoAnswer;
use crate::subject::{CostType, Kind, Resource};
use crate::view::NetworkMap;

impl Context<'_> {
    /// A network map as it was last read; nothing if it cannot be read, which is judged elsewhere.
    pub(crate) fn network_map(&self, resource: &Resource) -> Result<Option<NetworkMap>, NoAnswer> {
        Ok(NetworkMap::read(&self.known(resource)?))
    }

    /// The network map that a resource is about: the one it `uses`, else the default one.
    pub(crate) fn map_behind(&self, resource: &Resource) -> Result<Option<NetworkMap>, NoAnswer> {
        let map = self.subject.network_map_of(resource).or_else(|| self.subject.main_network_map());
        map.map_or(Ok(None), |map| self.network_map(map))
    }

    /// Addresses to ask about, one of each PID of the default network map, at most `most`.
    pub(crate) fn addresses(&self, most: usize) -> Result<Vec<IpAddr>, NoAnswer> {
        let Some(map) = self.subject.main_network_map() else {
            return Ok(Vec::new());
        };
        Ok(self.network_map(map)?.map_or_else(Vec::new, |map| map.address_of_each_pid(most)))
    }

    /// A plain valid request for a POST resource; nothing if not enough is known to make one.
    pub(crate) fn plain_request(&self, resource: &Resource) -> Result<Option<Value>, NoAnswer> {
        let map = self.map_behind(resource)?;
        let pids: Vec<String> =
            map.as_ref().map_or_else(Vec::new, |map| map.pids().into_iter().take(2).map(str::to_owned).collect());
        let addresses: Vec<_> = self.addresses(3)?.into_iter().map(address::to_typed).collect();
        let cost_type = || self.subject.cost_types_of(resource).first().map(CostType::to_json);
        Ok(match resource.kind {
            Kind::FilteredNetworkMap => Some(json!({"pids": pids})),
            Kind::FilteredCostMap => {
                cost_type().map(|cost_type| json!({"cost-type": cost_type, "pids": {"srcs": pids, "dsts": pids}}))
            }
            Kind::EndpointProperty => resource
                .prop_types()
                .first()
                .filter(|_| !addresses.is_empty())
                .map(|property| json!({"properties": [property], "endpoints": addresses})),
            Kind::EndpointCost => cost_type().filter(|_| !addresses.is_empty()).map(
                |cost_type| json!({"cost-type": cost_type, "endpoints": {"srcs": addresses[..1], "dsts": addresses}}),
            ),
            Kind::FilteredPropertyMap => Some(entities_of(&Mappings::of(resource), &addresses, &pids)),
            _ => None,
        })
    }

    /// All POST resources of RFC 7285 and RFC 9240 with a plain valid request each, a few of every kind.
    pub(crate) fn askable(&self) -> Result<Vec<(&Resource, Value)>, NoAnswer> {
        let kinds = [
            Kind::FilteredNetworkMap,
            Kind::FilteredCostMap,
            Kind::EndpointProperty,
            Kind::EndpointCost,
            Kind::FilteredPropertyMap,
        ];
        let mut found = Vec::new();
        for kind in kinds {
            for resource in self.subject.of(kind).take(super::context::MOST_OF_A_KIND) {
                if let Some(request) = self.plain_request(resource)? {
                    found.push((resource, request));
                }
            }
        }
        Ok(found)
    }
}

/// A request for all properties of a few entities of a domain for which some are known; of all entities otherwise.
fn entities_of(mappings: &Mappings, addresses: &[String], pids: &[String]) -> Value {
    let of_domain = |(domain, properties): (&String, &Vec<String>)| {
        let entities: Vec<String> = match parts(domain).1 {
            "pid" => pids.iter().map(|pid| format!("{domain}:{pid}")).collect(),
            // Addresses come with their type.
            kind => {
                let typed = addresses.iter().filter_map(|address| address.strip_prefix(kind));
                typed.filter(|rest| rest.starts_with(':')).map(|rest| format!("{domain}{rest}")).collect()
            }
        };
        (!entities.is_empty() && !properties.is_empty())
            .then(|| json!({"entities": entities, "properties": properties}))
    };
    let all = || json!({"entities": [], "properties": mappings.properties()});
    mappings.0.iter().find_map(of_domain).unwrap_or_else(all)
}
