//! The one type that bodies of answers have between the layers.

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

/// Body of an answer, whatever made it.
pub(super) type BoxedBody = UnsyncBoxBody<Bytes, BoxError>;

/// Error of a body.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Largest piece of an answer that is given to a connection at a time, in bytes.
pub(super) const PIECE: usize = 64 * 1024;

/// Boxes a body.
pub(super) fn boxed<B>(body: B) -> BoxedBody
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxedBody::new(body.map_err(Into::into))
}
