//! Checks that any request for a filtered network map is decoded, or rejected with an ALTO error.
#![no_main]

use alto_types::FilteredNetworkMapRequest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(request) = alto_fuzz::decode::<FilteredNetworkMapRequest>(bytes) {
        alto_fuzz::fault(|| request.pids.len() > 2 && request.address_types.iter().any(|kind| kind == "ipv6"));
    }
});
