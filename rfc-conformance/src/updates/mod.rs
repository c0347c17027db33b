//! Following of resources: everything that the checks of RFC 8895 and RFC 9569 share.
//!
//! - [`sse`] parses Server-Sent Events, [`patch`] applies patches;
//! - [`target`] lists what a service can follow; [`stream`] is one update stream, replayed as it arrives, and
//!   [`view`] one TIPS view;
//! - [`agreement`] compares what was received with what a request returns.

pub(crate) mod agreement;
pub(crate) mod dependencies;
pub(crate) mod patch;
pub(crate) mod sse;
pub(crate) mod stream;
pub(crate) mod target;
pub(crate) mod view;

/// Media type of event streams.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";
/// Media type of requests for update streams.
pub(crate) const STREAM_PARAMS: &str = "application/alto-updatestreamparams+json";
/// Media type of control events.
pub(crate) const STREAM_CONTROL: &str = "application/alto-updatestreamcontrol+json";
/// Media type of merge patches (RFC 7396).
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";
/// Media type of JSON patches (RFC 6902).
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";
/// Media type of views (RFC 9569).
pub(crate) const TIPS: &str = "application/alto-tips+json";
/// Media type of requests for views.
pub(crate) const TIPS_PARAMS: &str = "application/alto-tipsparams+json";
