//! A client of ALTO servers (RFC 7285), for any program: blocking, thread-safe, cheap to clone.
//!
//! A [`Client`] starts from the URI of a directory, finds out what there is behind it, and asks:
//!
//! ```no_run
//! use alto_client::{Client, EndpointCostQuery};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("http://alto.example/directory").build()?;
//!
//! // Where is an address in the network? The map is fetched once and looked up here.
//! let map = client.network_map(None)?;
//! println!("{:?}", map.pid_of("192.0.2.7".parse()?));
//!
//! // What does it cost to get to each of these from here? (An empty list of sources means this client itself.)
//! let destinations = vec!["ipv4:192.0.2.7".parse()?, "ipv4:198.51.100.1".parse()?];
//! let costs = client.endpoint_costs(&EndpointCostQuery { destinations, ..Default::default() })?;
//! for (_, destination, cost) in costs.iter() {
//!     println!("{destination} {cost}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! * A [`Directory`] is the whole closure: directories that others delegate to are followed, within bounds, and what
//!   is ill-formed in one is left out and told by [`Directory::problems`].
//! * Maps are kept and used as the server's caching fields allow, and validated when that ends. [`Client::maps`]
//!   gives a network map and costs that are of one version.
//! * Every [`Error`] names the URI; an ALTO error keeps its code, field and value ([`AltoError`]).
//! * Several costs at once ([`SeveralCosts`]) are one request where the server can do that (RFC 8189), and one for each
//!   type where it cannot. [`metric`] knows units, and of which metrics more is better (RFC 9439).
//! * Everything is bounded: time, size, redirects, retries, documents. See [`ClientBuilder`].
//!
//! Where something can be had in several ways the cheapest is taken: GET before POST, one answer for many requests,
//! filters of our own where a server has none. Costs that a server does not define are absent, never 0.

mod builder;
mod by_endpoint;
mod cache;
mod cost_map;
mod decode;
mod digest;
mod directory;
mod document;
mod endpoint_cost;
mod endpoint_property;
mod endpoint_queries;
mod error;
mod exchange;
mod freshness;
mod map_queries;
pub mod metric;
mod network_map;
mod several;
mod several_endpoint_costs;
mod several_maps;
mod sibling;
mod transport;
mod uri;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alto_types::{CostType, MediaType, Message, NameError};

pub use self::builder::{BuildError, ClientBuilder};
pub use self::cost_map::{CostMap, CostMapQuery, Maps};
pub use self::directory::{Directory, Kind};
pub use self::document::Entry;
pub use self::endpoint_cost::{Basis, EndpointCostQuery, EndpointCosts};
pub use self::endpoint_property::EndpointProperties;
pub use self::error::{AltoError, Error, RedirectFault, printable};
pub use self::network_map::{NetworkMap, PartialNetworkMap};
pub use self::several::{CostTable, CostTest, SeveralCosts};
pub use self::several_endpoint_costs::{SeveralEndpointCosts, SeveralEndpointCostsQuery};
pub use self::several_maps::{SeveralMaps, SeveralMapsQuery};
pub use self::sibling::SiblingAnswer;
pub use self::uri::UriError;

use self::cache::{Cache, Reuse};
use self::document::Document;
use self::exchange::{Answer, Exchange, Question};
use self::uri::HttpUri;

/// A client of the ALTO service behind one directory. Clones share connections and everything that was fetched.
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
    documents: Cache<Document>,
    network_maps: Cache<NetworkMap>,
    cost_maps: Cache<CostMap>,
}

impl Client {
    /// Starts making a client of the service whose directory has this URI.
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
                documents: Cache::default(),
                network_maps: Cache::default(),
                cost_maps: Cache::default(),
            }),
        }
    }

    /// The directory, with all it leads to: the one read before while it may be relied on, else read again.
    pub fn directory(&self) -> Result<Arc<Directory>, Error> {
        let known = self.inner.directory.lock().ok().and_then(|known| known.clone());
        match known.filter(|known| known.read().elapsed() < self.inner.directory_lifetime) {
            Some(known) => Ok(known),
            None => self.read_directory(Reuse::WhileFresh),
        }
    }

    /// Forgets everything that was fetched, so that the next question starts from the directory again.
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

    /// Asks by the directory; where the answer shows that it is out of date, once more by a new one.
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

    /// Asks a resource by POST (RFC 7285 §8.3.2).
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

/// A cost type by the names of its metric and mode, such as `routingcost` and `ordinal`.
pub fn cost_type(metric: &str, mode: &str) -> Result<CostType, NameError> {
    Ok(CostType::new(metric.parse()?, mode.parse()?))
}

/// `routingcost` in numbers: what every server has, in this mode or the other (RFC 7285 §6.1.1.1).
#[expect(clippy::missing_panics_doc, reason = "it does not: the names are legal")]
pub fn routing_cost() -> CostType {
    cost_type("routingcost", alto_types::CostMode::NUMERICAL).expect("these names are legal")
}
