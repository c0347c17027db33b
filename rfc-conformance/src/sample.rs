//! Valid requests for the resources of the subject, made from the content of its maps.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::address;
use crate::context::Context;
use crate::entity::{Mappings, parts};
use crate::http::NoAnswer;
use crate::subject::{CostType, Kind, Resource};
use crate::view::NetworkMap;

impl Context<'_> {
    /// Returns a network map in its latest state; `None` if it is unreadable, which is graded elsewhere.
    pub(crate) fn network_map(&self, resource: &Resource) -> Result<Option<NetworkMap>, NoAnswer> {
        Ok(NetworkMap::read(&self.latest(resource)?))
    }

    /// Returns the network map that a resource uses, or the default one.
    pub(crate) fn network_map_for(&self, resource: &Resource) -> Result<Option<NetworkMap>, NoAnswer> {
        let map = self.network_map_of(resource).or_else(|| self.main_network_map());
        map.map_or(Ok(None), |map| self.network_map(map))
    }

    /// Selects at most `most` addresses, one of each PID of the default network map.
    pub(crate) fn addresses(&self, most: usize) -> Result<Vec<IpAddr>, NoAnswer> {
        let Some(map) = self.main_network_map() else {
            return Ok(Vec::new());
        };
        Ok(self.network_map(map)?.map_or_else(Vec::new, |map| map.address_of_each_pid(most)))
    }

    /// Creates a valid request body for a resource; `None` if not enough is known about it.
    pub(crate) fn valid_request(&self, resource: &Resource) -> Result<Option<Value>, NoAnswer> {
        let map = self.network_map_for(resource)?;
        let pids: Vec<String> =
            map.as_ref().map_or_else(Vec::new, |map| map.pids().into_iter().take(2).map(str::to_owned).collect());
        // Addresses of one type, so that the request is as ordinary as can be.
        let mut addresses = self.addresses(8)?;
        let first = addresses.first().copied();
        addresses.retain(|address| first.is_some_and(|first| first.is_ipv4() == address.is_ipv4()));
        let addresses: Vec<_> = addresses.into_iter().take(3).map(address::to_typed).collect();
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

    /// Returns resources that are requested by POST, with a valid request body each, up to a bound for each kind.
    pub(crate) fn valid_requests(&self) -> Result<Vec<(&Resource, Value)>, NoAnswer> {
        let kinds = [
            Kind::FilteredNetworkMap,
            Kind::FilteredCostMap,
            Kind::EndpointProperty,
            Kind::EndpointCost,
            Kind::FilteredPropertyMap,
        ];
        let mut found = Vec::new();
        for kind in kinds {
            for resource in self.of(kind).take(super::context::MOST_OF_A_KIND) {
                if let Some(request) = self.valid_request(resource)? {
                    found.push((resource, request));
                }
            }
        }
        Ok(found)
    }
}

/// Creates a request for known entities of one domain, or for all entities if none are known.
fn entities_of(mappings: &Mappings, addresses: &[String], pids: &[String]) -> Value {
    let of_domain = |(domain, properties): (&String, &Vec<String>)| {
        let entities: Vec<String> = match parts(domain).1 {
            "pid" => pids.iter().map(|pid| format!("{domain}:{pid}")).collect(),
            // Typed addresses begin with the domain type.
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
