//! What all connections share: slots for requests, for bodies that arrive, and for bytes that wait in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::HttpError;
use super::shares::{Capacity, Client, Clients, Kind, Share};

/// Value of `Retry-After` for refused clients.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes of request bodies of operators that are in memory at a time: one of the largest size, or several smaller ones.
const OPERATOR_BYTES: usize = 256 * 1024 * 1024;

/// Limits on what all requests together may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdmissionLimits {
    /// Number of requests in progress, from the end of the request until the answer has left.
    pub(crate) requests: usize,
    /// Number of request bodies that have not arrived to their end.
    pub(crate) arriving: usize,
    /// Bytes of requests and answers that wait in memory.
    pub(crate) waiting: usize,
    /// The same for the answers on one connection.
    pub(crate) waiting_per_connection: usize,
    /// Portion of the above that one client may hold, in percent.
    pub(crate) portion: usize,
    /// Pace of request bodies.
    pub(crate) pace: Pace,
    /// Number of answers that stay open until something changes.
    pub(crate) streams: usize,
    /// Number of distinct requests whose answers are computed again whenever something changes.
    pub(crate) followed: usize,
}

/// Slowest pace at which a request body may arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Longest pause, and time before the rate counts.
    pub(crate) pause: Duration,
    /// Bytes per second, on average.
    pub(crate) rate: u64,
}

/// The capacities of a server.
pub(crate) struct Admission {
    limits: AdmissionLimits,
    clients: Arc<Clients>,
    requests: Arc<Capacity>,
    arriving: Arc<Capacity>,
    waiting: Arc<Capacity>,
    operators: Arc<Capacity>,
    streams: Arc<Capacity>,
    followed: Arc<Capacity>,
    documents: Arc<Documents>,
}

/// Bodies on their way that several answers share: a rendered document takes its memory once, however many read it, and
/// stays in memory after a newer version has replaced it for as long as anybody still reads it.
struct Documents {
    limit: usize,
    portion: usize,
    /// By address and length.
    on_their_way: Mutex<HashMap<(usize, usize), Readers>>,
}

struct Readers {
    count: usize,
    /// Client that was the first to read it.
    first: Arc<Client>,
}

/// Reader of a document, until dropped.
pub(crate) struct Reader {
    documents: Arc<Documents>,
    key: (usize, usize),
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        let pace = Pace { pause: Duration::from_secs(10), rate: 1024 };
        Self {
            requests: 4096,
            arriving: 4096,
            waiting: 256 * 1024 * 1024,
            waiting_per_connection: 32 * 1024 * 1024,
            portion: 75,
            pace,
            streams: 10_000,
            followed: 1000,
        }
    }
}

impl Admission {
    /// Creates the capacities, all of them free.
    pub(crate) fn new(limits: AdmissionLimits) -> Arc<Self> {
        let documents = Documents { limit: limits.waiting, portion: limits.portion, on_their_way: Mutex::default() };
        Arc::new(Self {
            limits,
            clients: Clients::new(),
            requests: Capacity::new(Kind::Requests, limits.requests, limits.portion),
            arriving: Capacity::new(Kind::Arriving, limits.arriving, limits.portion),
            waiting: Capacity::new(Kind::Waiting, limits.waiting, limits.portion),
            operators: Capacity::new(Kind::Operators, OPERATOR_BYTES, 100),
            streams: Capacity::new(Kind::Streams, limits.streams, limits.portion),
            followed: Capacity::new(Kind::Followed, limits.followed, limits.portion),
            documents: Arc::new(documents),
        })
    }

    /// Limits that were given.
    pub(super) fn limits(&self) -> &AdmissionLimits {
        &self.limits
    }

    /// Returns the client with an address.
    pub(super) fn client(&self, address: IpAddr) -> Arc<Client> {
        self.clients.get(address.into())
    }

    /// Takes a slot for a request, to be given back by [`Self::end_request`].
    pub(super) fn begin_request(&self, client: &Client) -> Result<(), HttpError> {
        if self.requests.enter(client) { Ok(()) } else { Err(refused("requests")) }
    }

    /// Gives back the slot of a request.
    pub(super) fn end_request(&self, client: &Client) {
        self.requests.leave(client);
    }

    /// Takes a slot for a request body that begins to arrive.
    pub(super) fn body(&self, client: &Arc<Client>) -> Result<Share, HttpError> {
        self.arriving.take(client, 1).ok_or_else(|| refused("bodies"))
    }

    /// Counts bytes that wait in memory.
    pub(super) fn bytes(&self, client: &Arc<Client>, bytes: usize) -> Result<Share, HttpError> {
        self.waiting.take(client, bytes).ok_or_else(|| refused("bytes"))
    }

    /// Takes a place for an answer that stays open; none if all are taken, or the client's part of them.
    pub(super) fn stream(&self, client: &Arc<Client>) -> Option<Share> {
        self.streams.take(client, 1)
    }

    /// Takes a place for a request whose answer is computed again whenever something changes.
    pub(super) fn followed(&self, client: &Arc<Client>) -> Option<Share> {
        self.followed.take(client, 1)
    }

    /// Begins to count the bytes of an operator's request body.
    pub(super) fn operator_bytes(&self, client: &Arc<Client>) -> Result<Share, HttpError> {
        self.operators.take(client, 0).ok_or_else(|| refused("operator-bytes"))
    }

    /// Counts more bytes that wait in memory.
    pub(super) fn more_bytes(share: Share, bytes: usize) -> Result<Share, HttpError> {
        share.grown(bytes).ok_or_else(|| refused("bytes"))
    }

    /// Counts a reader of a body that others may read as well.
    pub(super) fn reader(&self, client: &Arc<Client>, body: &Bytes) -> Result<Reader, HttpError> {
        self.documents.reader(client, body).ok_or_else(|| refused("bytes"))
    }
}

/// Counts a refusal and returns it.
pub(super) fn refused(what: &'static str) -> HttpError {
    metrics::counter!("alto_overload_refused_total", "limit" => what).increment(1);
    HttpError::Overloaded(RETRY_AFTER)
}

impl Documents {
    fn reader(self: &Arc<Self>, client: &Arc<Client>, body: &Bytes) -> Option<Reader> {
        let key = (body.as_ptr().addr(), body.len());
        let mut on_their_way = self.on_their_way();
        if !on_their_way.contains_key(&key) {
            let total: usize = on_their_way.keys().map(|(_, len)| len).sum();
            let of_client = |readers: &Readers| Arc::ptr_eq(&readers.first, client);
            let own: usize =
                on_their_way.iter().filter(|(_, readers)| of_client(readers)).map(|((_, len), _)| len).sum();
            // A few versions of the largest document always fit.
            let limit = self.limit.max(body.len().saturating_mul(4));
            let (total, own) = (total.saturating_add(body.len()), own.saturating_add(body.len()));
            if total > limit || own > limit / 100 * self.portion {
                return None;
            }
        }
        let readers = on_their_way.entry(key).or_insert_with(|| Readers { count: 0, first: Arc::clone(client) });
        readers.count += 1;
        Some(Reader { documents: Arc::clone(self), key })
    }

    fn on_their_way(&self) -> MutexGuard<'_, HashMap<(usize, usize), Readers>> {
        self.on_their_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut on_their_way = self.documents.on_their_way();
        if let Some(readers) = on_their_way.get_mut(&self.key) {
            readers.count -= 1;
            if readers.count == 0 {
                on_their_way.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_counts_once_for_all_its_readers() {
        let admission = Admission::new(AdmissionLimits { waiting: 1000, ..AdmissionLimits::default() });
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|address| admission.client(address.parse().unwrap()));
        let versions: Vec<Bytes> = (0..5).map(|_| vec![0; 240].into()).collect();
        let read = |client, version: usize| admission.reader(client, &versions[version]);
        let mut readers: Vec<_> = (0..100).map(|_| read(&one, 0).unwrap()).collect();
        readers.push(read(&one, 1).unwrap());
        readers.push(read(&one, 2).unwrap());
        // A fourth version would leave nothing to others.
        assert!(read(&one, 3).is_err());
        readers.push(read(&other, 3).unwrap());
        readers.push(read(&one, 3).unwrap());
        assert!(read(&other, 4).is_err());
        drop(readers);
        assert!(read(&other, 4).is_ok());
        assert_eq!(admission.documents.on_their_way().len(), 0);
    }
}
