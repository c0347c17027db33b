//! Checks that any request for a filtered network map is decoded, or rejected with an ALTO error.

use alto_types::FilteredNetworkMapRequest;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Some(request) = crate::decode::<FilteredNetworkMapRequest>(bytes) {
        crate::fault(|| request.pids.len() > 2 && request.address_types.iter().any(|kind| kind == "ipv6"));
    }
}
