//! Reading of request bodies: to their end, up to a length, and at a pace.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use tokio::time::{Instant, timeout_at};

use super::{Exchange, HttpError};

/// Checks the headers of a request body, reads it to its end, and takes a slot for the request.
///
/// The limit holds for chunked bodies as well; a declared length above it is refused before anything is read. A request
/// takes its slot only now, so that bodies that trickle in keep nobody from being answered.
pub(crate) async fn read(
    exchange: &mut Exchange,
    expected: &'static str,
    limit: u64,
    is_expected: impl Fn(&str) -> bool,
) -> Result<Bytes, HttpError> {
    let field = |name| exchange.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if !field(CONTENT_TYPE).is_some_and(is_expected) {
        return Err(HttpError::UnsupportedMediaType(expected));
    }
    if field(CONTENT_ENCODING).is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
        return Err(HttpError::UnsupportedContentEncoding);
    }
    let declared = field(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(HttpError::BodyTooLarge(limit));
    }
    let body = receive(exchange, limit).await?;
    exchange.slot.take()?;
    Ok(body)
}

async fn receive(exchange: &mut Exchange, limit: u64) -> Result<Bytes, HttpError> {
    let pace = exchange.slot.pace();
    let mut arrival = exchange.slot.receive()?;
    let mut body = BytesMut::new();
    let start = Instant::now();
    loop {
        // The pace counts on average, so that a body that came fast at first may then pause.
        let seconds = body.len() as u64 / pace.rate.max(1);
        let on_average = start + pace.pause + std::time::Duration::from_secs(seconds);
        let deadline = on_average.min(Instant::now() + pace.pause);
        let piece = timeout_at(deadline, exchange.body.next()).await.map_err(|_| HttpError::BodyTimeout)?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|error| HttpError::BadRequest(format!("the request body ended early: {error}")))?;
        if body.len() as u64 + piece.len() as u64 > limit {
            return Err(HttpError::BodyTooLarge(limit));
        }
        arrival.add(piece.len())?;
        body.extend_from_slice(&piece);
    }
    arrival.complete();
    exchange.received = Some(arrival);
    Ok(body.freeze())
}
