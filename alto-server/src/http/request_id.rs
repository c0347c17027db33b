//! Request IDs, made of a random part per process and a counter.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt as _;

/// Field that has the ID of a request, in requests and in answers.
const FIELD: HeaderName = HeaderName::from_static("x-request-id");

/// Source of request IDs, which are unique in this process and very probably among processes.
pub(super) struct RequestIds {
    process: String,
    count: AtomicU64,
}

impl RequestIds {
    /// Picks the random part.
    pub(super) fn new() -> Self {
        let process: u64 = rand::rng().random();
        Self { process: format!("{process:016x}"), count: AtomicU64::new(0) }
    }

    /// ID that the client has given its request, or a new one.
    pub(super) fn of(&self, request: &HeaderMap) -> Option<HeaderValue> {
        request.get(FIELD).cloned().or_else(|| {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            HeaderValue::try_from(format!("{}-{count:x}", self.process)).ok()
        })
    }
}

/// Tells the client the ID of its request.
pub(super) fn tell(id: Option<HeaderValue>, answer: &mut HeaderMap) {
    if let Some(id) = id {
        answer.entry(FIELD).or_insert(id);
    }
}
