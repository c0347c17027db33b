//! Bodies that are made piece by piece off the event loop, each piece when the client has room for it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body::{Body, Frame};

use super::boxed_body::BoxError;
use super::turns::{Payer, Turns};

/// Source of a body: the next piece, until there is none.
pub(crate) type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

/// Source of an answer's body, and the bytes that it takes in memory. An extension of the answer until the layer that
/// encodes answers makes the body of it.
#[derive(Clone)]
pub(super) struct Source(Arc<Mutex<Option<(Pieces, usize)>>>);

/// Bytes that a body keeps in memory until it has been sent.
#[derive(Clone, Copy)]
pub(super) struct Retained(pub(super) usize);

/// Workers that make pieces, about one per core, for each client in turn.
#[derive(Clone)]
pub(super) struct Workers(Turns);

/// Body made by workers.
pub(super) struct Produced {
    workers: Workers,
    client: Payer,
    state: State,
}

enum State {
    Waiting(Pieces),
    Working(BoxFuture<'static, Result<(Pieces, Option<Bytes>), BoxError>>),
    Ended,
}

impl Source {
    /// Creates the source of one body.
    pub(super) fn new(pieces: Pieces, retained: usize) -> Self {
        Self(Arc::new(Mutex::new(Some((pieces, retained)))))
    }

    /// Takes the pieces; none if they were taken before.
    pub(super) fn take(&self) -> Option<(Pieces, usize)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Workers {
    /// Creates one worker per core.
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // An answer waits for one piece at a time, and the number of answers has limits of its own.
        Self(Turns::new(cores, usize::MAX))
    }

    /// Makes the next piece once it is the client's turn.
    async fn next(self, client: Payer, mut pieces: Pieces) -> Result<(Pieces, Option<Bytes>), BoxError> {
        let worker = self.0.take(client).await?;
        let work = move || {
            let piece = pieces.next();
            drop(worker);
            (pieces, piece)
        };
        Ok(tokio::task::spawn_blocking(work).await?)
    }
}

impl Produced {
    /// Creates the body of a client's answer from its source.
    pub(super) fn new(workers: Workers, client: Payer, pieces: Pieces) -> Self {
        Self { workers, client, state: State::Waiting(pieces) }
    }
}

impl Body for Produced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut working = match std::mem::replace(&mut self.state, State::Ended) {
            State::Waiting(pieces) => self.workers.clone().next(self.client, pieces).boxed(),
            State::Working(working) => working,
            State::Ended => return Poll::Ready(None),
        };
        let Poll::Ready(done) = working.as_mut().poll(cx) else {
            self.state = State::Working(working);
            return Poll::Pending;
        };
        let (pieces, piece) = match done {
            Ok(done) => done,
            // The head has left, so that the connection has to end.
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        Poll::Ready(piece.map(|piece| {
            self.state = State::Waiting(pieces);
            Ok(Frame::data(piece))
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_piece_is_made_when_it_is_asked_for_and_not_before() {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let pieces = (0..3u8).map(move |number| {
            counted.fetch_add(1, Ordering::SeqCst);
            Bytes::from(vec![number; 10])
        });
        let mut body = Produced::new(Workers::new(), None, Box::new(pieces));
        for number in 0..3u8 {
            assert_eq!(made.load(Ordering::SeqCst), usize::from(number));
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), vec![number; 10]);
        }
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_source_that_panics_ends_the_body_with_an_error() {
        let pieces = std::iter::once_with(|| panic!("a fault in a source"));
        let mut body = Produced::new(Workers::new(), None, Box::new(pieces));
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.frame().await.is_none());
    }
}
