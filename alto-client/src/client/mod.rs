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
use crate::directory::{Directory, Document, Entry};
use crate::error::Error;
use crate::exchange::{Answer, Cache, Exchange, HttpUri, Question, Reuse};
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

    /// Sends a request to a resource by POST (RFC 7285 §8.3.2) and reads the answer.
    fn post<R: Message + serde::Serialize, T>(
        &self,
        entry: &Entry,
        accept: MediaType,
        request: &R,
        read: impl FnOnce(&Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(request)
            .map_err(|source| Error::Transport { uri: entry.uri().to_owned(), source: source.into() })?;
        let question = Question { body: Some((R::MEDIA_TYPE, &body)), ..Question::get(&entry.uri, accept) };
        read(&self.inner.exchange.ask(&question)?)
    }
}
