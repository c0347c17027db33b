//! Checks that any request for a filtered property map is decoded, or rejected with an ALTO error, and that decoded
//! requests and entities round-trip.

use alto_types::{DomainType, Entity, PropertyMapRequest, decode_request};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let Some(request) = crate::decode::<PropertyMapRequest>(bytes) else { return };
    for id in &request.entities {
        for domain in [DomainType::Ipv4, DomainType::Ipv6, DomainType::Pid] {
            let written = match Entity::parse(domain, id) {
                Some(Entity::Net(net)) => net.to_string(),
                Some(Entity::Pid(name)) => name.to_string(),
                None => continue,
            };
            assert_eq!(Entity::parse(domain, &written), Entity::parse(domain, id));
        }
    }
    let written = serde_json::to_vec(&request).expect("requests are plain data");
    assert_eq!(decode_request(&written).as_ref(), Ok(&request));
    crate::fault(|| request.entities.len() > 2 && request.properties.is_some_and(|list| list.len() > 1));
}
