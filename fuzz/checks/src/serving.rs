//! The parser of `Range` fields of `alto-peer`.

#[path = "../../../alto-peer/src/serving/range.rs"]
mod range;

/// Part of a content of `size` bytes that a request is for; none if it is for the whole or for nothing.
pub(crate) fn part(headers: &http::HeaderMap, size: u64) -> Option<std::ops::Range<u64>> {
    match range::requested(headers, size, "\"tag\"") {
        range::Requested::Part(part) => Some(part),
        range::Requested::Whole | range::Requested::Unsatisfiable => None,
    }
}
