//! Checks that any request for a filtered cost map is decoded, or rejected with an ALTO error.

use alto_types::{FilteredCostMapRequest, Tests};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Some(request) = crate::decode::<FilteredCostMapRequest>(bytes) {
        crate::fault(|| match &request.costs.tests {
            Tests::Any(groups) => groups.len() > 2 && groups.iter().flatten().any(|test| test.index > 0),
            Tests::All(_) => false,
        });
    }
}
