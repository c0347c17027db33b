//! Reading of request bodies: to their end, up to a length, and at a pace.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::{Exchange, HttpError};

/// Place where a request body goes while it arrives.
pub(crate) trait Sink {
    /// Takes the next piece.
    fn take(&mut self, piece: &[u8]) -> Result<(), HttpError>;

    /// Bytes in memory so far.
    fn held(&self) -> usize;
}

impl Sink for BytesMut {
    fn take(&mut self, piece: &[u8]) -> Result<(), HttpError> {
        self.extend_from_slice(piece);
        Ok(())
    }

    fn held(&self) -> usize {
        self.len()
    }
}

/// Checks the headers of a request body, reads it to its end, and takes a slot for the request.
pub(crate) async fn read(
    exchange: &mut Exchange,
    expected: &'static str,
    limit: u64,
    is_expected: impl Fn(&str) -> bool,
) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    read_into(exchange, expected, limit, is_expected, &mut body).await?;
    Ok(body.freeze())
}

/// Does the same, and gives the body to a sink piece by piece, so that it need not be in memory as a whole.
///
/// The limit holds for chunked bodies as well; a declared length above it is refused before anything is read. A request
/// takes its slot only at its end, so that bodies that trickle in keep nobody from being answered.
pub(crate) async fn read_into(
    exchange: &mut Exchange,
    expected: &'static str,
    limit: u64,
    is_expected: impl Fn(&str) -> bool,
    sink: &mut impl Sink,
) -> Result<(), HttpError> {
    let headers = &exchange.headers;
    let field = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
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
    receive(exchange, limit, sink).await?;
    exchange.slot.take()
}

async fn receive(exchange: &mut Exchange, limit: u64, sink: &mut impl Sink) -> Result<(), HttpError> {
    let pace = exchange.slot.pace();
    let mut arrival = exchange.slot.receive()?;
    let (mut received, mut held) = (0_u64, 0);
    let start = Instant::now();
    loop {
        // The pace counts on average, so that a body that came fast at first may then pause.
        let on_average = start + pace.pause + std::time::Duration::from_secs(received / pace.rate.max(1));
        let deadline = on_average.min(Instant::now() + pace.pause);
        let piece = timeout_at(deadline, exchange.body.frame()).await.map_err(|_| HttpError::BodyTimeout)?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|error| HttpError::BadRequest(format!("the request body ended early: {error}")))?;
        // What is no data are trailers.
        let Ok(piece) = piece.into_data() else { continue };
        received += piece.len() as u64;
        if received > limit {
            return Err(HttpError::BodyTooLarge(limit));
        }
        sink.take(&piece)?;
        arrival.add(sink.held().saturating_sub(held))?;
        held = held.max(sink.held());
    }
    arrival.complete();
    exchange.received = Some(arrival);
    Ok(())
}
