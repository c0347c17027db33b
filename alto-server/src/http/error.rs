//! Everything that can be wrong with a request, and the one place where that becomes an answer.
//!
//! ALTO errors have their own message (RFC 7285 §8.5). No ALTO code fits the faults of HTTP itself, such as a wrong
//! method; those are described by a problem document (RFC 9457) where there is something to say.

use std::time::Duration;

use alto_types::{MediaType, ProtocolError};
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;

use super::Response;

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug)]
pub(crate) enum HttpError {
    /// A fault of the ALTO request itself.
    Alto(ProtocolError),
    /// The request breaks a rule of HTTP.
    BadRequest(String),
    /// No or wrong credentials: one challenge per algorithm.
    Unauthorized(Vec<String>),
    /// Known credentials that do not open this.
    Forbidden(String),
    /// Nothing is here.
    NotFound(String),
    /// The resource does not know this method; it knows those listed.
    MethodNotAllowed(&'static [Method]),
    /// Nobody knows this method.
    MethodNotImplemented(Method),
    /// The body is in a transfer coding other than chunked.
    TransferCodingNotImplemented,
    /// The client refuses the only type there is.
    NotAcceptable(MediaType),
    /// Something else is in the way, for this long at most.
    Conflict(String, Duration),
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body is longer than allowed.
    BodyTooLarge(u64),
    /// The body asks for more than is allowed at a time.
    ContentTooLarge(String),
    /// The body is of another type than the one expected.
    UnsupportedMediaType(&'static str),
    /// The body is compressed.
    UnsupportedContentEncoding,
    /// The request is well-formed and cannot be carried out.
    Unprocessable(String),
    /// This client has enough already, or all together have; some of it may be over after this time.
    TooMany(String, Duration),
    /// Too busy; to be asked again later (RFC 7285 §8.5.3).
    Overloaded(Duration),
    /// Our own fault; what it was is in the log.
    Internal,
}

/// A problem document, RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: String,
}

impl From<ProtocolError> for HttpError {
    fn from(error: ProtocolError) -> Self {
        Self::Alto(error)
    }
}

impl HttpError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Alto(_) | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::MethodNotImplemented(_) | Self::TransferCodingNotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(..) => StatusCode::CONFLICT,
            Self::BodyTooLarge(_) | Self::ContentTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) | Self::UnsupportedContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(..) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A sentence that says what to do.
    fn detail(&self) -> String {
        match self {
            Self::Alto(error) => error.clone().into_message().to_string(),
            Self::BadRequest(detail)
            | Self::Forbidden(detail)
            | Self::NotFound(detail)
            | Self::Conflict(detail, _)
            | Self::ContentTooLarge(detail)
            | Self::Unprocessable(detail)
            | Self::TooMany(detail, _) => detail.clone(),
            Self::Unauthorized(_) => "credentials are needed: HTTP Digest, RFC 7616".to_owned(),
            Self::MethodNotAllowed(allowed) => format!("this resource answers {}", list(allowed)),
            Self::MethodNotImplemented(method) => format!("the method {method} is not known here"),
            Self::TransferCodingNotImplemented => "the only transfer coding known here is chunked".to_owned(),
            Self::NotAcceptable(media_type) => format!("this resource has the type {media_type} only"),
            Self::BodyTimeout => "the body did not arrive in time".to_owned(),
            Self::BodyTooLarge(limit) => format!("the body may have {limit} bytes at most"),
            Self::UnsupportedMediaType(expected) => format!("the Content-Type of the body must be {expected}"),
            Self::UnsupportedContentEncoding => "the body must not have a Content-Encoding".to_owned(),
            Self::Overloaded(_) => "too busy: ask again after the time in Retry-After".to_owned(),
            Self::Internal => "an internal error, described in the server's log".to_owned(),
        }
    }

    /// The header fields that go with this error.
    fn fields(&self) -> Vec<(HeaderName, String)> {
        match self {
            Self::Unauthorized(challenges) => {
                challenges.iter().map(|challenge| (WWW_AUTHENTICATE, challenge.clone())).collect()
            }
            Self::MethodNotAllowed(allowed) => vec![(ALLOW, list(allowed))],
            Self::Conflict(_, after) | Self::TooMany(_, after) | Self::Overloaded(after) => {
                vec![(RETRY_AFTER, after.as_secs_f64().ceil().max(1.0).to_string())]
            }
            // What remains of the body is not worth reading.
            Self::BodyTimeout | Self::BodyTooLarge(_) => vec![(CONNECTION, "close".to_owned())],
            _ => Vec::new(),
        }
    }

    /// The answer.
    pub(crate) fn into_response(self) -> Response {
        let status = self.status();
        let fields = self.fields();
        let mut response = match self {
            Self::Alto(error) => json(status, MediaType::ERROR.as_str(), &error.into_message()),
            other => {
                let title = status.canonical_reason().unwrap_or("Error");
                let problem = Problem { title, status: status.as_u16(), detail: other.detail() };
                json(status, "application/problem+json", &problem)
            }
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in fields {
            // Every value is ASCII of our own making; one that were not would be left out, not fatal.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(name, value);
            }
        }
        response
    }
}

/// An answer with a JSON body.
pub(crate) fn json<T: Serialize>(status: StatusCode, content_type: &'static str, message: &T) -> Response {
    let body = serde_json::to_vec(message).expect("answers have string keys and finite numbers");
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Methods as `Allow` lists them.
pub(crate) fn list(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}
