//! Counters of the answers of one resource.

use std::sync::{Arc, OnceLock};

use http::StatusCode;
use metrics::{Counter, Histogram, SharedString};

/// Counters of one resource's answers, which the router finds for each request. The handles are created once, because
/// looking them up by label would cost more than the rest of a small answer.
pub(crate) struct Meter {
    pub(super) resource: SharedString,
    duration: Histogram,
    bytes: Counter,
    /// Counters by status code, from 100.
    answers: [OnceLock<Counter>; 500],
}

impl Meter {
    /// Registers the metrics of a resource.
    pub(crate) fn new(resource: SharedString) -> Arc<Self> {
        Arc::new(Self {
            duration: metrics::histogram!("alto_request_duration_seconds", "resource" => resource.clone()),
            bytes: metrics::counter!("alto_response_bytes_total", "resource" => resource.clone()),
            answers: [const { OnceLock::new() }; 500],
            resource,
        })
    }

    /// Records one answer.
    pub(super) fn count(&self, status: StatusCode, seconds: f64, bytes: Option<u64>) {
        if let Some(counter) = self.answers.get(usize::from(status.as_u16()).saturating_sub(100)) {
            let register = || {
                let (resource, status) = (self.resource.clone(), status.as_str().to_owned());
                metrics::counter!("alto_requests_total", "resource" => resource, "status" => status)
            };
            counter.get_or_init(register).increment(1);
        }
        self.duration.record(seconds);
        if let Some(bytes) = bytes {
            self.bytes.increment(bytes);
        }
    }
}
