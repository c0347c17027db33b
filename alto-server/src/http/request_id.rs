//! Request IDs, made of a random part per process and a counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderValue, Request};
use rand::RngExt as _;
use tower_http::request_id::{MakeRequestId, RequestId};

/// Source of request IDs, which are unique in this process and very probably among processes.
#[derive(Clone)]
pub(super) struct RequestIds {
    process: Arc<str>,
    count: Arc<AtomicU64>,
}

impl RequestIds {
    /// Picks the random part.
    pub(super) fn new() -> Self {
        let process: u64 = rand::rng().random();
        Self { process: format!("{process:016x}").into(), count: Arc::default() }
    }
}

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{}-{count:x}", self.process)).ok().map(RequestId::new)
    }
}
