//! The way of an answer out: in pieces, under limits on the memory in which answers wait, until the last piece has left.
//!
//! What a request takes is given back when its answer has been written to the connection, not when it was computed: a
//! client that does not read holds its slot and its bytes. Every piece that leaves is progress; a connection on which an
//! answer makes none for too long is closed ([`super::connection`]).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::HttpError;
use super::admission::Reader;
use super::arriving::Rest;
use super::boxed_body::{BoxError, BoxedBody, Content, PIECE};
use super::connection::{Ongoing, WaitingBytes};
use super::live::Live;
use super::produced::Retained;
use super::shares::{Client, Share};
use super::slot::Slot;

/// Largest piece of an answer that is given at a time to a connection that writes it from where it is, in bytes. The call
/// that writes it copies it into the kernel, as far as there is room.
const LARGE_PIECE: usize = 1024 * 1024;

/// Longest body of an answer's own that is not charged, in bytes. Slots bound the number of such answers.
const UNCHARGED: usize = 4096;

/// Request whose answer is to be delivered.
pub(super) struct Delivery {
    ongoing: Ongoing,
    /// What is left of the body of the request.
    rest: Option<Rest>,
}

/// Body of an answer on its way to the connection.
pub(crate) struct Outgoing {
    /// Data that has not been given to the connection.
    data: Bytes,
    /// Source of more data; absent once it has ended.
    more: Option<BoxedBody>,
    /// What the answer occupies; absent if it has no body, because its head alone leaves at once.
    hold: Option<Arc<Hold>>,
    /// Largest piece that is given to the connection at a time.
    piece: usize,
}

/// Everything that an answer occupies until its last piece has left.
struct Hold {
    ongoing: Ongoing,
    /// Pieces that have not left, if the body waits for events between them.
    on_their_way: Option<AtomicUsize>,
    _slot: Option<Slot>,
    _bytes: Option<Bill>,
}

/// Memory that an answer is charged for.
enum Bill {
    Own { _all: Share, _connection: WaitingBytes },
    Shared { _reader: Reader },
}

/// Piece of an answer, which tells when it has left.
struct Piece {
    data: Bytes,
    hold: Arc<Hold>,
}

impl Delivery {
    /// Begins with the request, of whose body it keeps the rest.
    pub(super) fn begin(ongoing: Ongoing, rest: Option<Rest>) -> Self {
        Self { ongoing, rest }
    }

    /// Deals with what is left of the body of the request.
    pub(super) async fn settle<B>(&mut self, response: &mut Response<B>) {
        if let Some(rest) = self.rest.take()
            && rest.settle(response.headers_mut()).await
        {
            self.ongoing.connection().linger();
        }
    }

    /// Delivers the answer, which is there `now` and holds what the request takes of the capacities of the server: charges
    /// it and prepares its body; if it cannot be charged, replaces it by a refusal.
    pub(super) fn deliver(self, mut response: Response<Content>, slot: Slot, now: Instant) -> Response<Outgoing> {
        let ongoing = self.ongoing;
        let is_live = response.extensions_mut().remove::<Live>().is_some();
        if is_live {
            ongoing.connection().go_live();
        }
        let client = slot.client().unwrap_or_else(|| ongoing.connection().client());
        let retained = response.extensions_mut().remove::<Retained>();
        let charged = match (retained, response.body()) {
            (Some(Retained(bytes)), _) => charge(&ongoing, client, bytes),
            (None, Content::Whole(whole)) => charge_whole(&ongoing, client, whole),
            (None, Content::Stream(_)) => Ok(None),
        };
        // Exempt answers are those that operators need when all else is full.
        let (response, bill) = match charged {
            Err(error) if !slot.is_exempt() => (error.into_response().map(Content::of), None),
            charged => (response, charged.unwrap_or(None)),
        };
        let piece = if ongoing.connection().writes_whole() { LARGE_PIECE } else { PIECE };
        response.map(|content| {
            let (data, more) = match content {
                Content::Whole(whole) => (whole, None),
                Content::Stream(body) => (Bytes::new(), Some(body)),
            };
            if data.is_empty() && more.is_none() {
                ongoing.end(now);
                return Outgoing { data, more, hold: None, piece };
            }
            ongoing.moved(now);
            let on_their_way = is_live.then(AtomicUsize::default);
            // An answer without an end would keep its slot from other requests.
            let slot = (!is_live).then_some(slot);
            Outgoing {
                data,
                more,
                hold: Some(Arc::new(Hold { ongoing, on_their_way, _slot: slot, _bytes: bill })),
                piece,
            }
        })
    }
}

/// Charges a body that is there as a whole.
fn charge_whole(ongoing: &Ongoing, client: &Arc<Client>, whole: &Bytes) -> Result<Option<Bill>, HttpError> {
    // A small body is not worth the bookkeeping: what an answer takes beside it is as much, and others share the longer ones.
    let is_own = whole.is_unique();
    if whole.len() <= if is_own { UNCHARGED } else { PIECE } {
        return Ok(None);
    }
    if is_own {
        return charge(ongoing, client, whole.len());
    }
    ongoing.connection().admission().reader(client, whole).map(|reader| Some(Bill::Shared { _reader: reader }))
}

fn charge(ongoing: &Ongoing, client: &Arc<Client>, bytes: usize) -> Result<Option<Bill>, HttpError> {
    let connection = ongoing.connection();
    let limit = connection.admission().limits().waiting_per_connection;
    let of_connection = connection.hold(bytes, limit).ok_or_else(|| super::admission::refused("connection-bytes"))?;
    let of_all = connection.admission().bytes(client, bytes)?;
    Ok(Some(Bill::Own { _all: of_all, _connection: of_connection }))
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        while this.data.is_empty() {
            let Some(body) = &mut this.more else { return Poll::Ready(None) };
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.data = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => this.more = None,
            }
            if this.more.as_ref().is_some_and(http_body::Body::is_end_stream) {
                this.more = None;
            }
        }
        let data = this.data.split_to(this.data.len().min(this.piece));
        let Some(hold) = &this.hold else { return Poll::Ready(None) };
        hold.begins();
        let piece = Piece { data, hold: Arc::clone(hold) };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.more.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.more.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint);
        let ready = self.data.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + ready);
        }
        hint.set_lower(hint.lower() + ready);
        hint
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.hold.ends();
    }
}

impl Hold {
    /// Records a piece that is given to the connection.
    fn begins(&self) {
        if let Some(count) = &self.on_their_way {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.ongoing.moved(Instant::now());
    }

    /// Records a piece that has left.
    fn ends(&self) {
        match &self.on_their_way {
            Some(count) if count.fetch_sub(1, Ordering::Relaxed) == 1 => self.ongoing.rests(),
            _ => self.ongoing.moved(Instant::now()),
        }
    }
}
