//! Everything that can be wrong with a request, and the one place that turns it into an answer.
//!
//! ALTO errors have a message of their own (RFC 7285 §8.5). Faults at the level of HTTP, such as a method that is not
//! allowed, have no ALTO error code and are answered with a problem document (RFC 9457).

use std::time::Duration;

use alto_types::{ErrorCode, MediaType, ProtocolError};
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::Response;

/// Reason for answering a request with an error.
#[derive(Clone, Debug)]
pub(crate) enum HttpError {
    /// Fault in the ALTO request itself.
    Alto(ProtocolError),
    /// Request that breaks a rule of HTTP.
    BadRequest(String),
    /// Missing or wrong credentials, with one challenge per algorithm.
    Unauthorized {
        /// Values of `WWW-Authenticate`.
        challenges: Vec<String>,
        /// What is wanted.
        detail: String,
    },
    /// Valid credentials without permission for this.
    Forbidden(String),
    /// Path or object that does not exist.
    NotFound(String),
    /// The resource has no handler for this method. Holds the value of `Allow`.
    MethodNotAllowed(String),
    /// The method is not one of HTTP that this server knows.
    MethodNotImplemented(Method),
    /// Request body in a transfer coding other than chunked.
    TransferCodingNotImplemented,
    /// `Accept` field that excludes the only media type of the resource.
    NotAcceptable(MediaType),
    /// Conflict with the present state, which lasts no longer than the given time.
    Conflict(String, Duration),
    /// Condition of the request that does not hold (RFC 9110 §13.1).
    PreconditionFailed,
    /// Request target longer than the given number of bytes.
    TargetTooLong(usize),
    /// Malformed request after which nothing on the connection can be trusted.
    BadFraming(String),
    /// Request body that did not arrive in time.
    BodyTimeout,
    /// Request body longer than the given number of bytes.
    BodyTooLarge(u64),
    /// Request body with more elements than allowed.
    ContentTooLarge(String),
    /// Request body of another media type than the given one.
    UnsupportedMediaType(&'static str),
    /// Request body that is compressed.
    UnsupportedContentEncoding,
    /// Well-formed request that cannot be carried out.
    Unprocessable(String),
    /// Quota of this client or of all clients is used up; some of it may be free after the given time.
    TooMany(String, Duration),
    /// Fault in a request for an update that no ALTO error code describes: a status, a text and the time after which to try
    /// again. It has a message of ALTO all the same (RFC 9569 §7.2).
    NoUpdate(StatusCode, &'static str, Option<Duration>),
    /// Server too busy; the client should retry after the given time (RFC 7285 §8.5.3).
    Overloaded(Duration),
    /// Not to be used at present, for a reason that may be gone after the given time.
    NotReady(&'static str, Duration),
    /// Fault of the server, described in its log.
    Internal,
}

/// Problem document (RFC 9457).
#[derive(Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// Reason phrase of the status.
    title: String,
    status: u16,
    /// What is wrong, and the remedy.
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
            Self::Alto(_) | Self::BadRequest(_) | Self::BadFraming(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::MethodNotImplemented(_) | Self::TransferCodingNotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TargetTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(..) => StatusCode::CONFLICT,
            Self::BodyTooLarge(_) | Self::ContentTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) | Self::UnsupportedContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoUpdate(status, ..) => *status,
            Self::TooMany(..) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded(_) | Self::NotReady(..) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Explains the error to a person, with the remedy.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Alto(error) => error.clone().into_message().to_string(),
            Self::BadRequest(detail)
            | Self::BadFraming(detail)
            | Self::Forbidden(detail)
            | Self::NotFound(detail)
            | Self::Conflict(detail, _)
            | Self::ContentTooLarge(detail)
            | Self::Unprocessable(detail)
            | Self::Unauthorized { detail, .. }
            | Self::TooMany(detail, _) => detail.clone(),
            Self::NoUpdate(_, detail, _) | Self::NotReady(detail, _) => (*detail).to_owned(),
            Self::MethodNotAllowed(allowed) => format!("this resource supports {allowed}"),
            Self::MethodNotImplemented(method) => format!("this server does not implement the method {method}"),
            Self::TransferCodingNotImplemented => {
                "chunked is the only transfer coding this server implements".to_owned()
            }
            Self::NotAcceptable(media_type) => {
                format!("this resource is only available as {media_type}; add it to Accept")
            }
            Self::PreconditionFailed => {
                "the document has another entity tag or date than the request demands; read it again".to_owned()
            }
            Self::TargetTooLong(limit) => format!("the request target is longer than the limit of {limit} bytes"),
            Self::BodyTimeout => "the request body did not arrive in time".to_owned(),
            Self::BodyTooLarge(limit) => format!("the request body is longer than the limit of {limit} bytes"),
            Self::UnsupportedMediaType(expected) => format!("the Content-Type of the request body must be {expected}"),
            Self::UnsupportedContentEncoding => "the request body must not have a Content-Encoding".to_owned(),
            Self::Overloaded(_) => "the server is busy; retry after the time in Retry-After".to_owned(),
            Self::Internal => "internal error; see the server's log".to_owned(),
        }
    }

    /// Header fields that accompany this error.
    fn fields(&self) -> Vec<(HeaderName, String)> {
        match self {
            Self::Unauthorized { challenges, .. } => {
                challenges.iter().map(|challenge| (WWW_AUTHENTICATE, challenge.clone())).collect()
            }
            Self::MethodNotAllowed(allowed) => vec![(ALLOW, allowed.clone())],
            Self::NoUpdate(_, _, Some(after))
            | Self::Conflict(_, after)
            | Self::TooMany(_, after)
            | Self::NotReady(_, after)
            | Self::Overloaded(after) => {
                vec![(RETRY_AFTER, after.as_secs_f64().ceil().max(1.0).to_string())]
            }
            // Closing is cheaper than reading the rest of the body.
            Self::BodyTimeout | Self::BodyTooLarge(_) | Self::BadFraming(_) => vec![(CONNECTION, "close".to_owned())],
            _ => Vec::new(),
        }
    }

    /// Builds the answer.
    pub(crate) fn into_response(self) -> Response {
        let status = self.status();
        let fields = self.fields();
        let mut response = match self {
            Self::Alto(error) => json(status, MediaType::ERROR.as_str(), &error.into_message()),
            Self::NoUpdate(_, description, _) => {
                // Every message has a code (RFC 7285 §8.5.2), and this one says the least that is wrong.
                let meta =
                    serde_json::json!({"code": ErrorCode::InvalidFieldValue.as_str(), "description": description});
                json(status, MediaType::ERROR.as_str(), &serde_json::json!({"meta": meta}))
            }
            other => {
                let title = status.canonical_reason().unwrap_or("Error").to_owned();
                let problem = Problem { title, status: status.as_u16(), detail: other.detail() };
                json(status, "application/problem+json", &problem)
            }
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in fields {
            // All values are ASCII text from this file; one that were not would be left out.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(name, value);
            }
        }
        response
    }
}

/// Builds an answer with a JSON body.
pub(crate) fn json<T: Serialize>(status: StatusCode, content_type: &'static str, message: &T) -> Response {
    let body = serde_json::to_vec(message).expect("answers have string keys and finite numbers");
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
