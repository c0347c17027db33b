//! Answers that stay open until something changes: what they take, and bodies without an end of their own.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body::Frame;
use http_body_util::StreamBody;

use super::admission::{Admission, Reader};
use super::boxed_body::{BoxedBody, boxed};
use super::shares::{Client, Share};
use super::{HttpError, Response, admission};

/// Limits that the open answers of a client share with all others.
#[derive(Clone)]
pub(crate) struct Budget {
    pub(super) admission: Arc<Admission>,
    pub(super) client: Arc<Client>,
}

/// Place of an answer that stays open, or of a request that is answered again and again, until dropped.
pub(crate) struct Place {
    _share: Share,
}

/// Body that is written as things happen. An extension of the answer until the layer that encodes answers has passed it
/// on: events are not compressed, which would hold them back.
#[derive(Clone)]
pub(super) struct LiveBody(Arc<Mutex<Option<BoxedBody>>>);

/// Mark of an answer with a body that is written as things happen. Such an answer keeps no slot of requests, and waiting
/// for the next event is no lack of progress.
#[derive(Clone, Copy)]
pub(super) struct Live;

impl Budget {
    /// Takes a place for an answer that stays open.
    pub(crate) fn stream(&self) -> Result<Place, HttpError> {
        let share = self.admission.stream(&self.client).ok_or_else(|| admission::refused("streams"))?;
        Ok(Place { _share: share })
    }

    /// Takes a place for a request whose answer is computed again whenever something changes.
    pub(crate) fn followed(&self) -> Result<Place, HttpError> {
        let share = self.admission.followed(&self.client).ok_or_else(|| admission::refused("followed"))?;
        Ok(Place { _share: share })
    }

    /// Counts a reader of a body that others may read as well.
    pub(crate) fn reader(&self, body: &Bytes) -> Result<Reader, HttpError> {
        self.admission.reader(&self.client, body)
    }
}

impl LiveBody {
    /// Takes the body; none if it was taken before.
    pub(super) fn take(&self) -> Option<BoxedBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Gives an answer a body of pieces that come as things happen.
pub(crate) fn attach(response: &mut Response, pieces: impl Stream<Item = Bytes> + Send + 'static) {
    let body = boxed(StreamBody::new(pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)))));
    response.extensions_mut().insert(LiveBody(Arc::new(Mutex::new(Some(body)))));
}
