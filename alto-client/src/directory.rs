//! The information resource closure: everything that can be reached from one directory (RFC 7285 §8.3.1).

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use alto_types::{CostType, MediaType, ResourceId};

use super::cache::{Cache, Kept, Reuse};
use super::decode;
use super::document::{Document, Entry};
use super::error::Error;
use super::exchange::{Exchange, Question};
use super::uri::HttpUri;

/// Directory documents of one closure that are read.
const MAX_DOCUMENTS: usize = 64;
/// The longest document.
const MAX_DOCUMENT: u64 = 4 * 1024 * 1024;
/// Entries of one closure that are kept.
const MAX_ENTRIES: usize = 10_000;
/// Problems of one closure that are told.
const MAX_PROBLEMS: usize = 1000;

/// All resources that a directory leads to, by way of others where it delegates.
#[derive(Clone, Debug)]
pub struct Directory {
    uri: HttpUri,
    default_network_map: Option<ResourceId>,
    /// In the order they were found, nearest the root first.
    entries: Vec<Entry>,
    by_id: HashMap<ResourceId, usize>,
    problems: Vec<String>,
    read: Instant,
    /// Every document of it was asked for when it was read.
    confirmed: bool,
}

/// What can be asked of a resource, as its media types say (RFC 7285 §9.2.5.2: only `accepts` tells a whole map from
/// a filter).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Another directory.
    Directory,
    /// A whole network map, by GET.
    NetworkMap,
    /// Parts of a network map, by POST.
    FilteredNetworkMap,
    /// A whole cost map, by GET.
    CostMap,
    /// Parts of a cost map, by POST.
    FilteredCostMap,
    /// Properties of endpoints.
    EndpointProperty,
    /// Costs between endpoints.
    EndpointCost,
    /// Something of an extension this client does not speak.
    Other,
}

impl Entry {
    /// What can be asked of it.
    pub fn kind(&self) -> Kind {
        let accepts = self.accepts();
        let filter = |expected: MediaType, kind| match accepts {
            Some(accepts) if expected.names(accepts) => kind,
            _ => Kind::Other,
        };
        let whole_or = |expected, whole, part| if accepts.is_none() { whole } else { filter(expected, part) };
        let media_type = self.media_type();
        if MediaType::NETWORK_MAP.names(media_type) {
            whole_or(MediaType::NETWORK_MAP_FILTER, Kind::NetworkMap, Kind::FilteredNetworkMap)
        } else if MediaType::COST_MAP.names(media_type) {
            whole_or(MediaType::COST_MAP_FILTER, Kind::CostMap, Kind::FilteredCostMap)
        } else if MediaType::ENDPOINT_PROPERTY.names(media_type) {
            filter(MediaType::ENDPOINT_PROPERTY_PARAMS, Kind::EndpointProperty)
        } else if MediaType::ENDPOINT_COST.names(media_type) {
            filter(MediaType::ENDPOINT_COST_PARAMS, Kind::EndpointCost)
        } else if MediaType::DIRECTORY.names(media_type) && accepts.is_none() {
            Kind::Directory
        } else {
            Kind::Other
        }
    }

    /// Whether it has costs of this type.
    pub fn offers(&self, cost_type: &CostType) -> bool {
        self.cost_types().iter().any(|offered| offered.is(cost_type))
    }
}

impl Directory {
    /// Reads a directory and all that it delegates to. A document that cannot be read is a problem only where it is
    /// the first.
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
        // What is delegated may take as long again as one answer, and no longer.
        let deadline = Instant::now() + exchange.limits().timeout;
        let mut count = 1;
        while let Some(next) = waiting.pop_front() {
            if !visited.insert(next.key()) {
                continue;
            }
            if count == MAX_DOCUMENTS {
                closure.problem(format!("{next}: not read: {MAX_DOCUMENTS} directories are enough"));
                break;
            }
            count += 1;
            match fetch(&next, Some(deadline)) {
                // Another way to a document that is known.
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

    /// Takes the entries of a document; the directories among them are where to go on.
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
                    self.problem(format!("{}: left out: {MAX_ENTRIES} resources are enough", document.uri));
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

    /// The URI of the first document, after redirects.
    pub fn uri(&self) -> &str {
        self.uri.as_str()
    }

    /// The network map to use where nothing speaks for another; nothing where the directory names none that exists.
    pub fn default_network_map(&self) -> Option<&ResourceId> {
        self.default_network_map.as_ref()
    }

    /// All resources, those of the first document first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// All resources of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Entry> + Clone {
        self.entries.iter().filter(move |entry| entry.kind() == kind)
    }

    /// The resource with this ID.
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.by_id.get(id).and_then(|index| self.entries.get(*index))
    }

    /// What was left out of the closure, or could not be read, each with the reason.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// When it was read.
    pub(crate) fn read(&self) -> Instant {
        self.read
    }

    /// Whether it may have changed since this moment, or before.
    pub(crate) fn is_older_than(&self, moment: Instant) -> bool {
        !self.confirmed || self.read < moment
    }

    /// The network map with this ID, or the default one.
    pub(crate) fn network_map(&self, id: Option<&str>) -> Result<&Entry, Error> {
        let maps = || self.of_kind(Kind::NetworkMap);
        match id.or(self.default_network_map.as_ref().map(ResourceId::as_str)) {
            Some(id) => self
                .get(id)
                .filter(|entry| entry.kind() == Kind::NetworkMap)
                .ok_or_else(|| Error::unsupported(format!("network map {id:?}"), maps().map(name).collect())),
            // Where there is only one there is nothing to choose.
            None => match (maps().next(), maps().nth(1)) {
                (Some(only), None) => Ok(only),
                (None, _) => Err(Error::unsupported("network map".to_owned(), Vec::new())),
                _ => Err(Error::NoDefaultNetworkMap { maps: maps().map(|entry| entry.id.clone()).collect() }),
            },
        }
    }

    /// A resource of this kind that filters this network map, or gives costs keyed on it.
    pub(crate) fn based_on(&self, kind: Kind, network_map: &ResourceId) -> impl Iterator<Item = &Entry> {
        let only_map = self.of_kind(Kind::NetworkMap).nth(1).is_none();
        let network_map = network_map.clone();
        // A server that forgot `uses` can only mean its only map; the version tags will tell if not.
        self.of_kind(kind)
            .filter(move |entry| entry.uses().contains(&network_map) || (entry.uses().is_empty() && only_map))
    }

    /// Of some resources one that offers this cost type, if possible one that takes constraints where some are wanted.
    pub(crate) fn with_cost_type<'a>(
        entries: impl Iterator<Item = &'a Entry>,
        cost_type: &CostType,
        constrained: bool,
    ) -> Option<&'a Entry> {
        let mut fallback = None;
        for entry in entries.filter(|entry| entry.offers(cost_type)) {
            if !constrained || entry.capabilities().cost_constraints {
                return Some(entry);
            }
            fallback = fallback.or(Some(entry));
        }
        fallback
    }

    /// Whether there are endpoint costs of this type: from the service for them, or by maps.
    pub fn has_costs(&self, cost_type: &CostType) -> bool {
        let costs = [Kind::EndpointCost, Kind::CostMap, Kind::FilteredCostMap];
        self.entries().any(|entry| costs.contains(&entry.kind()) && entry.offers(cost_type))
    }

    /// No resource gives these costs: the error says which there are.
    pub(crate) fn no_costs(entries: impl Iterator<Item = Entry>, what: &str, cost_type: &CostType) -> Error {
        let mut offered: Vec<String> = Vec::new();
        for cost_type in entries.flat_map(|entry| entry.cost_types) {
            let name = format!("{} {}", cost_type.cost_mode, cost_type.cost_metric);
            if !offered.contains(&name) {
                offered.push(name);
            }
        }
        let CostType { cost_metric, cost_mode, .. } = cost_type;
        Error::unsupported(format!("{what} for {cost_mode} {cost_metric}"), offered)
    }
}

impl Entry {
    fn is_like(&self, other: &Self) -> bool {
        self.uri == other.uri && self.media_type == other.media_type && self.accepts == other.accepts
    }
}

fn name(entry: &Entry) -> String {
    entry.id.to_string()
}
