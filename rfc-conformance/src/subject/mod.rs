//! The server under test: its directories and the resources they list.

mod discover;
mod resource;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::http::{Exchange, NoAnswer};

pub use resource::{CostType, Kind, Resource};

/// Server under test, as its directories describe it.
#[derive(Debug)]
pub struct Subject {
    /// URI of the root directory, as the user gave it.
    pub root: String,
    /// First answer of the root URI, which should be a directory.
    pub first: Arc<Exchange>,
    /// Directories, the root first; empty if the root URI gives no directory.
    pub directories: Vec<Directory>,
    /// Entries of all directories in the order of discovery; identical entries of two directories count once.
    pub resources: Vec<Resource>,
    /// Index of the first resource with each ID.
    by_id: HashMap<String, usize>,
    /// Indices of the resources at each URI.
    by_uri: HashMap<String, Vec<usize>>,
    /// Directory entries that gave no directory.
    pub dead_ends: Vec<DeadEnd>,
    /// Indices of resources that checks leave alone, with the ID of the resource that gives no answer to an ordinary request:
    /// itself, or the network map that requests for it are made from.
    withheld: BTreeMap<usize, String>,
    /// Reason why discovery stopped before all directories were read.
    pub unfinished: Option<String>,
}

/// A directory of the subject.
#[derive(Debug)]
pub struct Directory {
    /// Exchange with the directory as answer.
    pub exchange: Arc<Exchange>,
    /// Base URI of relative references.
    pub base: String,
    /// ID under which another directory lists it; `None` for the root.
    pub id: Option<String>,
}

/// A directory entry that gave no directory.
#[derive(Debug)]
pub struct DeadEnd {
    /// ID of the entry.
    pub id: String,
    /// Answer that was given instead.
    pub answer: Result<Arc<Exchange>, NoAnswer>,
}

impl Directory {
    /// Returns the whole document.
    pub fn document(&self) -> &Value {
        self.exchange.value().unwrap_or(&Value::Null)
    }

    /// Returns the cost type that `meta.cost-types` defines for a name.
    pub fn cost_type(&self, name: &str) -> Option<CostType> {
        CostType::read(self.document().get("meta")?.get("cost-types")?.get(name)?)
    }
}

impl Subject {
    /// Withholds a resource from all checks but those of its directory entry, because of a resource that does not answer.
    pub(crate) fn withhold(&mut self, index: usize, cause: &str) {
        self.withheld.insert(index, cause.to_owned());
    }

    /// Returns the ID of the resource because of which a resource is withheld.
    pub(crate) fn cause_of_withholding(&self, resource: &Resource) -> Option<&str> {
        let is_it = |index: &usize| {
            self.resources.get(*index).is_some_and(|other| other.id == resource.id && other.uri == resource.uri)
        };
        self.withheld.iter().find(|(index, _)| is_it(index)).map(|(_, cause)| cause.as_str())
    }

    /// Returns all resources of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }

    /// Returns resources that are read by GET, except directories, up to a bound.
    pub fn readable(&self) -> impl Iterator<Item = &Resource> {
        let ours = self.resources.iter().filter(|resource| !matches!(resource.kind, Kind::Directory | Kind::Other));
        let others = self.of(Kind::Other).filter(|resource| !resource.is_posted()).take(16);
        ours.filter(|resource| !resource.is_posted()).take(256).chain(others)
    }

    /// Returns the resource with an ID.
    pub fn named(&self, id: &str) -> Option<&Resource> {
        self.by_id.get(id).map(|index| &self.resources[*index])
    }

    /// Returns the resources at a URI.
    pub fn at(&self, uri: &str) -> impl Iterator<Item = &Resource> {
        self.by_uri.get(uri).into_iter().flatten().map(|index| &self.resources[*index])
    }

    /// Returns the directory that lists a resource.
    pub fn directory_of(&self, resource: &Resource) -> &Directory {
        &self.directories[resource.directory]
    }

    /// Returns the network map in `uses` of a resource.
    pub fn network_map_of(&self, resource: &Resource) -> Option<&Resource> {
        let mut maps = resource.uses().into_iter().filter_map(|id| self.named(id));
        maps.find(|resource| resource.kind == Kind::NetworkMap)
    }

    /// Returns the cost types that a resource announces and its directory defines.
    pub fn cost_types_of(&self, resource: &Resource) -> Vec<CostType> {
        let directory = self.directory_of(resource);
        resource.cost_type_names().into_iter().filter_map(|name| directory.cost_type(name)).collect()
    }

    /// Returns the full cost map of a cost type on a network map.
    pub fn cost_map_of(&self, network_map: &str, cost_type: &CostType) -> Option<&Resource> {
        self.of(Kind::CostMap)
            .find(|resource| resource.uses().contains(&network_map) && self.cost_types_of(resource).contains(cost_type))
    }

    /// Returns the default network map, or the first one if there is no default.
    pub fn main_network_map(&self) -> Option<&Resource> {
        let root = self.directories.first()?;
        let default = root.document().pointer("/meta/default-alto-network-map").and_then(Value::as_str);
        let default = default.and_then(|id| self.named(id)).filter(|resource| resource.kind == Kind::NetworkMap);
        default.or_else(|| self.of(Kind::NetworkMap).next())
    }
}
