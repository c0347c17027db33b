//! Resources that answer requests with input parameters (RFC 7285 §8.3.2).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use alto_types::{MediaType, Message, ProtocolError, Request, decode_request};
use http::header::{CACHE_CONTROL, HeaderValue};

use super::limits::WorkLimits;
use crate::http::access::Access;
use crate::http::answer::Answer;
use crate::http::representation::insert_last_modified;
use crate::http::{Exchange, HttpError, Response, body, negotiation, offload};
use crate::state::snapshot::Snapshot;

/// Resource that answers a request in the body of a POST.
pub(crate) trait Lookup: 'static {
    /// Request in the body.
    type Request: Request + Send + 'static;

    /// Returns the work that a request means, in costs looked up, or refuses what is above the limits.
    fn weigh(request: &Self::Request, snapshot: &Snapshot, limits: &WorkLimits) -> Result<usize, ProtocolError>;

    /// Time at which the content last changed, if it is known.
    fn since(_snapshot: &Snapshot) -> Option<SystemTime> {
        None
    }

    /// Answers a request from the address `client`.
    fn answer(snapshot: &Snapshot, request: Self::Request, client: IpAddr) -> Result<Answer, ProtocolError>;
}

/// Everything that lookups share.
pub(crate) struct LookupContext {
    /// Source of the current snapshot.
    pub(crate) current: Box<dyn Fn() -> Arc<Snapshot> + Send + Sync>,
    pub(crate) access: Arc<Access>,
    pub(crate) limits: WorkLimits,
    /// Longest request body, in bytes.
    pub(crate) body_bytes: u64,
}

/// Answers a POST whose answer is of the given type.
pub(super) async fn ask<L: Lookup>(
    context: Arc<LookupContext>,
    media_type: MediaType,
    mut exchange: Exchange,
) -> Result<Response, HttpError> {
    context.access.authenticate(&exchange)?;
    if !negotiation::accepts(&exchange.headers, media_type) {
        return Err(HttpError::NotAcceptable(media_type));
    }
    let accepts = <L::Request as Message>::MEDIA_TYPE;
    let is_accepted = |content_type: &str| accepts.names(content_type);
    let bytes = body::read(&mut exchange, accepts.as_str(), context.body_bytes, is_accepted).await?;
    let request: L::Request = decode_request(&bytes)?;
    let snapshot = (context.current)();
    let weight = L::weigh(&request, &snapshot, &context.limits)?;
    let since = L::since(&snapshot);
    let client = exchange.client();
    let answer = offload::run(weight, move || L::answer(&snapshot, request, client)).await??;
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    // The age of the costs (RFC 9439 §6.2). It is no validator, because a POST is never answered with 304.
    if let Some(since) = since {
        insert_last_modified(headers, since);
    }
    // The answer depends on the client's address and on the request body, which caches ignore.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
