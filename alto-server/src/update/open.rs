//! The update stream service (RFC 8895 §6).

use std::sync::Arc;

use alto_types::{AddUpdate, MediaType, Message, ProtocolError, ResourceId, UpdateStreamRequest, decode_request};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use rand::RngExt as _;

use super::hub::{Asker, Hub};
use super::query::{NotFollowed, Query};
use super::session::Session;
use super::stream::{Refused, Stream, Substream};
use crate::http::access::Access;
use crate::http::live::Budget;
use crate::http::{Exchange, HttpError, Response, body, live, negotiation};

/// Path of the resources that change streams, without the secret part that names one.
pub(super) const CONTROL_PATH: &str = "updates/control";

/// Tells nginx not to hold events back.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Opens a stream, whatever comes of it.
pub(super) async fn open(
    hub: Arc<Hub>,
    access: Arc<Access>,
    body_bytes: u64,
    mut exchange: Exchange,
) -> Result<Response, HttpError> {
    access.authenticate(&exchange)?;
    if !negotiation::accepts(&exchange.headers, MediaType::EVENT_STREAM) {
        return Err(HttpError::NotAcceptable(MediaType::EVENT_STREAM));
    }
    let accepts = UpdateStreamRequest::MEDIA_TYPE;
    let bytes = body::read(&mut exchange, accepts.as_str(), body_bytes, |given| accepts.names(given)).await?;
    match begin(&hub, &bytes, &Asker::of(&exchange)).await {
        Ok(session) => Ok(answer(session)),
        Err(error) => {
            let mut response = error.into_response();
            // The stream ends without an event, and so does its connection (RFC 8895 §6.6). HTTP/2 ignores the field.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            Ok(response)
        }
    }
}

async fn begin(hub: &Arc<Hub>, bytes: &[u8], asker: &Asker) -> Result<Session, HttpError> {
    let UpdateStreamRequest { add } = decode_request(bytes)?;
    let place = asker.budget.as_ref().map(Budget::stream).transpose()?;
    let substreams = substreams(hub, add, asker).await?;
    let handle = secret();
    // Relative to the URI of the service, so that it holds behind any prefix.
    let control_uri = format!("{CONTROL_PATH}/{handle}");
    let stream = Stream::new(asker.budget.clone(), control_uri, substreams).map_err(refusal)?;
    Ok(Session::begin(hub, stream, handle, place))
}

fn answer(session: Session) -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MediaType::EVENT_STREAM.as_str()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    live::attach(&mut response, session.pieces());
    response
}

/// Finds the feeds of the resources in a request, all or none.
pub(super) async fn substreams(
    hub: &Hub,
    add: Vec<(ResourceId, AddUpdate)>,
    asker: &Asker,
) -> Result<Vec<Substream>, HttpError> {
    let mut queries = Vec::with_capacity(add.len());
    for (id, update) in add {
        let query = Query::new(hub.catalogue(), &update.resource_id, update.input.as_ref(), asker.client);
        let query = query.map_err(|refused| match refused {
            NotFollowed::UnknownResource => {
                ProtocolError::invalid_value(format!("add/{id}/resource-id"), update.resource_id.as_str())
            }
            NotFollowed::Input(error) => error.within(&format!("add/{id}/input")),
        })?;
        queries.push((id, query, update));
    }
    let mut substreams = Vec::with_capacity(queries.len());
    for (id, query, AddUpdate { tag, incremental_changes: patches, .. }) in queries {
        let feed = hub.feed(query, asker).await.map_err(|error| match error {
            HttpError::Alto(error) => HttpError::Alto(error.within(&format!("add/{id}/input"))),
            other => other,
        })?;
        // Whole documents are sent first where no patches may follow.
        let at = tag.filter(|_| patches).and_then(|tag| feed.find(&tag));
        if at.is_none() {
            hub.render(&feed, asker).await?;
        }
        substreams.push(Substream { id, feed, at, patches });
    }
    Ok(substreams)
}

/// Returns the error for a change to a stream that is refused (RFC 8895 §7.6).
pub(super) fn refusal(refused: Refused) -> HttpError {
    match refused {
        Refused::Used(id) => ProtocolError::invalid_value("add", id).into(),
        Refused::NeverAdded(id) => ProtocolError::invalid_value("remove", id).into(),
        Refused::TooMany => HttpError::Overloaded(std::time::Duration::from_secs(1)),
        Refused::Closed => HttpError::NotFound("this stream has ended; open another one".to_owned()),
    }
}

/// Returns 128 random bits in hexadecimal.
pub(super) fn secret() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}
