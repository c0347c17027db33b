//! Names for requests, which the log and the client share: one random part for each process, and a count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderValue, Request};
use rand::RngExt as _;
use tower_http::request_id::{MakeRequestId, RequestId};

/// Makes names that no other request of this process has, nor in all likelihood one of another process.
#[derive(Clone)]
pub(super) struct RequestNames {
    process: Arc<str>,
    count: Arc<AtomicU64>,
}

impl RequestNames {
    pub(super) fn new() -> Self {
        let process: u64 = rand::rng().random();
        Self { process: format!("{process:016x}").into(), count: Arc::default() }
    }
}

impl MakeRequestId for RequestNames {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{}-{count:x}", self.process)).ok().map(RequestId::new)
    }
}
