//! The successful answer of a resource: a content type and a body.

use alto_types::MediaType;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::Response;
use super::produced::{Pieces, Source};

/// Content type and body of an answer.
pub(crate) struct Answer(Response);

impl Answer {
    /// Creates an answer in one piece.
    pub(crate) fn whole(media_type: MediaType, body: Vec<u8>) -> Self {
        let mut response = Response::new(body.into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type.as_str()));
        Self(response)
    }

    /// Creates an answer that is made piece by piece, as fast as the client reads. Its source takes `retained` bytes of
    /// memory until the end.
    pub(crate) fn in_pieces(media_type: MediaType, pieces: Pieces, retained: usize) -> Self {
        let Self(mut response) = Self::whole(media_type, Vec::new());
        response.extensions_mut().insert(Source::new(pieces, retained));
        Self(response)
    }

    /// Returns the response, for the headers that all answers share.
    pub(crate) fn into_response(self) -> Response {
        self.0
    }
}
