//! Checks that any request for endpoint costs is decoded, or rejected with an ALTO error.
#![no_main]

use alto_types::{EndpointCostRequest, SpeltAddr};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(request) = alto_fuzz::decode::<EndpointCostRequest<SpeltAddr>>(bytes) {
        alto_fuzz::fault(|| request.endpoints.srcs.len() > 1 && request.endpoints.dsts.len() > 2);
    }
});
