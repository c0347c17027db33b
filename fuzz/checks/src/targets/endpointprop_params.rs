//! Checks that any request for endpoint properties is decoded, or rejected with an ALTO error.

use alto_types::{EndpointPropertyRequest, SpeltAddr};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Some(request) = crate::decode::<EndpointPropertyRequest<SpeltAddr>>(bytes) {
        crate::fault(|| request.properties.len() > 1 && request.endpoints.len() > 2);
    }
}
