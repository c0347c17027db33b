//! Properties of endpoints (RFC 7285 §11.4).

use std::collections::{BTreeMap, HashSet};

use alto_types::{
    EndpointProperties as Message, EndpointPropertyMeta, PropertyType, ResourceId, TypedEndpointAddr, VersionTag,
};

use crate::cost::ByEndpoint;
use crate::decode;
use crate::error::Error;
use crate::exchange::Answer;

/// Property values by endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointProperties {
    /// Versions of the network maps that PIDs were looked up in.
    pub vtags: Vec<VersionTag>,
    /// Values by endpoint and property; an absent one is undefined.
    pub values: BTreeMap<TypedEndpointAddr, BTreeMap<PropertyType, String>>,
}

impl EndpointProperties {
    /// Value of a property of an endpoint; `None` if it is undefined.
    pub fn get(&self, endpoint: impl Into<TypedEndpointAddr>, property: &PropertyType) -> Option<&str> {
        self.values.get(&endpoint.into())?.get(property).map(String::as_str)
    }

    /// PID of an endpoint in a network map; `None` if its property `MAP.pid` was not asked for or is undefined.
    pub fn pid_of(&self, endpoint: impl Into<TypedEndpointAddr>, network_map: &ResourceId) -> Option<&str> {
        self.get(endpoint, &PropertyType::pid_of(network_map))
    }

    /// The properties as the message in which a server would have sent them.
    pub fn to_message(&self) -> Message {
        let meta = EndpointPropertyMeta { dependent_vtags: self.vtags.clone() };
        Message { meta, endpoint_properties: self.values.clone() }
    }

    /// Decodes an answer, without what was not asked for.
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

    /// Adds the answer to another part of the same query.
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
