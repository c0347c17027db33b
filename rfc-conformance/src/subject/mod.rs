//! The server under test, as its directories describe it.

mod discover;
mod resource;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::http::{Exchange, NoAnswer};

pub use resource::{CostType, Kind, Resource};

/// Everything reachable from the root directory.
#[derive(Debug)]
pub struct Subject {
    /// The URI given by the user.
    pub root: String,
    /// What the root answered; the directory, if all is well.
    pub first: Arc<Exchange>,
    /// Directories, the root first. Empty if the root is none.
    pub directories: Vec<Directory>,
    /// Entries of all directories, in the order found. An entry that stands identically in two directories is there
    /// once.
    pub resources: Vec<Resource>,
    /// The first resource of each ID.
    by_id: HashMap<String, usize>,
    /// The resources at each URI.
    by_uri: HashMap<String, Vec<usize>>,
    /// Entries that are said to be directories and are not, or did not answer.
    pub dead_ends: Vec<DeadEnd>,
    /// Why the closure was not followed to its end, if so.
    pub unfinished: Option<String>,
}

/// A directory.
#[derive(Debug)]
pub struct Directory {
    /// The answer that holds it.
    pub exchange: Arc<Exchange>,
    /// What relative URIs in it are relative to.
    pub base: String,
    /// The ID under which another directory lists it; the root may have none.
    pub id: Option<String>,
}

/// An entry that promised a directory.
#[derive(Debug)]
pub struct DeadEnd {
    /// The entry's ID.
    pub id: String,
    /// What it answered instead.
    pub answer: Result<Arc<Exchange>, NoAnswer>,
}

impl Directory {
    /// The whole document.
    pub fn document(&self) -> &Value {
        self.exchange.value().unwrap_or(&Value::Null)
    }

    /// `meta.cost-types` by name, as far as they can be read.
    pub fn cost_type(&self, name: &str) -> Option<CostType> {
        CostType::read(self.document().get("meta")?.get("cost-types")?.get(name)?)
    }
}

impl Subject {
    /// All resources of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }

    /// Everything that is read by GET, directories apart: of very many, some, and of other standards only a few.
    pub fn readable(&self) -> impl Iterator<Item = &Resource> {
        let ours = self.resources.iter().filter(|resource| !matches!(resource.kind, Kind::Directory | Kind::Other));
        let others = self.of(Kind::Other).filter(|resource| !resource.is_posted()).take(16);
        ours.filter(|resource| !resource.is_posted()).take(256).chain(others)
    }

    /// The resource with an ID.
    pub fn named(&self, id: &str) -> Option<&Resource> {
        self.by_id.get(id).map(|index| &self.resources[*index])
    }

    /// All resources at a URI.
    pub fn at(&self, uri: &str) -> impl Iterator<Item = &Resource> {
        self.by_uri.get(uri).into_iter().flatten().map(|index| &self.resources[*index])
    }

    /// The directory an entry stands in.
    pub fn directory_of(&self, resource: &Resource) -> &Directory {
        &self.directories[resource.directory]
    }

    /// The network map a resource is defined on, by its `uses`.
    pub fn network_map_of(&self, resource: &Resource) -> Option<&Resource> {
        let mut maps = resource.uses().into_iter().filter_map(|id| self.named(id));
        maps.find(|resource| resource.kind == Kind::NetworkMap)
    }

    /// The cost types a resource announces, with their names, as far as they can be resolved.
    pub fn cost_types_of(&self, resource: &Resource) -> Vec<CostType> {
        let directory = self.directory_of(resource);
        resource.cost_type_names().into_iter().filter_map(|name| directory.cost_type(name)).collect()
    }

    /// The full cost map of a cost type over a network map.
    pub fn cost_map_of(&self, network_map: &str, cost_type: &CostType) -> Option<&Resource> {
        self.of(Kind::CostMap)
            .find(|resource| resource.uses().contains(&network_map) && self.cost_types_of(resource).contains(cost_type))
    }

    /// The network map that is the default one, or the only one, or the first.
    pub fn main_network_map(&self) -> Option<&Resource> {
        let root = self.directories.first()?;
        let default = root.document().pointer("/meta/default-alto-network-map").and_then(Value::as_str);
        let default = default.and_then(|id| self.named(id)).filter(|resource| resource.kind == Kind::NetworkMap);
        default.or_else(|| self.of(Kind::NetworkMap).next())
    }
}
