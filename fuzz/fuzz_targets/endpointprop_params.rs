//! Checks that any request for endpoint properties is decoded, or rejected with an ALTO error.
#![no_main]

use alto_types::{EndpointPropertyRequest, SpeltAddr};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(request) = alto_fuzz::decode::<EndpointPropertyRequest<SpeltAddr>>(bytes) {
        alto_fuzz::fault(|| request.properties.len() > 1 && request.endpoints.len() > 2);
    }
});
