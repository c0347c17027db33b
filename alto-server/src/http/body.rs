//! Request bodies: collected as they arrive, never longer than allowed.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use super::{Exchange, HttpError};

/// Checks that the body is what it should be and reads it to its end. Works for a declared length and for chunks
/// alike; a length that is too large is refused before anything is read.
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

/// A body that stalls and one that breaks off look alike until the cause is looked for.
fn body_error(error: &warp::Error) -> HttpError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<tower_http::timeout::TimeoutError>() {
            return HttpError::BodyTimeout;
        }
        cause = error.source();
    }
    HttpError::BadRequest(format!("the body broke off: {error}"))
}
