//! Checks that any query string of an announcement or a scrape is refused, or says the same once it was written again.

use alto_types::tracker::announce::{AnnounceRequest, Event};
use alto_types::tracker::scrape::infohashes_from_query;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    if let Ok(infohashes) = infohashes_from_query(query) {
        assert!((1..=74).contains(&infohashes.len()));
    }
    if let Ok(request) = AnnounceRequest::from_query(query) {
        assert_eq!(AnnounceRequest::from_query(&request.to_query()).as_ref(), Ok(&request));
        crate::fault(|| request.event == Event::Completed && request.wanted == Some(7));
    }
}
