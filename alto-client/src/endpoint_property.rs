//! Properties of endpoints (RFC 7285 §11.4).

use std::collections::{BTreeMap, HashSet};

use alto_types::{
    EndpointProperties as Message, EndpointPropertyMeta, PropertyType, ResourceId, TypedEndpointAddr, VersionTag,
};

use super::by_endpoint::ByEndpoint;
use super::decode;
use super::error::Error;
use super::exchange::Answer;

/// Property values by endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointProperties {
    /// The versions of the network maps that PIDs were looked up in.
    pub vtags: Vec<VersionTag>,
    /// What is absent is undefined for that endpoint.
    pub values: BTreeMap<TypedEndpointAddr, BTreeMap<PropertyType, String>>,
}

impl EndpointProperties {
    /// The value of a property of an endpoint, where it is defined.
    pub fn get(&self, endpoint: TypedEndpointAddr, property: &PropertyType) -> Option<&str> {
        self.values.get(&endpoint)?.get(property).map(String::as_str)
    }

    /// The PID of an endpoint in a network map, where `MAP.pid` was asked for and is defined.
    pub fn pid_of(&self, endpoint: TypedEndpointAddr, network_map: &ResourceId) -> Option<&str> {
        self.get(endpoint, &PropertyType::pid_of(network_map))
    }

    /// The properties as a message.
    pub fn to_message(&self) -> Message {
        let meta = EndpointPropertyMeta { dependent_vtags: self.vtags.clone() };
        Message { meta, endpoint_properties: self.values.clone() }
    }

    /// Reads an answer, leaving out what nobody asked for.
    pub(crate) fn read(
        answer: &Answer,
        properties: &[PropertyType],
        endpoints: &[TypedEndpointAddr],
    ) -> Result<Self, Error> {
        let message: Message<ByEndpoint<BTreeMap<String, String>>> = decode::message(answer)?;
        let asked: HashSet<&TypedEndpointAddr> = endpoints.iter().collect();
        let mut values: BTreeMap<TypedEndpointAddr, BTreeMap<PropertyType, String>> = BTreeMap::new();
        for (endpoint, mut of_endpoint) in message.endpoint_properties.0 {
            if asked.contains(&endpoint) {
                let wanted = properties.iter().filter_map(|property| {
                    of_endpoint.remove(property.as_str()).map(|value| (property.clone(), value))
                });
                values.insert(endpoint, wanted.collect());
            }
        }
        Ok(Self { vtags: message.meta.dependent_vtags, values })
    }

    /// Adds the answer to another part of one question.
    pub(crate) fn extend(&mut self, more: Self) {
        for vtag in more.vtags {
            if !self.vtags.contains(&vtag) {
                self.vtags.push(vtag);
            }
        }
        for (endpoint, values) in more.values {
            self.values.entry(endpoint).or_default().extend(values);
        }
    }
}
