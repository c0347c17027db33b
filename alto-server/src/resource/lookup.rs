//! Resources that answer requests with input parameters (RFC 7285 §8.3.2).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use alto_history::Content;
use alto_types::{MediaType, Message, ProtocolError, Request, decode_request};
use http::header::{CACHE_CONTROL, HeaderValue};

use super::limits::WorkLimits;
use crate::http::access::Access;
use crate::http::answer::Answer;
use crate::http::offload::{self, Cancel, WorkPool};
use crate::http::representation::insert_last_modified;
use crate::http::{Exchange, HttpError, Response, body, negotiation};
use crate::state::snapshot::Snapshot;

/// Resource that answers a request in the body of a POST.
pub(crate) trait Lookup: 'static {
    /// Request in the body.
    type Request: Request + Send + 'static;

    /// Request within the limits, ready to be answered.
    type Work: Send + 'static;

    /// Returns the weight of a request, in costs looked up, and the request; refuses what is above the limits.
    fn weigh(
        request: Self::Request,
        snapshot: &Snapshot,
        limits: &WorkLimits,
    ) -> Result<(usize, Self::Work), ProtocolError>;

    /// Time at which the content last changed, if it is known.
    fn since(_snapshot: &Snapshot) -> Option<SystemTime> {
        None
    }

    /// Tells whether the answer depends on the address of the client.
    fn depends_on_client(_request: &Self::Request) -> bool {
        false
    }

    /// Answers a request from the address `client`, unless it is abandoned on the way.
    fn answer(snapshot: &Snapshot, work: Self::Work, client: IpAddr, cancel: &Cancel) -> Result<Answer, HttpError>;

    /// Answers with typed maps for a history.
    fn content(snapshot: &Snapshot, work: Self::Work, client: IpAddr, cancel: &Cancel) -> Result<Content, HttpError>;
}

/// Longest request body that is decoded on the event loop, in bytes.
const INLINE_BYTES: usize = 64 * 1024;

/// Everything that lookups share.
pub(crate) struct LookupContext {
    /// Source of the current snapshot.
    pub(crate) current: Box<dyn Fn() -> Arc<Snapshot> + Send + Sync>,
    pub(crate) access: Arc<Access>,
    pub(crate) pool: WorkPool,
    pub(crate) limits: WorkLimits,
    /// Longest request body, in bytes.
    pub(crate) body_bytes: u64,
}

/// Answers a POST whose answer is of the given type, about the network map at a place among those beside the default one.
pub(super) async fn ask<L: Lookup>(
    context: Arc<LookupContext>,
    (media_type, map): (MediaType, Option<usize>),
    mut exchange: Exchange,
) -> Result<Response, HttpError> {
    context.access.authenticate(&exchange)?;
    if !negotiation::accepts(&exchange.headers, media_type) {
        return Err(HttpError::NotAcceptable(media_type));
    }
    let accepts = <L::Request as Message>::MEDIA_TYPE;
    let is_accepted = |content_type: &str| accepts.names(content_type);
    let bytes = body::read(&mut exchange, accepts.as_str(), context.body_bytes, is_accepted).await?;
    let snapshot = (context.current)();
    let since = L::since(snapshot.of_map(map));
    let (client, payer, limits) = (exchange.client(), exchange.payer(), context.limits);
    let answer = if bytes.len() > INLINE_BYTES {
        // Decoded in the pool too, so that what waits for a thread is no larger than what was received.
        let work = move |cancel: &Cancel| {
            let snapshot = snapshot.of_map(map);
            let (_, work) = L::weigh(decode_request(&bytes)?, snapshot, &limits)?;
            L::answer(snapshot, work, client, cancel)
        };
        context.pool.run(payer, offload::HEAVY, work).await??
    } else {
        let (weight, work) = L::weigh(decode_request(&bytes)?, snapshot.of_map(map), &limits)?;
        let answer = move |cancel: &Cancel| L::answer(snapshot.of_map(map), work, client, cancel);
        context.pool.run(payer, weight, answer).await??
    };
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
