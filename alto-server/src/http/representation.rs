//! Answers to GET with a representation that caches can keep and revalidate (RFC 9110 §13).

use std::time::SystemTime;

use alto_types::MediaType;
use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED, VARY,
};

use super::encoding::Encoding;
use super::{HttpError, Response, conditional};

/// One state of a resource's content, in several encodings.
pub(crate) trait Representation {
    /// Media type of the body before it is encoded.
    fn media_type(&self) -> MediaType;

    /// Time at which the content last changed.
    fn since(&self) -> SystemTime;

    /// Encoding that the body is sent in where a client prefers `encoding`: small bodies are not compressed.
    fn effective(&self, encoding: Encoding) -> Encoding;

    /// The same time as the value of `Last-Modified`.
    fn since_field(&self) -> &HeaderValue;

    /// Strong entity tag of the body in one encoding, in quotes (RFC 9110 §8.8.3).
    fn entity_tag(&self, encoding: Encoding) -> &HeaderValue;

    /// Body in one encoding.
    fn body(&self, encoding: Encoding) -> Bytes;
}

/// Builds the response to a request with the given header fields: the representation, or 304 if the client has it.
pub(crate) fn respond(
    request: &HeaderMap,
    representation: &impl Representation,
    preferred: Encoding,
    now: SystemTime,
) -> Response {
    let encoding = representation.effective(preferred);
    let entity_tag = representation.entity_tag(encoding);
    let tag = entity_tag.to_str().unwrap_or_default();
    let last_modified = conditional::last_modified(representation.since(), now);
    if !conditional::holds(request, tag, last_modified) {
        return HttpError::PreconditionFailed.into_response();
    }
    let current = conditional::is_current(request, tag, last_modified);
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(ETAG, copy(entity_tag));
    if last_modified.is_some() {
        headers.insert(LAST_MODIFIED, copy(representation.since_field()));
    }
    headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    if current {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(representation.media_type().as_str()));
    if encoding != Encoding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    *response.body_mut() = representation.body(encoding).into();
    response
}

/// Sets the `Last-Modified` field to a time.
pub(crate) fn insert_last_modified(headers: &mut HeaderMap, time: SystemTime) {
    headers.insert(LAST_MODIFIED, date(time));
}

/// Writes a time as the value of a field.
pub(crate) fn date(time: SystemTime) -> HeaderValue {
    HeaderValue::try_from(httpdate::fmt_http_date(time)).expect("ASCII letters, digits and punctuation")
}

/// Copies the value of a field. A clone would count the users of one value, for which cores wait for each other.
pub(super) fn copy(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone())
}
