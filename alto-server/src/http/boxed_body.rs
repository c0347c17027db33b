//! The one type that bodies of answers have between the layers: what is there at once, or a source of pieces.

use bytes::Bytes;
use futures_util::FutureExt;
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

/// Body of an answer, whatever made it.
pub(super) type BoxedBody = UnsyncBoxBody<Bytes, BoxError>;

/// Error of a body.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Body of an answer between the layers.
pub(super) enum Content {
    /// All of the body, which may be empty.
    Whole(Bytes),
    /// Body whose end is not there yet.
    Stream(BoxedBody),
}

/// Largest piece of an answer that is made or copied at a time, in bytes.
pub(super) const PIECE: usize = 64 * 1024;

/// Boxes a body.
pub(super) fn boxed<B>(body: B) -> BoxedBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxedBody::new(body.map_err(Into::into))
}

impl Content {
    /// Takes a body, as a whole if it is there.
    pub(super) fn of<B>(mut body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        // A body with a known length is one piece, which is there at once; anything else is a stream.
        match body.size_hint().exact() {
            Some(0) => Self::Whole(Bytes::new()),
            Some(_) => {
                let frame = body.frame().now_or_never().flatten();
                let data = frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
                data.map_or_else(|| Self::Stream(boxed(body)), Self::Whole)
            }
            None => Self::Stream(boxed(body)),
        }
    }
}
