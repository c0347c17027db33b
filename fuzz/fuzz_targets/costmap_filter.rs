//! Checks that any request for a filtered cost map is decoded, or rejected with an ALTO error.
#![no_main]

use alto_types::{FilteredCostMapRequest, Tests};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(request) = alto_fuzz::decode::<FilteredCostMapRequest>(bytes) {
        alto_fuzz::fault(|| match &request.costs.tests {
            Tests::Any(groups) => groups.len() > 2 && groups.iter().flatten().any(|test| test.index > 0),
            Tests::All(_) => false,
        });
    }
});
