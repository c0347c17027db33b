//! Errors of requests, and their conversion into problem documents (RFC 9457).

use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use serde::Serialize;
use warp::reply::Response;

/// Reason why a request fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The request is malformed.
    BadRequest(String),
    /// There is no such resource.
    NotFound(String),
    /// The method is neither GET nor HEAD.
    MethodNotAllowed,
    /// The requested range is beyond the content, which has this size.
    RangeNotSatisfiable(u64),
    /// All uploads are taken; the client may retry after this time.
    Busy(Duration),
    /// An internal error, described in the log.
    Internal,
}

/// A problem document.
#[derive(Serialize)]
struct Document<'a> {
    title: &'a str,
    status: u16,
    detail: String,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RangeNotSatisfiable(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::BadRequest(detail) | Self::NotFound(detail) => detail.clone(),
            Self::MethodNotAllowed => "a peer supports GET and HEAD".to_owned(),
            Self::RangeNotSatisfiable(size) => format!("the file has {size} bytes"),
            Self::Busy(_) => "all uploads are taken: retry after the time in Retry-After".to_owned(),
            Self::Internal => "an internal error, described in the peer's log".to_owned(),
        }
    }

    fn field(&self) -> Option<(HeaderName, String)> {
        match self {
            Self::MethodNotAllowed => Some((ALLOW, "GET, HEAD".to_owned())),
            Self::RangeNotSatisfiable(size) => Some((CONTENT_RANGE, format!("bytes */{size}"))),
            Self::Busy(after) => Some((RETRY_AFTER, after.as_secs().max(1).to_string())),
            Self::BadRequest(_) | Self::NotFound(_) | Self::Internal => None,
        }
    }

    pub(super) fn into_response(self) -> Response {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or("Error");
        let mut response = json(&Document { title, status: status.as_u16(), detail: self.detail() });
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, Ok(value))) = self.field().map(|(name, value)| (name, HeaderValue::try_from(value))) {
            headers.insert(name, value);
        }
        response
    }
}

/// A response with a JSON body that must not be cached.
pub(super) fn json<T: Serialize>(message: &T) -> Response {
    let body = serde_json::to_vec(message).expect("answers have string keys and finite numbers");
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
