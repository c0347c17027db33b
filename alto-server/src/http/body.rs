//! Reading of request bodies, up to a limit.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use super::{Exchange, HttpError};

/// Checks the headers of a request body and reads it to its end.
///
/// The limit holds for chunked bodies as well; a declared length above it is refused before anything is read.
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
    let mut body = BytesMut::new();
    while let Some(piece) = exchange.body.next().await {
        let piece = piece.map_err(|error| body_error(&error))?;
        if body.len() as u64 + piece.len() as u64 > limit {
            return Err(HttpError::BodyTooLarge(limit));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// Tells a stalled body from a broken one by the chain of causes.
fn body_error(error: &warp::Error) -> HttpError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<tower_http::timeout::TimeoutError>() {
            return HttpError::BodyTimeout;
        }
        cause = error.source();
    }
    HttpError::BadRequest(format!("the request body ended early: {error}"))
}
