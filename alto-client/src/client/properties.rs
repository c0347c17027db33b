//! Requests for properties of endpoints (RFC 7285 §11.4).

use alto_types::{EndpointPropertyRequest, MediaType, PropertyType, ResourceId, TypedEndpointAddr};

use super::Client;
use super::endpoint_lists::{MAX_LIST, distinct};
use crate::directory::{Directory, Entry, Kind};
use crate::endpoint_properties::EndpointProperties;
use crate::error::Error;

impl Client {
    /// Properties of endpoints, from as many services as it takes. A property that no service offers is an error.
    pub fn endpoint_properties(
        &self,
        endpoints: &[TypedEndpointAddr],
        properties: &[PropertyType],
    ) -> Result<EndpointProperties, Error> {
        if endpoints.is_empty() || properties.is_empty() {
            // RFC 7285 §11.4.1.3.
            return Err(Error::Query("endpoint properties need an endpoint and a property: one of the lists is empty"));
        }
        self.by_directory(|directory| {
            let mut answer = EndpointProperties::default();
            for (service, properties) in services_for(directory, properties)? {
                for endpoints in distinct(endpoints).chunks(MAX_LIST) {
                    let request =
                        EndpointPropertyRequest { properties: properties.clone(), endpoints: endpoints.to_vec() };
                    answer.extend(self.post(service, MediaType::ENDPOINT_PROPERTY, &request, |answer| {
                        EndpointProperties::read(answer, &properties, endpoints)
                    })?);
                }
            }
            Ok(answer)
        })
    }

    /// PIDs of endpoints in a network map, the default one if none is named, looked up by the server.
    /// [`Client::network_map`] gives a map to look them up in without telling the server any address.
    pub fn pids(
        &self,
        network_map: Option<&str>,
        endpoints: &[TypedEndpointAddr],
    ) -> Result<(ResourceId, EndpointProperties), Error> {
        let id = self.by_directory(|directory| Ok(directory.network_map(network_map)?.id().clone()))?;
        let properties = self.endpoint_properties(endpoints, &[PropertyType::pid_of(&id)])?;
        Ok((id, properties))
    }
}

/// Services to ask for properties, each for those that it is the first to offer.
fn services_for<'a>(
    directory: &'a Directory,
    properties: &[PropertyType],
) -> Result<Vec<(&'a Entry, Vec<PropertyType>)>, Error> {
    let services = || directory.of_kind(Kind::EndpointProperty);
    let mut plan: Vec<(&Entry, Vec<PropertyType>)> = Vec::new();
    for property in properties {
        let offers = |entry: &&Entry| entry.capabilities().prop_types.iter().any(|offer| offer == property.as_str());
        let service = services().find(offers).ok_or_else(|| {
            let offered = services().flat_map(|entry| entry.capabilities().prop_types.clone()).collect();
            Error::unsupported(format!("endpoint property {property}"), offered)
        })?;
        match plan.iter_mut().find(|(planned, _)| planned.id() == service.id()) {
            Some((_, properties)) if properties.contains(property) => {}
            Some((_, properties)) => properties.push(property.clone()),
            None => plan.push((service, vec![property.clone()])),
        }
    }
    Ok(plan)
}
