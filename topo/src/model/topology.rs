//! A checked network: names resolve, numbers are in range, and every link has a cost.

use std::sync::Arc;

use super::parts::{Host, Link, NodeId, Switch};
use super::properties::{Properties, Rows};
use crate::file::CostModel;
use crate::metric::Metric;
use crate::name::{MapName, NodeName};
use crate::prefix::layer::{PrefixDifference, PrefixLayer};
use crate::prefix::network_map::{NetworkMap, PidId};

/// A checked, immutable network.
#[derive(Clone, Debug)]
pub struct Topology {
    pub(crate) frame: Arc<Frame>,
    /// PIDs as the file has them.
    pub(crate) own: Arc<Grouping>,
    /// PIDs with the prefixes of other sources.
    pub(crate) grouping: Arc<Grouping>,
    /// Network maps beside the default one, by name.
    pub(crate) maps: Arc<[FurtherMap]>,
    /// Links in the order of the file.
    pub(crate) links: Vec<Link>,
}

/// The part of a topology that link changes leave as it is.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) name: String,
    /// Hosts, sorted by name.
    pub(crate) hosts: Vec<Host>,
    /// Switches, sorted by name.
    pub(crate) switches: Vec<Switch>,
    /// Names of all nodes, sorted, so that [`NodeId`] indexes them.
    pub(crate) nodes: Vec<NodeName>,
    pub(crate) cost: CostModel,
    pub(crate) warnings: Vec<String>,
}

/// The grouping of addresses into PIDs.
#[derive(Debug)]
pub(crate) struct Grouping {
    pub(crate) network_map: Arc<NetworkMap>,
    /// For each PID of the network map, the nodes where its traffic enters the network.
    pub(crate) entries: Arc<Vec<Vec<NodeId>>>,
    pub(crate) properties: Properties,
}

/// A network map beside the default one: another grouping of the same addresses.
#[derive(Debug)]
pub(crate) struct FurtherMap {
    pub(crate) name: MapName,
    pub(crate) grouping: Arc<Grouping>,
}

impl Grouping {
    /// Creates a grouping in which no PID has properties.
    pub(crate) fn without_properties(map: NetworkMap, entries: Vec<Vec<NodeId>>) -> Self {
        let network_map = Arc::new(map);
        let properties = Properties::new(Vec::new(), Rows::default(), Arc::clone(&network_map));
        Self { network_map, entries: Arc::new(entries), properties }
    }

    /// Returns the grouping with another network map, whose PIDs have the entries of those of the same name.
    fn with_map(&self, map: NetworkMap) -> Self {
        let network_map = Arc::new(map);
        let entries = if network_map.len() == self.network_map.len() {
            Arc::clone(&self.entries)
        } else {
            let of = |name: &str| Some(self.entries[self.network_map.id(name)?.0 as usize].clone());
            Arc::new(network_map.pids().map(|(_, pid)| of(pid.name().as_str()).unwrap_or_default()).collect())
        };
        let properties = self.properties.with_map(Arc::clone(&network_map));
        Self { network_map, entries, properties }
    }
}

impl Topology {
    /// Returns the topology with the prefixes of other sources above its own.
    #[must_use]
    pub fn with_prefixes(&self, layer: &PrefixLayer) -> Self {
        let grouping = if layer.is_empty() {
            Arc::clone(&self.own)
        } else {
            Arc::new(self.own.with_map(layer.over(&self.own.network_map)))
        };
        self.with_grouping(grouping)
    }

    /// Returns the topology after a change of the prefixes that it had from other sources; equals
    /// [`with_prefixes`](Self::with_prefixes), but takes time in proportion to the change.
    #[must_use]
    pub fn with_prefix_changes(&self, layer: &PrefixLayer, difference: &PrefixDifference) -> Self {
        let map = layer.update(&self.grouping.network_map, &self.own.network_map, difference);
        let grouping = Arc::new(self.own.with_map(map));
        self.with_grouping(grouping)
    }

    /// Returns the topology with the prefixes that another one has from other sources, if both have the same PIDs.
    pub fn with_prefixes_of(&self, other: &Self) -> Option<Self> {
        let same = self.own.network_map.tag() == other.own.network_map.tag() && self.own.entries == other.own.entries;
        same.then(|| {
            let grouping = Arc::new(self.own.with_map((*other.grouping.network_map).clone()));
            self.with_grouping(grouping)
        })
    }

    fn with_grouping(&self, grouping: Arc<Grouping>) -> Self {
        let (frame, own, maps) = (Arc::clone(&self.frame), Arc::clone(&self.own), Arc::clone(&self.maps));
        Self { frame, own, grouping, maps, links: self.links.clone() }
    }

    /// Iterates over the names of the network maps beside the default one, in order.
    pub fn map_names(&self) -> impl ExactSizeIterator<Item = &MapName> {
        self.maps.iter().map(|map| &map.name)
    }

    /// Returns the number of PIDs of the largest network map, without the prefixes of other sources.
    pub fn most_pids(&self) -> usize {
        let maps = self.maps.iter().map(|map| &map.grouping);
        maps.chain([&self.own]).map(|grouping| grouping.network_map.len()).max().unwrap_or_default()
    }

    /// Iterates over the topologies that have the network maps beside the default one as theirs, in the order of
    /// [`map_names`](Self::map_names). Prefixes of other sources belong to the default map only.
    pub fn further(&self) -> impl ExactSizeIterator<Item = Self> {
        self.maps.iter().map(|map| {
            let (own, grouping) = (Arc::clone(&map.grouping), Arc::clone(&map.grouping));
            Self { frame: Arc::clone(&self.frame), own, grouping, maps: Arc::default(), links: self.links.clone() }
        })
    }

    /// Iterates over the names of the nodes where the traffic of a PID enters the network.
    pub fn entries(&self, pid: PidId) -> impl Iterator<Item = &NodeName> {
        let entries = self.grouping.entries.get(pid.0 as usize).map(Vec::as_slice).unwrap_or_default();
        entries.iter().map(|node| &self.frame.nodes[*node as usize])
    }

    /// Returns whether another topology has the same nodes and links because it derives from the same file, so that only
    /// values of links and prefixes differ.
    pub fn has_same_nodes(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.frame, &other.frame)
    }

    /// Network map of the topology itself, without the prefixes of other sources.
    pub fn own_network_map(&self) -> &NetworkMap {
        &self.own.network_map
    }

    /// Name of the network.
    pub fn name(&self) -> &str {
        &self.frame.name
    }

    /// Iterates over all hosts, by name.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &Host> {
        self.frame.hosts.iter()
    }

    /// Iterates over all switches, by name.
    pub fn switches(&self) -> impl ExactSizeIterator<Item = &Switch> {
        self.frame.switches.iter()
    }

    /// Iterates over all links, in the order of the file.
    pub fn links(&self) -> impl ExactSizeIterator<Item = &Link> {
        self.links.iter()
    }

    /// Returns whether any link's value in a metric was measured.
    pub fn is_measured(&self, metric: Metric) -> bool {
        self.links.iter().any(|link| metric.is_measured(link))
    }

    /// Warnings about content that is valid but probably unintended.
    pub fn warnings(&self) -> &[String] {
        &self.frame.warnings
    }
}
