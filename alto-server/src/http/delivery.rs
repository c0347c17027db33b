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
use futures_util::FutureExt;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;

use super::HttpError;
use super::admission::Reader;
use super::arriving::Rest;
use super::boxed_body::{BoxError, BoxedBody, PIECE, boxed};
use super::connection::{Ongoing, WaitingBytes};
use super::live::Live;
use super::produced::Retained;
use super::shares::{Client, Share};
use super::slot::Slot;

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
    hold: Arc<Hold>,
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

    /// Delivers the answer, which holds what the request takes of the capacities of the server.
    pub(super) async fn deliver(self, mut response: Response<BoxedBody>, slot: Option<Slot>) -> Response<Outgoing> {
        if let Some(rest) = self.rest
            && rest.settle(response.headers_mut()).await
        {
            self.ongoing.connection().linger();
        }
        deliver(response, self.ongoing, slot)
    }
}

/// Charges an answer and prepares its body; if it cannot be charged, replaces it by a refusal.
fn deliver(mut response: Response<BoxedBody>, ongoing: Ongoing, slot: Option<Slot>) -> Response<Outgoing> {
    let is_live = response.extensions_mut().remove::<Live>().is_some();
    if is_live {
        ongoing.connection().go_live();
    }
    let retained = response.extensions_mut().remove::<Retained>();
    let client = slot.as_ref().and_then(Slot::client).unwrap_or_else(|| ongoing.connection().client());
    // A body in one piece is there at once.
    let is_whole = retained.is_none() && response.body().size_hint().exact().is_some_and(|length| length > 0);
    let first = if is_whole { first_piece(response.body_mut()) } else { Bytes::new() };
    let charged = match retained {
        Some(Retained(bytes)) => charge(&ongoing, client, bytes),
        None if first.is_empty() => Ok(None),
        None if first.is_unique() => charge(&ongoing, client, first.len()),
        // A small body that others share is not worth the bookkeeping.
        None if first.len() <= PIECE => Ok(None),
        None => {
            ongoing.connection().admission().reader(client, &first).map(|reader| Some(Bill::Shared { _reader: reader }))
        }
    };
    // Exempt answers are those that operators need when all else is full.
    let is_exempt = slot.as_ref().is_some_and(Slot::is_exempt);
    match charged {
        Err(error) if !is_exempt => {
            let refusal = error.into_response().map(boxed);
            let hold = Hold { ongoing, on_their_way: None, _slot: slot, _bytes: None };
            refusal.map(|body| Outgoing::new(body, hold))
        }
        charged => {
            let on_their_way = is_live.then(AtomicUsize::default);
            // An answer without an end would keep its slot from other requests.
            let slot = slot.filter(|_| !is_live);
            let hold = Arc::new(Hold { ongoing, on_their_way, _slot: slot, _bytes: charged.unwrap_or(None) });
            hold.ongoing.moved();
            response.map(|body| {
                let has_more = !body.is_end_stream();
                Outgoing { data: first, more: has_more.then_some(body), hold }
            })
        }
    }
}

/// Takes the first piece of a body if it is ready.
fn first_piece(body: &mut BoxedBody) -> Bytes {
    let frame = body.frame().now_or_never().flatten();
    frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()).unwrap_or_default()
}

fn charge(ongoing: &Ongoing, client: &Arc<Client>, bytes: usize) -> Result<Option<Bill>, HttpError> {
    let connection = ongoing.connection();
    let limit = connection.admission().limits().waiting_per_connection;
    let of_connection = connection.hold(bytes, limit).ok_or_else(|| super::admission::refused("connection-bytes"))?;
    let of_all = connection.admission().bytes(client, bytes)?;
    Ok(Some(Bill::Own { _all: of_all, _connection: of_connection }))
}

impl Outgoing {
    fn new(body: BoxedBody, hold: Hold) -> Self {
        hold.ongoing.moved();
        Self { data: Bytes::new(), more: Some(body), hold: Arc::new(hold) }
    }
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
        let data = this.data.split_to(this.data.len().min(PIECE));
        this.hold.begins();
        let piece = Piece { data, hold: Arc::clone(&this.hold) };
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
        self.ongoing.moved();
    }

    /// Records a piece that has left.
    fn ends(&self) {
        match &self.on_their_way {
            Some(count) if count.fetch_sub(1, Ordering::Relaxed) == 1 => self.ongoing.rests(),
            _ => self.ongoing.moved(),
        }
    }
}
