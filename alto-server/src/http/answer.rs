//! The successful answer of a resource: a content type and a body.

use alto_types::MediaType;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::Response;

/// Content type and body of an answer. The body is one piece here; a stream, of events or of parts, is a body of the
/// same type (`warp::reply::stream`), and its content type may have parameters.
pub(crate) struct Answer(Response);

impl Answer {
    /// Creates an answer in one piece.
    pub(crate) fn whole(media_type: MediaType, body: Vec<u8>) -> Self {
        let mut response = Response::new(body.into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type.as_str()));
        Self(response)
    }

    /// Returns the response, for the headers that all answers share.
    pub(crate) fn into_response(self) -> Response {
        self.0
    }
}
