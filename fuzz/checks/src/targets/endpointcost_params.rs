//! Checks that any request for endpoint costs is decoded, or rejected with an ALTO error.

use alto_types::{EndpointCostRequest, SpeltAddr};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Some(request) = crate::decode::<EndpointCostRequest<SpeltAddr>>(bytes) {
        crate::fault(|| request.endpoints.srcs.len() > 1 && request.endpoints.dsts.len() > 2);
    }
}
