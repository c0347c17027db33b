//! Resource closure: everything that can be reached from one directory (RFC 7285 §8.3.1).

mod document;
mod entry;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use alto_types::{CostType, MediaType, ResourceId};

pub(crate) use self::document::Document;
pub use self::entry::{Entry, Kind};
use crate::cost::metric::label;
use crate::decode;
use crate::error::Error;
use crate::exchange::{Cache, Exchange, HttpUri, Kept, Question, Reuse};

/// Number of documents of one closure that are read.
const MAX_DOCUMENTS: usize = 64;
/// Largest document, in bytes.
const MAX_DOCUMENT: u64 = 4 * 1024 * 1024;
/// Number of entries of one closure that are kept.
const MAX_ENTRIES: usize = 10_000;
/// Number of problems of one closure that are kept.
const MAX_PROBLEMS: usize = 1000;

/// All resources of a directory and of those it delegates to.
#[derive(Clone, Debug)]
pub struct Directory {
    uri: HttpUri,
    default_network_map: Option<ResourceId>,
    /// Entries in the order of discovery, those of the root first.
    entries: Vec<Entry>,
    by_id: HashMap<ResourceId, usize>,
    problems: Vec<String>,
    read: Instant,
    /// True if every document was validated or fetched when the closure was read.
    confirmed: bool,
}

impl Directory {
    /// Reads a directory and all that it delegates to. A document that cannot be read is an error if it is the root, else
    /// a problem.
    pub(crate) fn discover(
        exchange: &Exchange,
        documents: &Cache<Document>,
        uri: &HttpUri,
        reuse: Reuse,
    ) -> Result<Self, Error> {
        let fetch = |uri: &HttpUri, deadline| {
            let limit = Some(MAX_DOCUMENT);
            let question = Question { limit, deadline, ..Question::get(uri, MediaType::DIRECTORY) };
            documents.get(exchange, question, reuse, |answer| {
                decode::expect(answer, MediaType::DIRECTORY)?;
                Document::read(answer)
            })
        };
        let Kept { value: root, asked: mut confirmed } = fetch(uri, None)?;
        let mut closure = Self {
            uri: root.uri.clone(),
            default_network_map: root.default_network_map.clone(),
            entries: Vec::new(),
            by_id: HashMap::new(),
            problems: Vec::new(),
            read: Instant::now(),
            confirmed: false,
        };
        let mut visited = HashSet::from([uri.key(), root.uri.key()]);
        let mut waiting = VecDeque::from(closure.add(&root));
        // The delegated documents may together take as long as one answer.
        let deadline = Instant::now() + exchange.limits().timeout;
        let mut count = 1;
        while let Some(next) = waiting.pop_front() {
            if !visited.insert(next.key()) {
                continue;
            }
            if count == MAX_DOCUMENTS {
                closure.problem(format!("{next}: not read: this client reads at most {MAX_DOCUMENTS} directories"));
                break;
            }
            count += 1;
            match fetch(&next, Some(deadline)) {
                // Another URI of a document that is known.
                Ok(Kept { value, .. }) if value.uri != next && !visited.insert(value.uri.key()) => {}
                Ok(Kept { value, asked }) => {
                    confirmed &= asked;
                    waiting.extend(closure.add(&value));
                }
                Err(error) => closure.problem(error.to_string()),
            }
        }
        closure.check_default();
        closure.confirmed = confirmed;
        Ok(closure)
    }

    /// Adds the entries of a document. Returns the URIs that it delegates to.
    fn add(&mut self, document: &Document) -> Vec<HttpUri> {
        for problem in &document.problems {
            self.problem(problem.clone());
        }
        let mut delegated = Vec::new();
        for entry in &document.entries {
            if entry.kind() == Kind::Directory {
                delegated.push(entry.uri.clone());
            }
            match self.by_id.get(&entry.id).and_then(|index| self.entries.get(*index)) {
                // The same resource in two directories is no contradiction.
                Some(known) if known.is_like(entry) => {}
                Some(known) => {
                    let (id, here, there) = (&entry.id, &entry.uri, &known.uri);
                    self.problem(format!("{}: {id} at {here} is left out: it is already at {there}", document.uri));
                }
                None if self.entries.len() == MAX_ENTRIES => {
                    self.problem(format!(
                        "{}: left out: this client keeps at most {MAX_ENTRIES} resources",
                        document.uri
                    ));
                    break;
                }
                None => {
                    self.by_id.insert(entry.id.clone(), self.entries.len());
                    self.entries.push(entry.clone());
                }
            }
        }
        delegated
    }

    /// Drops a default network map that does not exist.
    fn check_default(&mut self) {
        let Some(id) = &self.default_network_map else { return };
        if self.get(id.as_str()).is_none_or(|entry| entry.kind() != Kind::NetworkMap) {
            let problem = format!("{}: default-alto-network-map {id} is no network map of this directory", self.uri);
            self.problem(problem);
            self.default_network_map = None;
        }
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// URI of the root document, after redirects.
    pub fn uri(&self) -> &str {
        self.uri.as_str()
    }

    /// URI that answered, against which references resolve.
    pub(crate) fn base(&self) -> &HttpUri {
        &self.uri
    }

    /// ID of the default network map; `None` if the directory names none that exists.
    pub fn default_network_map(&self) -> Option<&ResourceId> {
        self.default_network_map.as_ref()
    }

    /// All resources, those of the root document first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// All resources of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Entry> + Clone {
        self.entries.iter().filter(move |entry| entry.kind() == kind)
    }

    /// Resource with this ID.
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.by_id.get(id).and_then(|index| self.entries.get(*index))
    }

    /// Entries that were left out and documents that could not be read, each with the reason.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Moment at which it was read.
    pub(crate) fn read(&self) -> Instant {
        self.read
    }

    /// True if the directory may be older than this moment.
    pub(crate) fn is_older_than(&self, moment: Instant) -> bool {
        !self.confirmed || self.read < moment
    }

    /// Network map with this ID, or the default one.
    pub(crate) fn network_map(&self, id: Option<&str>) -> Result<&Entry, Error> {
        let maps = || self.of_kind(Kind::NetworkMap);
        match id.or(self.default_network_map.as_ref().map(ResourceId::as_str)) {
            Some(id) => self
                .get(id)
                .filter(|entry| entry.kind() == Kind::NetworkMap)
                .ok_or_else(|| Error::unsupported(format!("network map {id:?}"), maps().map(name).collect())),
            // A single network map is the default even if the directory does not say so.
            None => match (maps().next(), maps().nth(1)) {
                (Some(only), None) => Ok(only),
                (None, _) => Err(Error::unsupported("network map".to_owned(), Vec::new())),
                _ => Err(Error::NoDefaultNetworkMap { maps: maps().map(|entry| entry.id.clone()).collect() }),
            },
        }
    }

    /// Resources of one kind that filter this network map, or have costs keyed on it.
    pub(crate) fn based_on(&self, kind: Kind, network_map: &ResourceId) -> impl Iterator<Item = &Entry> {
        let only_map = self.of_kind(Kind::NetworkMap).nth(1).is_none();
        let network_map = network_map.clone();
        // Without `uses` a server can only mean its only map; version tags reveal any other case.
        self.of_kind(kind)
            .filter(move |entry| entry.uses().contains(&network_map) || (entry.uses().is_empty() && only_map))
    }

    /// True if endpoint costs of this type are offered, by a service or by maps.
    pub fn has_costs(&self, cost_type: &CostType) -> bool {
        let costs = [Kind::EndpointCost, Kind::CostMap, Kind::FilteredCostMap];
        self.entries().any(|entry| costs.contains(&entry.kind()) && entry.offers(cost_type))
    }

    /// Error for costs that no resource offers, with those that are offered.
    pub(crate) fn no_costs<'a>(entries: impl Iterator<Item = &'a Entry>, what: &str, cost_type: &CostType) -> Error {
        let mut offered: Vec<String> = Vec::new();
        for name in entries.flat_map(Entry::cost_types).map(label) {
            if !offered.contains(&name) {
                offered.push(name);
            }
        }
        Error::unsupported(format!("{what} for {}", label(cost_type)), offered)
    }
}

fn name(entry: &Entry) -> String {
    entry.id.to_string()
}
