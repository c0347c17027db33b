//! Client: the directory it works from, and what it has fetched. The requests of each kind are in the files beside.

mod builder;
mod cost_maps;
mod endpoint_costs;
mod endpoint_lists;
mod network_maps;
mod properties;
mod property_maps;
mod sibling;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use alto_types::{MediaType, Message};

pub use self::builder::{BuildError, ClientBuilder};
pub use self::sibling::SiblingAnswer;
use crate::cost::CostMapPart;
use crate::decode;
use crate::directory::{Directory, Document, Entry};
use crate::error::Error;
use crate::exchange::{Answer, Cache, Exchange, HttpUri, Line, Live, Question, Reuse};
use crate::network_map::NetworkMap;

/// Client of the ALTO service behind one directory. Clones share connections and everything that was fetched.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: HttpUri,
    exchange: Exchange,
    directory_lifetime: Duration,
    directory: Mutex<Option<Arc<Directory>>>,
    /// URI at which the directory was found, once that was looked for on behalf of its siblings.
    found_at: OnceLock<HttpUri>,
    documents: Cache<Document>,
    network_maps: Cache<NetworkMap>,
    cost_maps: Cache<CostMapPart>,
}

/// Longest time for the head of an answer that waits for something to change.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Longest silence on a stream, three times the one that servers keep (RFC 8895 §6.8).
const LONGEST_SILENCE: Duration = Duration::from_secs(45);

fn to_json<R: serde::Serialize>(uri: &HttpUri, request: &R) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(request).map_err(|source| Error::Transport { uri: uri.to_string(), source: source.into() })
}

impl Client {
    /// Starts building a client of the service whose directory has this URI.
    pub fn builder(directory: &str) -> ClientBuilder {
        ClientBuilder::new(directory)
    }

    fn new(root: HttpUri, exchange: Exchange, directory_lifetime: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                root,
                exchange,
                directory_lifetime,
                directory: Mutex::default(),
                found_at: OnceLock::new(),
                documents: Cache::default(),
                network_maps: Cache::default(),
                cost_maps: Cache::default(),
            }),
        }
    }

    /// The directory with everything it delegates to, read again when its lifetime has passed.
    pub fn directory(&self) -> Result<Arc<Directory>, Error> {
        let known = self.inner.directory.lock().ok().and_then(|known| known.clone());
        match known.filter(|known| known.read().elapsed() < self.inner.directory_lifetime) {
            Some(known) => Ok(known),
            None => self.read_directory(Reuse::WhileFresh),
        }
    }

    /// Drops everything that was fetched, so that the next query starts from the directory again.
    pub fn forget(&self) {
        let Inner { documents, network_maps, cost_maps, .. } = &*self.inner;
        documents.clear();
        network_maps.clear();
        cost_maps.clear();
        if let Ok(mut directory) = self.inner.directory.lock() {
            *directory = None;
        }
    }

    fn read_directory(&self, reuse: Reuse) -> Result<Arc<Directory>, Error> {
        let Inner { exchange, documents, root, .. } = &*self.inner;
        let directory = Arc::new(Directory::discover(exchange, documents, root, reuse)?);
        if let Ok(mut known) = self.inner.directory.lock() {
            *known = Some(Arc::clone(&directory));
        }
        Ok(directory)
    }

    /// Runs a query by the directory, and once more by a new one if the failure suggests that the old one is out of date.
    fn by_directory<T>(&self, ask: impl Fn(&Directory) -> Result<T, Error>) -> Result<T, Error> {
        let started = Instant::now();
        let mut directory = self.directory()?;
        let mut result = ask(&directory);
        if let Err(error) = &result
            && error.suggests_stale_directory()
            && directory.is_older_than(started)
        {
            directory = self.read_directory(Reuse::Never)?;
            result = ask(&directory);
        }
        if let Err(Error::Unsupported { problems, .. }) = &mut result
            && problems.is_empty()
        {
            problems.extend_from_slice(directory.problems());
        }
        result
    }

    /// URI of the directory.
    pub(crate) fn root(&self) -> &HttpUri {
        &self.inner.root
    }

    /// Size of the largest answer accepted, in bytes.
    pub(crate) fn max_answer(&self) -> u64 {
        self.inner.exchange.limits().max_answer
    }

    /// Sends a request, by POST if it has a body, and returns the body of the answer, which must be of the media type.
    pub(crate) fn ask_raw<R: serde::Serialize>(
        &self,
        uri: &HttpUri,
        accept: MediaType,
        request: Option<(MediaType, &R)>,
    ) -> Result<Vec<u8>, Error> {
        let body = request.map(|(media_type, request)| Ok((media_type, to_json(uri, request)?))).transpose()?;
        let body = body.as_ref().map(|(media_type, bytes)| (*media_type, bytes.as_slice()));
        let answer = self.inner.exchange.ask(&Question { body, ..Question::get(uri, accept) })?;
        decode::expect(&answer, accept)?;
        Ok(answer.body)
    }

    /// Opens a line for answers that may take long.
    pub(crate) fn line(&self) -> Line {
        self.inner.exchange.line()
    }

    /// Sends a request on a line, by POST if it has a body, for an answer that may take long to begin or to end.
    pub(crate) fn open<R: serde::Serialize>(
        &self,
        line: &Line,
        uri: &HttpUri,
        accept: &[MediaType],
        request: Option<(MediaType, &R)>,
    ) -> Result<Live, Error> {
        let body = request.map(|(media_type, request)| Ok((media_type, to_json(uri, request)?))).transpose()?;
        let body = body.as_ref().map(|(media_type, bytes)| (*media_type, bytes.as_slice()));
        let (first, or) = accept.split_first().ok_or(Error::Query("no media type is accepted"))?;
        let question = Question { or, body, ..Question::get(uri, *first) };
        self.inner.exchange.open(&question, line, LONGEST_WAIT, LONGEST_SILENCE)?.or_else(|answer| {
            decode::expect(&answer, *first)?;
            Err(decode::malformed(&answer, "a success that is none"))
        })
    }

    /// Sends a request to a resource by POST (RFC 7285 §8.3.2) and reads the answer.
    fn post<R: Message + serde::Serialize, T>(
        &self,
        entry: &Entry,
        accept: MediaType,
        request: &R,
        read: impl FnOnce(&Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let body = to_json(&entry.uri, request)?;
        let question = Question { body: Some((R::MEDIA_TYPE, &body)), ..Question::get(&entry.uri, accept) };
        read(&self.inner.exchange.ask(&question)?)
    }
}
