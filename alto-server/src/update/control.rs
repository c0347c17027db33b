//! Changes to open streams (RFC 8895 §7).

use std::sync::{Arc, Weak};

use alto_types::{Message, StreamControlRequest, decode_request};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};

use super::hub::{Asker, Hub};
use super::open::{CONTROL_PATH, refusal, substreams};
use crate::http::access::Access;
use crate::http::{Exchange, HttpError, Response, body};

/// Changes the stream that the path names.
pub(super) async fn change(
    hub: Arc<Hub>,
    access: Arc<Access>,
    body_bytes: u64,
    mut exchange: Exchange,
) -> Result<Response, HttpError> {
    access.authenticate(&exchange)?;
    let handle = exchange.segment(CONTROL_PATH.split('/').count()).to_owned();
    let stream = hub.streams().get(&handle).and_then(Weak::upgrade);
    let Some(stream) = stream else {
        // Somebody may be guessing.
        metrics::counter!("alto_unknown_streams_total").increment(1);
        return Err(HttpError::NotFound("no open stream has this control URI".to_owned()));
    };
    let accepts = StreamControlRequest::MEDIA_TYPE;
    let bytes = body::read(&mut exchange, accepts.as_str(), body_bytes, |given| accepts.names(given)).await?;
    let StreamControlRequest { add, remove } = decode_request(&bytes)?;
    let remove = remove.as_deref();
    // Whether the change is legal is known before anything is computed for it.
    stream.check(add.iter().map(|(id, _)| id), remove).map_err(refusal)?;
    let add = substreams(&hub, add, &Asker::of(&exchange)).await?;
    stream.change(add, remove).map_err(refusal)?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
