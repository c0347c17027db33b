//! Lists of endpoints cut to what servers take in one request.

use std::collections::HashSet;

use alto_types::TypedEndpointAddr;

/// Largest number of endpoints in one list of one request; servers bound the size of bodies.
pub(super) const MAX_LIST: usize = 10_000;
/// Largest number of costs in one answer.
const MAX_COSTS: usize = 100_000;

/// Sources and destinations of each request that a query takes. A query that is not divisible is one request.
pub(super) fn portions(
    sources: &[TypedEndpointAddr],
    destinations: &[TypedEndpointAddr],
    costs_of_pair: usize,
    divisible: bool,
) -> Vec<(Vec<TypedEndpointAddr>, Vec<TypedEndpointAddr>)> {
    let (sources, destinations) = (distinct(sources), distinct(destinations));
    let mut portions = Vec::new();
    for sources in parts(&sources, if divisible { MAX_LIST } else { usize::MAX }) {
        let fitting = (MAX_COSTS / costs_of_pair.max(1) / sources.len().max(1)).clamp(1, MAX_LIST);
        for destinations in parts(&destinations, if divisible { fitting } else { usize::MAX }) {
            portions.push((sources.to_vec(), destinations.to_vec()));
        }
    }
    portions
}

/// Parts of a list; an empty list, which stands for this client, is one part.
fn parts<T>(list: &[T], size: usize) -> Vec<&[T]> {
    if list.is_empty() { vec![list] } else { list.chunks(size).collect() }
}

/// The endpoints in their order, without repetition.
pub(super) fn distinct(endpoints: &[TypedEndpointAddr]) -> Vec<TypedEndpointAddr> {
    let mut seen = HashSet::new();
    endpoints.iter().filter(|endpoint| seen.insert(**endpoint)).copied().collect()
}
