//! Request bodies that the connection keeps an eye on, so that one left unread does not end it silently.
//!
//! An answer may be decided before the body was read: an unknown path, a wrong media type, missing credentials. What is
//! left of the body then stands between the client and its next request. A short rest is read and discarded; otherwise
//! the answer announces the end of the connection (RFC 9112 §9.3), which then lingers (§9.6).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http::header::{CONNECTION, EXPECT, HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::head::Head;

/// Longest rest of a request body that is read to keep the connection, in bytes.
const DISCARDED_BYTES: u64 = 256 * 1024;
/// Longest time for which a rest is read.
const DISCARDING_TIME: Duration = Duration::from_secs(1);

/// Body of a request.
pub(crate) struct Arriving(Option<Arc<Mutex<Part>>>);

/// The other end of a body: what is left of it once the handler is done.
pub(super) struct Rest {
    part: Arc<Mutex<Part>>,
    /// Whether the client waits for an interim answer before it sends the body (RFC 9110 §10.1.1).
    is_awaiting_consent: bool,
}

struct Part {
    incoming: Incoming,
    ended: bool,
}

/// Splits the body of a request; it has a rest only in HTTP/1, where requests follow each other on the connection.
pub(super) fn split(head: &Head, incoming: Incoming) -> (Arriving, Option<Rest>) {
    if incoming.is_end_stream() {
        return (Arriving(None), None);
    }
    let part = Arc::new(Mutex::new(Part { incoming, ended: false }));
    let is_awaiting_consent = head.headers.contains_key(EXPECT);
    let rest = (head.version < Version::HTTP_2).then(|| Rest { part: Arc::clone(&part), is_awaiting_consent });
    (Arriving(Some(part)), rest)
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(part) = &self.0 else { return Poll::Ready(None) };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let polled = Pin::new(&mut part.incoming).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            part.ended = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|part| part.lock().unwrap_or_else(PoisonError::into_inner).incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let hint = |part: &Arc<Mutex<Part>>| part.lock().unwrap_or_else(PoisonError::into_inner).incoming.size_hint();
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), hint)
    }
}

impl Rest {
    /// Reads the rest if it is short. Otherwise announces in the header of the answer that the connection ends. Returns
    /// whether data of the client may still arrive.
    pub(super) async fn settle(self, answer: &mut HeaderMap) -> bool {
        let is_read = answer.get(CONNECTION).is_none_or(|value| value != "close") && self.discard().await;
        if is_read || self.has_ended() {
            return false;
        }
        answer.insert(CONNECTION, HeaderValue::from_static("close"));
        true
    }

    fn has_ended(&self) -> bool {
        let part = self.part.lock().unwrap_or_else(PoisonError::into_inner);
        part.ended || part.incoming.is_end_stream()
    }

    /// Reads and discards the rest within its bounds. Returns whether it was read to its end.
    async fn discard(&self) -> bool {
        if self.has_ended() {
            return true;
        }
        // To read the body would invite the client to send it.
        let mut body = Arriving(Some(Arc::clone(&self.part)));
        if self.is_awaiting_consent || body.size_hint().lower() > DISCARDED_BYTES {
            return false;
        }
        let mut left = DISCARDED_BYTES;
        let reading = async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                match left.checked_sub(length) {
                    Some(less) => left = less,
                    None => return false,
                }
            }
            true
        };
        tokio::time::timeout(DISCARDING_TIME, reading).await.unwrap_or(false)
    }
}
